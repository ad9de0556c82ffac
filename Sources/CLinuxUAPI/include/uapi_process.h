/// The process and its host: errors, threads, signals, limits, entropy, /proc, /dev/kvm.
///
/// Every function answers 0 or a positive result, or -errno, where nothing else is said.
#ifndef CARILLON_UAPI_PROCESS_H
#define CARILLON_UAPI_PROCESS_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#pragma clang assume_nonnull begin

/// "EMFILE" and "Too many open files", or NULL for a number that means nothing.
const char *_Nullable uapi_error_name(int number);
const char *_Nullable uapi_error_text(int number);

/// Starts a thread named `name` (cut to 15 bytes) in which SIGUSR1 is not blocked.
int uapi_thread_start(
    const char *name, void *_Nullable (*_Nonnull body)(void *_Nullable), void *context,
    uint64_t *thread);
int uapi_thread_join(uint64_t thread);
/// A counter that threads of this process wait for, without a descriptor (sem_init(3)); NULL
/// without memory.
void *_Nullable uapi_counter_create(void);
void uapi_counter_free(void *counter);
void uapi_counter_post(void *counter);
void uapi_counter_wait(void *counter);
int uapi_thread_detach(uint64_t thread);
/// Sends SIGUSR1, whose handler does nothing, so that a blocking call ends with EINTR.
int uapi_thread_interrupt(uint64_t thread);

static inline uint64_t uapi_monotonic_nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

enum uapi_limit { UAPI_LIMIT_DESCRIPTORS = 0, UAPI_LIMIT_LOCKED_MEMORY = 1 };

/// Starts a program. It has `streams` as 0, 1 and 2, or /dev/null for -1, no other descriptor of
/// this process, no signal blocked or ignored, and a group of its own. SIGCHLD is not ignored any
/// more afterwards.
///
/// `words` are the path and the arguments, and `variables` the environment: strings one after the
/// other, each with its NUL, `words_count` and `variables_count` of them.
///
/// The answer is its number; `pidfd` refers to it.
int uapi_spawn(
    const char *words, size_t words_count, const char *variables, size_t variables_count,
    const int *streams, int *pidfd);
int uapi_spawned_signal(int pidfd, int signal);
/// Waits until it has ended, and takes its status: 0 to 255, or 256 plus the signal's number.
int uapi_spawned_wait(int pidfd);
/// Waits for its end, which is not taken: 1, or 0 after so many milliseconds; -1 for ever.
int uapi_spawned_poll(int pidfd, int milliseconds);

/// UINT64_MAX stands for no limit.
int uapi_get_limit(int limit, uint64_t *soft, uint64_t *hard);
int uapi_set_limit(int limit, uint64_t soft, uint64_t hard);

/// Fills all of it, however often a signal comes.
int uapi_entropy(void *bytes, size_t count);

/// Entries of /proc/thread-self/fd, without the descriptor used for counting.
int uapi_open_descriptors(void);

int uapi_open_device(const char *path);
/// KVM_GET_API_VERSION.
int uapi_kvm_api_version(int fd);

/// The number of the user or of the group called `name`, or -1 if there is none.
int64_t uapi_user(const char *name);
int64_t uapi_group(const char *name);

#pragma clang assume_nonnull end
#endif
