/// AF_UNIX stream sockets and descriptors that travel over them (unix(7), SCM_RIGHTS).
///
/// Every function answers 0 or a positive result, or -errno.
#ifndef CARILLON_UAPI_SOCKET_H
#define CARILLON_UAPI_SOCKET_H

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/// Descriptors one receive has room for (the limit of a vfio-user message).
static const int UAPI_RECEIVED_DESCRIPTORS_MAX = 16;
/// Descriptors one send may carry (SCM_MAX_FD).
static const int UAPI_SENT_DESCRIPTORS_MAX = 253;
/// Bytes of a socket's path without the final NUL.
static const int UAPI_SOCKET_PATH_MAX = 107;

/// What a path names, without following a last symbolic link.
struct uapi_path_identity {
    uint64_t device;
    uint64_t inode;
    uint32_t mode;
    int32_t is_socket;
};

struct uapi_credentials {
    int32_t pid;
    uint32_t uid;
    uint32_t gid;
};

int uapi_path_identity_of(const char *path, struct uapi_path_identity *identity);
int uapi_unlink(const char *path);

int uapi_unix_socket(int nonblocking);
int uapi_unix_pair(int *pair);
/// Connects, waiting for room in the queue of the server for at most so long; 0 for ever.
int uapi_unix_connect(int fd, const char *path, int64_t milliseconds);

/// Sends `text` as one datagram to `path`; a path that begins with @ is one of the abstract
/// namespace.
int uapi_notify(const char *path, const char *text);

/// Changes owner and group of `path`; -1 leaves one as it is.
int uapi_change_owner(const char *path, int64_t owner, int64_t group);
/// Binds with exactly `mode`. The path never has a wider mode, not even for a moment.
int uapi_unix_bind(int fd, const char *path, uint32_t mode);
int uapi_listen(int fd, int backlog);
int uapi_accept(int fd);
/// 1 for an AF_UNIX stream socket whose listening state is `listening`, else 0.
int uapi_is_unix_stream(int fd, int listening);

int uapi_peer_credentials(int fd, struct uapi_credentials *credentials);
int uapi_set_receive_timeout(int fd, int64_t milliseconds);
int uapi_pending_bytes(int fd);
int uapi_shutdown(int fd);
/// Ends both directions and drops what has come and was not read, so that the peer sees an end.
void uapi_hang_up(int fd);

/// One recvmsg. `descriptors` has room for UAPI_RECEIVED_DESCRIPTORS_MAX; `count` says how many
/// came, or is -1 when some were cut off, and then none is left open.
int64_t uapi_receive(
    int fd, void *bytes, size_t capacity, int wait, int *descriptors, int *count);
int64_t uapi_send(int fd, const void *_Nullable bytes, size_t count, int wait);
int64_t uapi_send_descriptors(
    int fd, const void *bytes, size_t count, const int *descriptors, size_t descriptor_count,
    int wait);

#pragma clang assume_nonnull end
#endif
