/// Shared memory: memfd, mappings, and access to a mapping that survives SIGBUS.
///
/// Every function answers 0 or a positive result, or -errno, where nothing else is said.
#ifndef CARILLON_UAPI_MEMORY_H
#define CARILLON_UAPI_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

int uapi_memfd_create(const char *name);
int uapi_truncate(int fd, uint64_t size);
int uapi_seal_shrink(int fd);
/// Neither shorter nor longer, and no further seals.
int uapi_seal_size(int fd);

/// The unit of offsets and lengths that mmap takes for this file: the page size, or the huge
/// page size on hugetlbfs.
int64_t uapi_map_granularity(int fd);
/// Maps shared. `address` receives the place.
int uapi_map(
    int fd, uint64_t offset, size_t length, int writable, void *_Nullable *_Nonnull address);
void uapi_unmap(void *address, size_t length);

/// Installs the process-wide SIGBUS handler, once. A fault outside a guarded access restores the
/// disposition found here and happens again under it.
int uapi_install_bus_guard(void);

/// The guarded accesses: 0, or -EFAULT where the page behind the mapping does not exist (the
/// file was truncated, or its file system had no page to give). Usable from many threads at once.
int uapi_guarded_copy(void *to, const void *from, size_t count);
int uapi_guarded_load16(const void *from, uint16_t *value);
int uapi_guarded_load32(const void *from, uint32_t *value);
int uapi_guarded_load64(const void *from, uint64_t *value);
int uapi_guarded_store16(void *to, uint16_t value);
int uapi_guarded_store32(void *to, uint32_t value);
int uapi_guarded_store64(void *to, uint64_t value);

/// Stores 64 bytes to a multiple of 64: at once where the processor has MOVDIR64B, otherwise in
/// parts of which the first comes last.
int uapi_guarded_store_line(void *to, const void *from);
/// Whether the processor has MOVDIR64B.
int uapi_stores_lines_at_once(void);

static inline void uapi_full_fence(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

#pragma clang assume_nonnull end
#endif
