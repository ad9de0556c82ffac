#define _GNU_SOURCE
#include "uapi_block.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/io_uring.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static int mode_of(uint32_t operation) {
    return FALLOC_FL_KEEP_SIZE |
           (operation == UAPI_OPERATION_PUNCH ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE);
}

int uapi_ring_create(uint32_t entries, struct uapi_ring *ring) {
    struct io_uring_params parameters;
    memset(&parameters, 0, sizeof parameters);
    memset(ring, 0, sizeof *ring);
    int fd = (int)syscall(SYS_io_uring_setup, entries, &parameters);
    if (fd < 0) return -errno;
    ring->fd = fd;
    // RW_CUR_POS came with READ, WRITE and FALLOCATE (Linux 5.6).
    uint32_t needed = IORING_FEAT_SINGLE_MMAP | IORING_FEAT_NODROP | IORING_FEAT_RW_CUR_POS;
    if ((parameters.features & needed) != needed) {
        close(fd);
        return -ENOSYS;
    }
    size_t sq = parameters.sq_off.array + parameters.sq_entries * sizeof(uint32_t);
    size_t cq = parameters.cq_off.cqes + parameters.cq_entries * sizeof(struct io_uring_cqe);
    ring->rings_length = sq > cq ? sq : cq;
    ring->elements_length = parameters.sq_entries * sizeof(struct io_uring_sqe);
    char *rings = mmap(
        NULL, ring->rings_length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd,
        IORING_OFF_SQ_RING);
    if (rings == MAP_FAILED) {
        int error = errno;
        close(fd);
        return -error;
    }
    void *elements = mmap(
        NULL, ring->elements_length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd,
        IORING_OFF_SQES);
    if (elements == MAP_FAILED) {
        int error = errno;
        munmap(rings, ring->rings_length);
        close(fd);
        return -error;
    }
    ring->rings = rings;
    ring->elements = elements;
    ring->entries = parameters.sq_entries;
    ring->sq_head = (uint32_t *)(rings + parameters.sq_off.head);
    ring->sq_tail = (uint32_t *)(rings + parameters.sq_off.tail);
    ring->sq_array = (uint32_t *)(rings + parameters.sq_off.array);
    ring->sq_mask = *(uint32_t *)(rings + parameters.sq_off.ring_mask);
    ring->cq_head = (uint32_t *)(rings + parameters.cq_off.head);
    ring->cq_tail = (uint32_t *)(rings + parameters.cq_off.tail);
    ring->completions = rings + parameters.cq_off.cqes;
    ring->cq_mask = *(uint32_t *)(rings + parameters.cq_off.ring_mask);
    return 0;
}

void uapi_ring_close(struct uapi_ring *ring) {
    munmap(ring->elements, ring->elements_length);
    munmap(ring->rings, ring->rings_length);
    close(ring->fd);
}

int uapi_ring_put(struct uapi_ring *ring, const struct uapi_request *request) {
    uint32_t tail = *ring->sq_tail;
    if (tail - __atomic_load_n(ring->sq_head, __ATOMIC_ACQUIRE) >= ring->entries) return -EBUSY;
    uint32_t slot = tail & ring->sq_mask;
    struct io_uring_sqe *element = (struct io_uring_sqe *)ring->elements + slot;
    memset(element, 0, sizeof *element);
    element->fd = request->fd;
    element->user_data = request->token;
    switch (request->operation) {
    case UAPI_OPERATION_FLUSH:
        element->opcode = IORING_OP_FSYNC;
        element->fsync_flags = IORING_FSYNC_DATASYNC;
        break;
    case UAPI_OPERATION_PUNCH:
    case UAPI_OPERATION_ZERO:
        element->opcode = IORING_OP_FALLOCATE;
        element->off = request->offset;
        element->addr = request->count;
        element->len = (uint32_t)mode_of(request->operation);
        break;
    default:
        element->opcode =
            request->operation == UAPI_OPERATION_READ ? IORING_OP_READ : IORING_OP_WRITE;
        element->rw_flags = request->operation == UAPI_OPERATION_WRITE_DURABLY ? RWF_DSYNC : 0;
        element->off = request->offset;
        element->addr = (uint64_t)(uintptr_t)request->memory;
        element->len = (uint32_t)request->count;
    }
    ring->sq_array[slot] = slot;
    __atomic_store_n(ring->sq_tail, tail + 1, __ATOMIC_RELEASE);
    ring->unsubmitted++;
    return 0;
}

