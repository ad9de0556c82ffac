/// Descriptors: what they are, eventfd, timerfd and epoll.
///
/// Every function answers 0 or a positive result, or -errno.
#ifndef CARILLON_UAPI_DESCRIPTOR_H
#define CARILLON_UAPI_DESCRIPTOR_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <unistd.h>

#pragma clang assume_nonnull begin

enum uapi_kind {
    UAPI_KIND_OTHER = 0,
    UAPI_KIND_EVENTFD = 1,
    UAPI_KIND_REGULAR_FILE = 2,
    UAPI_KIND_MEMFD = 3,
    UAPI_KIND_SOCKET = 4,
};

/// What the kernel says about an open descriptor.
struct uapi_status {
    uint64_t device;
    uint64_t inode;
    uint64_t size;
    int32_t kind;
    /// F_SEAL_* bits, or -1 where the file knows no seals.
    int32_t seals;
};

int uapi_close(int fd);
int uapi_duplicate(int fd);
int uapi_set_nonblocking(int fd, int nonblocking);
int uapi_status_of(int fd, struct uapi_status *status);

int uapi_eventfd_create(void);

/// Adds one to the counter: one write. A full counter is a signal that nobody has read yet, so
/// EAGAIN counts as success.
static inline int uapi_eventfd_signal(int fd) {
    uint64_t one = 1;
    if (write(fd, &one, sizeof one) == (ssize_t)sizeof one || errno == EAGAIN) return 0;
    return -errno;
}

/// Takes the counter: one read. 0 when nothing was signalled. It never waits, even if whoever
/// shares the eventfd has made it blocking meanwhile.
uint64_t uapi_eventfd_drain(int fd);
/// 1 if something can be read now, otherwise 0; takes nothing and never waits.
int uapi_is_readable(int fd);

/// A timer of the monotonic clock that nobody has started.
int uapi_timer_create(void);
/// Expires every `nanoseconds` from now on; 0 stops it.
int uapi_timer_set(int fd, uint64_t nanoseconds);
/// Takes how often it expired: one read. 0 when it has not; never waits.
uint64_t uapi_timer_drain(int fd);

/// One event of epoll_wait, without the packing of struct epoll_event.
struct uapi_ready {
    uint64_t token;
    uint32_t events;
};

static const uint32_t UAPI_EPOLLIN = EPOLLIN;
static const uint32_t UAPI_EPOLLOUT = EPOLLOUT;
static const uint32_t UAPI_EPOLLERR = EPOLLERR;
static const uint32_t UAPI_EPOLLHUP = EPOLLHUP;
static const uint32_t UAPI_EPOLLRDHUP = EPOLLRDHUP;
static const uint32_t UAPI_EPOLLET = EPOLLET;
static const uint32_t UAPI_EPOLLONESHOT = EPOLLONESHOT;
static const int UAPI_EPOLL_CTL_ADD = EPOLL_CTL_ADD;
static const int UAPI_EPOLL_CTL_MOD = EPOLL_CTL_MOD;
static const int UAPI_EPOLL_CTL_DEL = EPOLL_CTL_DEL;

int uapi_epoll_create(void);
int uapi_epoll_control(int epoll, int operation, int fd, uint32_t events, uint64_t token);
/// Answers how many elements of `ready` were filled; 0 after a timeout or a signal.
int uapi_epoll_wait(int epoll, struct uapi_ready *ready, size_t capacity, int milliseconds);

#pragma clang assume_nonnull end
#endif
