#define _GNU_SOURCE
#include "CFloor.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    REQUEST = 32,
    REPLY = 36,
    POSTED = 36,
    POSTED_MAX = 4096,
    NO_REPLY = 1 << 4,
    DESCRIPTORS = 16,
    SERVER_BUFFER = 256 << 10,
};

static int client = -1, server = -1;
static pthread_t thread;
static atomic_int polling;
static char request[REQUEST], posted[POSTED * POSTED_MAX], reply[REPLY];

// MARK: Sockets

static ssize_t receive(int fd, char *bytes, size_t capacity) {
    union {
        char space[CMSG_SPACE(DESCRIPTORS * sizeof(int))];
        struct cmsghdr aligned;
    } control;
    struct iovec part = {.iov_base = bytes, .iov_len = capacity};
    struct msghdr message = {
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = control.space,
    };
    ssize_t received;
    do {
        message.msg_controllen = sizeof control.space;
        int poll = fd == server && atomic_load_explicit(&polling, memory_order_relaxed);
        received = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | (poll ? MSG_DONTWAIT : 0));
    } while (received < 0 && errno == EAGAIN);
    return received;
}

static int transmit(int fd, const char *bytes, size_t size) {
    while (size > 0) {
        struct iovec part = {.iov_base = (void *)bytes, .iov_len = size};
        struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
        ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0) return -errno;
        bytes += sent;
        size -= (size_t)sent;
    }
    return 0;
}

static void *answer(void *context) {
    (void)context;
    static char buffer[SERVER_BUFFER];
    size_t start = 0, end = 0;
    for (;;) {
        ssize_t received = receive(server, buffer + end, sizeof buffer - end);
        if (received < 0 && errno == EINTR) continue;
        if (received <= 0) return NULL;
        end += (size_t)received;
        while (end - start >= 16) {
            uint32_t size, flags;
            memcpy(&size, buffer + start + 4, sizeof size);
            memcpy(&flags, buffer + start + 8, sizeof flags);
            if (end - start < size) break;
            start += size;
            if (!(flags & NO_REPLY) && transmit(server, reply, sizeof reply) < 0) return NULL;
        }
        memmove(buffer, buffer + start, end - start);
        end -= start;
        start = 0;
    }
}

static void fill(char *message, uint32_t size, uint32_t flags) {
    memcpy(message + 4, &size, sizeof size);
    memcpy(message + 8, &flags, sizeof flags);
}

int floor_start(int processor) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) return -errno;
    client = pair[0];
    server = pair[1];
    fill(request, REQUEST, 0);
    for (int index = 0; index < POSTED_MAX; index++) {
        fill(posted + index * POSTED, POSTED, NO_REPLY);
    }
    int pinned = floor_pin(processor);
    if (pinned < 0) return pinned;
    int failure = pthread_create(&thread, NULL, answer, NULL);
    pinned = floor_pin(-1);
    return failure ? -failure : pinned;
}

int floor_round_trip(void) {
    char buffer[REPLY];
    int failure = transmit(client, request, sizeof request);
    size_t got = 0;
    while (failure == 0 && got < sizeof buffer) {
        ssize_t received = receive(client, buffer + got, sizeof buffer - got);
        if (received < 0 && errno == EINTR) continue;
        if (received <= 0) return received < 0 ? -errno : -EPIPE;
        got += (size_t)received;
    }
    return failure;
}

void floor_poll(int enable) { polling = enable; }

int floor_post(int count) {
    if (count < 0 || count > POSTED_MAX) return -EINVAL;
    return transmit(client, posted, (size_t)count * POSTED);
}

void floor_stop(void) {
    shutdown(client, SHUT_RDWR);
    pthread_join(thread, NULL);
    close(client);
    close(server);
}

// MARK: Eventfds

static int event = -1;

int floor_eventfd(void) {
    event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return event < 0 ? -errno : 0;
}

int floor_signal(uint64_t times) {
    uint64_t one = 1;
    for (; times > 0; times--) {
        if (write(event, &one, sizeof one) != (ssize_t)sizeof one) return -errno;
    }
    return 0;
}

// MARK: Processors

enum { AWAKE_MAX = 64 };

static cpu_set_t allowed;
static pthread_t watchers[AWAKE_MAX];
static int watcher_count;
static atomic_int awake;

static void *watch(void *context) {
    (void)context;
    struct sched_param parameters = {0};
    // Every other thread goes before one of this class.
    if (sched_setscheduler(0, SCHED_IDLE, &parameters) < 0) return NULL;
    while (atomic_load_explicit(&awake, memory_order_relaxed)) {}
    return NULL;
}
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void learn(void) { sched_getaffinity(0, sizeof allowed, &allowed); }

int floor_processors(void) {
    pthread_once(&once, learn);
    return CPU_COUNT(&allowed);
}

int floor_pin(int rank) {
    pthread_once(&once, learn);
    cpu_set_t wanted = allowed;
    if (rank >= 0) {
        CPU_ZERO(&wanted);
        for (int number = 0; number < CPU_SETSIZE; number++) {
            if (CPU_ISSET(number, &allowed) && rank-- == 0) CPU_SET(number, &wanted);
        }
    }
    return sched_setaffinity(0, sizeof wanted, &wanted) < 0 ? -errno : 0;
}

int floor_stay_awake(int ranks) {
    if (ranks > AWAKE_MAX) return -EINVAL;
    awake = 1;
    int failure = 0;
    for (int rank = 0; rank < ranks && failure == 0; rank++) {
        failure = floor_pin(rank);
        if (failure == 0) failure = -pthread_create(&watchers[rank], NULL, watch, NULL);
        if (failure == 0) watcher_count = rank + 1;
    }
    int pinned = floor_pin(-1);
    if (failure == 0) failure = pinned;
    if (failure < 0) floor_may_sleep();
    return failure;
}

void floor_may_sleep(void) {
    awake = 0;
    while (watcher_count > 0) pthread_join(watchers[--watcher_count], NULL);
}
