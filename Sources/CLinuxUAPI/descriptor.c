#define _GNU_SOURCE
#include "uapi_descriptor.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/uio.h>

static int answer(int result) { return result < 0 ? -errno : result; }

int uapi_close(int fd) { return answer(close(fd)); }

int uapi_duplicate(int fd) { return answer(fcntl(fd, F_DUPFD_CLOEXEC, 0)); }

int uapi_set_nonblocking(int fd, int nonblocking) {
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0) return -errno;
    int wanted = nonblocking ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
    return wanted == flags ? 0 : answer(fcntl(fd, F_SETFL, wanted));
}

/// The name under /proc/thread-self/fd: thread-self because /proc/self shows nothing once the main
/// thread has ended. A path begins with '/', so nobody can make a file whose name reads like that
/// of an anonymous inode.
static int name_of(int fd, char *name, size_t capacity) {
    char link[40];
    snprintf(link, sizeof link, "/proc/thread-self/fd/%d", fd);
    ssize_t length = readlink(link, name, capacity - 1);
    if (length < 0) return -errno;
    name[length] = 0;
    return 0;
}

int uapi_status_of(int fd, struct uapi_status *status) {
    struct stat facts;
    if (fstat(fd, &facts) < 0) return -errno;
    status->device = facts.st_dev;
    status->inode = facts.st_ino;
    status->size = facts.st_size < 0 ? 0 : (uint64_t)facts.st_size;
    status->seals = -1;
    status->kind = UAPI_KIND_OTHER;
    if (S_ISSOCK(facts.st_mode)) {
        status->kind = UAPI_KIND_SOCKET;
        return 0;
    }
    // Directories, devices and pipes need no name to be told apart.
    if (!S_ISREG(facts.st_mode) && (facts.st_mode & S_IFMT) != 0) return 0;

    char name[64] = "";
    int failure = name_of(fd, name, sizeof name);
    if (failure < 0) return failure;
    if (strcmp(name, "anon_inode:[eventfd]") == 0) {
        status->kind = UAPI_KIND_EVENTFD;
    } else if (S_ISREG(facts.st_mode) && name[0] == '/') {
        int seals = fcntl(fd, F_GET_SEALS);
        status->seals = seals < 0 ? -1 : seals;
        int anonymous = facts.st_nlink == 0 && strncmp(name, "/memfd:", 7) == 0;
        status->kind = anonymous && seals >= 0 ? UAPI_KIND_MEMFD : UAPI_KIND_REGULAR_FILE;
    }
    return 0;
}

uint64_t uapi_eventfd_drain(int fd) {
    uint64_t count = 0;
    struct iovec part = {&count, sizeof count};
    ssize_t taken = preadv2(fd, &part, 1, -1, RWF_NOWAIT);
    if (taken < 0 && (errno == EOPNOTSUPP || errno == ENOSYS)) taken = read(fd, &count, sizeof count);
    return taken == (ssize_t)sizeof count ? count : 0;
}

int uapi_eventfd_create(void) { return answer(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); }

int uapi_is_readable(int fd) {
    struct pollfd look = {.fd = fd, .events = POLLIN};
    return poll(&look, 1, 0) == 1 && look.revents & POLLIN ? 1 : 0;
}

int uapi_timer_create(void) {
    return answer(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
}

int uapi_timer_set(int fd, uint64_t nanoseconds) {
    struct timespec period = {
        .tv_sec = (time_t)(nanoseconds / 1000000000u),
        .tv_nsec = (long)(nanoseconds % 1000000000u),
    };
    struct itimerspec setting = {.it_interval = period, .it_value = period};
    return answer(timerfd_settime(fd, 0, &setting, NULL));
}

uint64_t uapi_timer_drain(int fd) {
    uint64_t count = 0;
    return read(fd, &count, sizeof count) == (ssize_t)sizeof count ? count : 0;
}

int uapi_epoll_create(void) { return answer(epoll_create1(EPOLL_CLOEXEC)); }

int uapi_epoll_control(int epoll, int operation, int fd, uint32_t events, uint64_t token) {
    struct epoll_event event = {.events = events, .data.u64 = token};
    return answer(epoll_ctl(epoll, operation, fd, &event));
}

int uapi_epoll_wait(int epoll, struct uapi_ready *ready, size_t capacity, int milliseconds) {
    struct epoll_event events[64];
    size_t room = sizeof events / sizeof events[0];
    int count = epoll_wait(epoll, events, (int)(capacity < room ? capacity : room), milliseconds);
    if (count < 0) return errno == EINTR ? 0 : -errno;
    for (int i = 0; i < count; i++) {
        ready[i].token = events[i].data.u64;
        ready[i].events = events[i].events;
    }
    return count;
}