int uapi_ring_submit(struct uapi_ring *ring) {
    while (ring->unsubmitted > 0) {
        int taken = (int)syscall(SYS_io_uring_enter, ring->fd, ring->unsubmitted, 0, 0, NULL, 0);
        if (taken < 0) {
            if (errno == EINTR) continue;
            return -errno;
        }
        ring->unsubmitted -= (uint32_t)taken;
    }
    return 0;
}

int uapi_ring_withdraw(struct uapi_ring *ring, uint64_t *token) {
    if (ring->unsubmitted == 0) return 0;
    // Without a polling thread the kernel looks at the tail only during io_uring_enter.
    uint32_t tail = *ring->sq_tail - 1;
    *token = ((struct io_uring_sqe *)ring->elements + (tail & ring->sq_mask))->user_data;
    __atomic_store_n(ring->sq_tail, tail, __ATOMIC_RELEASE);
    ring->unsubmitted--;
    return 1;
}

int uapi_ring_take(struct uapi_ring *ring, uint64_t *token, int32_t *result) {
    uint32_t head = *ring->cq_head;
    if (head == __atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE)) return 0;
    const struct io_uring_cqe *completion =
        (const struct io_uring_cqe *)ring->completions + (head & ring->cq_mask);
    *token = completion->user_data;
    *result = completion->res;
    __atomic_store_n(ring->cq_head, head + 1, __ATOMIC_RELEASE);
    return 1;
}

int64_t uapi_perform(const struct uapi_request *request) {
    struct iovec range = {request->memory, request->count};
    for (;;) {
        ssize_t answer;
        switch (request->operation) {
        case UAPI_OPERATION_READ:
            answer = preadv2(request->fd, &range, 1, (off_t)request->offset, 0);
            break;
        case UAPI_OPERATION_WRITE:
            answer = pwritev2(request->fd, &range, 1, (off_t)request->offset, 0);
            break;
        case UAPI_OPERATION_WRITE_DURABLY:
            answer = pwritev2(request->fd, &range, 1, (off_t)request->offset, RWF_DSYNC);
            break;
        case UAPI_OPERATION_FLUSH:
            answer = fdatasync(request->fd);
            break;
        default:
            answer = fallocate(
                request->fd, mode_of(request->operation), (off_t)request->offset,
                (off_t)request->count);
        }
        if (answer >= 0) return answer;
        if (errno != EINTR) return -errno;
    }
}

int uapi_wait_readable(int fd) {
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    while (poll(&wait, 1, -1) < 0) {
        if (errno != EINTR) return -errno;
    }
    return 0;
}

int uapi_block_open(const char *path, int read_only, struct uapi_file *file) {
    int fd = open(path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return -errno;
    int error = 0;
    struct stat status;
    if (fstat(fd, &status) < 0) {
        error = errno;
    } else if (S_ISBLK(status.st_mode)) {
        int block = 512;
        file->is_block_device = 1;
        if (ioctl(fd, BLKGETSIZE64, &file->bytes) < 0 || ioctl(fd, BLKSSZGET, &block) < 0) {
            error = errno;
        }
        file->block_bytes = (uint32_t)block;
    } else if (S_ISREG(status.st_mode)) {
        file->is_block_device = 0;
        file->bytes = (uint64_t)status.st_size;
        file->block_bytes = 512;
    } else {
        error = ENOTBLK;
    }
    if (error == 0) return fd;
    close(fd);
    return -error;
}

int uapi_lock_range(int fd, int shared, uint64_t start, uint64_t length) {
    struct flock lock = {
        .l_type = shared ? F_RDLCK : F_WRLCK,
        .l_whence = SEEK_SET,
        .l_start = (off_t)start,
        .l_len = (off_t)length,
    };
    if (fcntl(fd, F_OFD_SETLK, &lock) == 0) return 0;
    return errno == EACCES ? -EAGAIN : -errno;
}
