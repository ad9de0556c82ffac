/// Terminals and streams with a person or a program at their other end.
///
/// Every function answers 0 or a positive result, or -errno.
#ifndef CARILLON_UAPI_CONSOLE_H
#define CARILLON_UAPI_CONSOLE_H

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/// Makes a pseudo-terminal in raw mode. Answers our end, which never blocks; `terminal` receives
/// the other end, `name` its path.
int uapi_open_terminal(int *terminal, char *name, size_t length);
/// Owner, group (UINT32_MAX for neither) and permission bits of an open file.
int uapi_give(int fd, uint32_t owner, uint32_t group, uint32_t mode);

/// Moves what can be moved at once, and never waits: -EAGAIN for nothing.
int64_t uapi_stream_read(int fd, void *bytes, size_t count);
int64_t uapi_stream_write(int fd, const void *bytes, size_t count);

#pragma clang assume_nonnull end
#endif
