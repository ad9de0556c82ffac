#define _GNU_SOURCE
#include "uapi_console.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

int uapi_open_terminal(int *terminal, char *name, size_t length) {
    int ours = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (ours < 0) return -errno;
    struct termios mode;
    int theirs = -1;
    if (grantpt(ours) == 0 && unlockpt(ours) == 0 && ptsname_r(ours, name, length) == 0) {
        theirs = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    }
    if (theirs < 0 || tcgetattr(theirs, &mode) < 0) goto failed;
    cfmakeraw(&mode);
    if (tcsetattr(theirs, TCSANOW, &mode) < 0) goto failed;
    *terminal = theirs;
    return ours;
failed:;
    int error = errno;
    if (theirs >= 0) close(theirs);
    close(ours);
    return -error;
}

int uapi_give(int fd, uint32_t owner, uint32_t group, uint32_t mode) {
    if (owner != UINT32_MAX || group != UINT32_MAX) {
        if (fchown(fd, owner, group) < 0) return -errno;
    }
    return fchmod(fd, mode) < 0 ? -errno : 0;
}

int64_t uapi_stream_read(int fd, void *bytes, size_t count) {
    for (;;) {
        ssize_t moved = recv(fd, bytes, count, MSG_DONTWAIT);
        if (moved < 0 && errno == ENOTSOCK) moved = read(fd, bytes, count);
        if (moved >= 0) return moved;
        if (errno != EINTR) return -errno;
    }
}

int64_t uapi_stream_write(int fd, const void *bytes, size_t count) {
    for (;;) {
        ssize_t moved = send(fd, bytes, count, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (moved < 0 && errno == ENOTSOCK) moved = write(fd, bytes, count);
        if (moved >= 0) return moved;
        if (errno != EINTR) return -errno;
    }
}
