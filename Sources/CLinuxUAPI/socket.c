#define _GNU_SOURCE
#include "uapi_socket.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define RECEIVED_MAX 16
#define SENT_MAX 253

_Static_assert(sizeof(((struct sockaddr_un *)0)->sun_path) == 108, "UAPI_SOCKET_PATH_MAX");

static int answer(int result) { return result < 0 ? -errno : result; }

int uapi_path_identity_of(const char *path, struct uapi_path_identity *identity) {
    struct stat facts;
    if (lstat(path, &facts) < 0) return -errno;
    identity->device = facts.st_dev;
    identity->inode = facts.st_ino;
    identity->mode = facts.st_mode & 07777;
    identity->is_socket = S_ISSOCK(facts.st_mode);
    return 0;
}

int uapi_unlink(const char *path) { return answer(unlink(path)); }

int uapi_unix_socket(int nonblocking) {
    int type = SOCK_STREAM | SOCK_CLOEXEC | (nonblocking ? SOCK_NONBLOCK : 0);
    return answer(socket(AF_UNIX, type, 0));
}

int uapi_unix_pair(int *pair) {
    return answer(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
}

static int address_of(const char *path, struct sockaddr_un *address) {
    size_t length = strlen(path);
    memset(address, 0, sizeof *address);
    if (length >= sizeof address->sun_path) return -ENAMETOOLONG;
    address->sun_family = AF_UNIX;
    memcpy(address->sun_path, path, length);
    return 0;
}

static int set_timeout(int fd, int option, int64_t milliseconds) {
    struct timeval limit = {
        .tv_sec = milliseconds / 1000,
        .tv_usec = (milliseconds % 1000) * 1000,
    };
    return answer(setsockopt(fd, SOL_SOCKET, option, &limit, sizeof limit));
}

int uapi_unix_connect(int fd, const char *path, int64_t milliseconds) {
    struct sockaddr_un address;
    int failure = address_of(path, &address);
    if (failure < 0) return failure;
    // A connection that waits for room in the server's queue takes the time of a send.
    failure = set_timeout(fd, SO_SNDTIMEO, milliseconds);
    if (failure < 0) return failure;
    int result;
    do {
        result = connect(fd, (struct sockaddr *)&address, sizeof address);
    } while (result < 0 && errno == EINTR);
    if (result < 0) return -errno;
    return set_timeout(fd, SO_SNDTIMEO, 0);
}

int uapi_unix_bind(int fd, const char *path, uint32_t mode) {
    struct sockaddr_un address;
    int failure = address_of(path, &address);
    if (failure < 0) return failure;
    // bind gives the new file the mode of the socket's own inode less the umask; the chmod
    // afterwards can only add bits that were asked for.
    if (fchmod(fd, (mode_t)mode) < 0) return -errno;
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0) return -errno;
    if (chmod(path, (mode_t)mode) == 0) return 0;
    failure = -errno;
    unlink(path);
    return failure;
}

int uapi_listen(int fd, int backlog) { return answer(listen(fd, backlog)); }

int uapi_accept(int fd) { return answer(accept4(fd, NULL, NULL, SOCK_CLOEXEC)); }

static int socket_option(int fd, int name) {
    int value = 0;
    socklen_t size = sizeof value;
    return getsockopt(fd, SOL_SOCKET, name, &value, &size) < 0 ? -1 : value;
}

int uapi_is_unix_stream(int fd, int listening) {
    return socket_option(fd, SO_DOMAIN) == AF_UNIX && socket_option(fd, SO_TYPE) == SOCK_STREAM
        && socket_option(fd, SO_ACCEPTCONN) == listening;
}

int uapi_peer_credentials(int fd, struct uapi_credentials *credentials) {
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0) return -errno;
    credentials->pid = peer.pid;
    credentials->uid = peer.uid;
    credentials->gid = peer.gid;
    return 0;
}

int uapi_set_receive_timeout(int fd, int64_t milliseconds) {
    return set_timeout(fd, SO_RCVTIMEO, milliseconds);
}

int uapi_pending_bytes(int fd) {
    int count = 0;
    return ioctl(fd, FIONREAD, &count) < 0 ? -errno : count;
}

void uapi_hang_up(int fd) {
    char bytes[4096];
    // Nothing can be added once both directions are shut. What is left unread at the end of a Unix
    // socket is an error at the other end (unix(7): ECONNRESET), and not an end.
    shutdown(fd, SHUT_RDWR);
    while (recv(fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0) {}
}

int uapi_shutdown(int fd) { return answer(shutdown(fd, SHUT_RDWR)); }

/// Copies the descriptors out of `message` and answers their number.
static int take_descriptors(struct msghdr *message, int *descriptors) {
    int count = 0;
    for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part; part = CMSG_NXTHDR(message, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
        int carried = (int)((part->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        if (carried > RECEIVED_MAX - count) carried = RECEIVED_MAX - count;
        memcpy(descriptors + count, CMSG_DATA(part), (size_t)carried * sizeof(int));
        count += carried;
    }
    return count;
}

int64_t uapi_receive(
    int fd, void *bytes, size_t capacity, int wait, int *descriptors, int *count) {
    // Exactly RECEIVED_MAX descriptors: with room to spare the kernel would install more.
    union {
        char space[CMSG_SPACE(RECEIVED_MAX * sizeof(int))];
        struct cmsghdr aligned;
    } control;
    struct iovec part = {.iov_base = bytes, .iov_len = capacity};
    struct msghdr message = {
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = control.space,
        .msg_controllen = sizeof control.space,
    };
    *count = 0;
    ssize_t received = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT));
    if (received < 0) return -errno;
    if (message.msg_controllen == 0 && !(message.msg_flags & MSG_CTRUNC)) return received;

    int taken = take_descriptors(&message, descriptors);
    if (message.msg_flags & MSG_CTRUNC) {
        while (taken > 0) close(descriptors[--taken]);
        taken = -1;
    }
    *count = taken;
    return received;
}

int64_t uapi_send(int fd, const void *bytes, size_t count, int wait) {
    ssize_t sent = send(fd, bytes, count, MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT));
    return sent < 0 ? -errno : sent;
}

int64_t uapi_send_descriptors(
    int fd, const void *bytes, size_t count, const int *descriptors, size_t descriptor_count,
    int wait) {
    union {
        char space[CMSG_SPACE(SENT_MAX * sizeof(int))];
        struct cmsghdr aligned;
    } control;
    if (descriptor_count > SENT_MAX) return -EINVAL;
    size_t size = descriptor_count * sizeof(int);
    struct iovec part = {.iov_base = (void *)bytes, .iov_len = count};
    struct msghdr message = {
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = control.space,
        .msg_controllen = CMSG_SPACE(size),
    };
    memset(control.space, 0, CMSG_SPACE(size));
    struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(rights), descriptors, size);
    ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT));
    return sent < 0 ? -errno : sent;
}

int uapi_notify(const char *path, const char *text) {
    struct sockaddr_un address;
    int failure = address_of(path, &address);
    if (failure < 0) return failure;
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    // A name in the abstract namespace, as in unix(7), is written with @ for its first byte.
    if (path[0] == '@') address.sun_path[0] = 0;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    ssize_t sent;
    do {
        sent = sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&address, length);
    } while (sent < 0 && errno == EINTR);
    failure = sent < 0 ? -errno : 0;
    close(fd);
    return failure;
}

int uapi_change_owner(const char *path, int64_t owner, int64_t group) {
    return answer(lchown(path, (uid_t)owner, (gid_t)group));
}
