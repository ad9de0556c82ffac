// These functions stand in front of the C library's of the same name, for the whole process, and
// count who calls them.
#define _GNU_SOURCE
#include "CFloor.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static _Thread_local int is_client;
static atomic_int counting;
static _Atomic uint64_t allocations[2], system_calls[2];

void floor_count_begin(void) {
    is_client = 1;
    for (int who = 0; who < 2; who++) allocations[who] = system_calls[who] = 0;
    counting = 1;
}

void floor_count_end(void) {
    counting = 0;
    is_client = 0;
}

uint64_t floor_allocations(int by_client) { return allocations[by_client != 0]; }
uint64_t floor_system_calls(int by_client) { return system_calls[by_client != 0]; }

static inline void count(_Atomic uint64_t *counters) {
    if (atomic_load_explicit(&counting, memory_order_relaxed)) {
        atomic_fetch_add_explicit(&counters[is_client], 1, memory_order_relaxed);
    }
}

// MARK: The heap

void *malloc(size_t size) {
    count(allocations);
    return __libc_malloc(size);
}

void *calloc(size_t number, size_t size) {
    count(allocations);
    return __libc_calloc(number, size);
}

void *realloc(void *old, size_t size) {
    count(allocations);
    return __libc_realloc(old, size);
}

void *memalign(size_t alignment, size_t size) {
    count(allocations);
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void **place, size_t alignment, size_t size) {
    *place = memalign(alignment, size);
    return *place ? 0 : ENOMEM;
}

// MARK: System calls

ssize_t recvmsg(int fd, struct msghdr *message, int flags) {
    count(system_calls);
    return syscall(SYS_recvmsg, fd, message, flags);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
    count(system_calls);
    return syscall(SYS_sendmsg, fd, message, flags);
}

ssize_t send(int fd, const void *bytes, size_t size, int flags) {
    count(system_calls);
    return syscall(SYS_sendto, fd, bytes, size, flags, NULL, 0);
}

int epoll_wait(int fd, struct epoll_event *events, int capacity, int milliseconds) {
    count(system_calls);
    return (int)syscall(SYS_epoll_pwait, fd, events, capacity, milliseconds, NULL, 0);
}

int epoll_ctl(int fd, int operation, int target, struct epoll_event *event) {
    count(system_calls);
    return (int)syscall(SYS_epoll_ctl, fd, operation, target, event);
}
