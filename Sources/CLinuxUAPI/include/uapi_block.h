/// Files that are read and written while the caller goes on: io_uring(7), and single blocking calls.
///
/// Every function answers 0 or a positive result, or -errno, where nothing else is said.
#ifndef CARILLON_UAPI_BLOCK_H
#define CARILLON_UAPI_BLOCK_H

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/// What is done to a range of a file.
enum uapi_operation {
    UAPI_OPERATION_READ = 0,
    UAPI_OPERATION_WRITE = 1,
    /// A write that is durable when it has ended (RWF_DSYNC).
    UAPI_OPERATION_WRITE_DURABLY = 2,
    /// Every write that has ended becomes durable (fdatasync).
    UAPI_OPERATION_FLUSH = 3,
    /// The range reads zero and takes no space.
    UAPI_OPERATION_PUNCH = 4,
    /// The range reads zero and keeps its space.
    UAPI_OPERATION_ZERO = 5,
};

struct uapi_request {
    uint32_t operation;
    int32_t fd;
    uint64_t offset;
    /// Bytes of `memory`, or of the range.
    uint64_t count;
    void *_Nullable memory;
    uint64_t token;
};

/// A submission queue and a completion queue that are shared with the kernel.
struct uapi_ring {
    int fd;
    uint32_t entries;
    uint32_t unsubmitted;
    void *_Nullable rings;
    size_t rings_length;
    void *_Nullable elements;
    size_t elements_length;
    uint32_t *_Nullable sq_head, *_Nullable sq_tail, *_Nullable sq_array;
    uint32_t *_Nullable cq_head, *_Nullable cq_tail;
    void *_Nullable completions;
    uint32_t sq_mask, cq_mask;
};

/// Makes a ring for `entries` requests at a time. -ENOSYS for a kernel that knows rings but not
/// every operation above.
int uapi_ring_create(uint32_t entries, struct uapi_ring *ring);
void uapi_ring_close(struct uapi_ring *ring);
/// Puts a request into the submission queue; -EBUSY if that is full.
int uapi_ring_put(struct uapi_ring *ring, const struct uapi_request *request);
/// Hands every request that was put to the kernel; the rest stays for the next call.
int uapi_ring_submit(struct uapi_ring *ring);
/// Takes back the request that was put last and not submitted: 1, or 0 if there is none.
int uapi_ring_withdraw(struct uapi_ring *ring, uint64_t *token);
/// Takes a completion: 1, or 0 if there is none. `result` is what the operation answered.
int uapi_ring_take(struct uapi_ring *ring, uint64_t *token, int32_t *result);

/// Does the request in this thread, and answers as the kernel would.
int64_t uapi_perform(const struct uapi_request *request);

/// Waits until `fd` can be read.
int uapi_wait_readable(int fd);

struct uapi_file {
    uint64_t bytes;
    uint32_t block_bytes;
    int32_t is_block_device;
};

/// Opens a regular file or a block device. -ENOTBLK for other kinds of files.
int uapi_block_open(const char *path, int read_only, struct uapi_file *file);
/// Locks a range of an open file against writers, or against everybody, until the last descriptor
/// of the open file is closed (F_OFD_SETLK). -EAGAIN if somebody has it.
int uapi_lock_range(int fd, int shared, uint64_t start, uint64_t length);

#pragma clang assume_nonnull end
#endif
