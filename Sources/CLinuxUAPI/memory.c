#define _GNU_SOURCE
#include "uapi_memory.h"

#ifdef __x86_64__
#include <cpuid.h>
#endif
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <ucontext.h>
#include <unistd.h>

static int answer(int result) { return result < 0 ? -errno : result; }

int uapi_memfd_create(const char *name) {
    return answer(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
}

int uapi_truncate(int fd, uint64_t size) {
    if (size > INT64_MAX) return -EFBIG;
    return answer(ftruncate(fd, (off_t)size));
}

int uapi_seal_shrink(int fd) { return answer(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK)); }

int uapi_seal_size(int fd) {
    return answer(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL));
}

int64_t uapi_map_granularity(int fd) {
    struct statfs facts;
    if (fstatfs(fd, &facts) < 0) return -errno;
    return facts.f_type == HUGETLBFS_MAGIC ? (int64_t)facts.f_bsize : sysconf(_SC_PAGESIZE);
}

int uapi_map(int fd, uint64_t offset, size_t length, int writable, void **address) {
    int protection = PROT_READ | (writable ? PROT_WRITE : 0);
    void *place = mmap(NULL, length, protection, MAP_SHARED, fd, (off_t)offset);
    if (place == MAP_FAILED) return -errno;
    *address = place;
    return 0;
}

void uapi_unmap(void *address, size_t length) { munmap(address, length); }

// MARK: SIGBUS guard

/// Where a fault of this thread returns to, while a guarded access runs. initial-exec, so that
/// the handler's look at it never allocates.
static _Thread_local sigjmp_buf *volatile guard __attribute__((tls_model("initial-exec")));
static struct sigaction previous;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int install_failure;

static void on_bus_error(int number, siginfo_t *info, void *context) {
    int faulted = info->si_code == BUS_ADRERR || info->si_code == BUS_MCEERR_AR;
    sigjmp_buf *target = guard;
    if (faulted && target) {
        // siglongjmp keeps the mask of the handler. With SA_NODEFER that is the mask of the access,
        // unless a sanitizer wraps the handler and blocks everything.
        pthread_sigmask(SIG_SETMASK, &((ucontext_t *)context)->uc_sigmask, NULL);
        siglongjmp(*target, 1);
    }
    int saved = errno;
    sigaction(number, &previous, NULL);
    // A signal that somebody sent does not come again by itself, as a fault does.
    if (info->si_code <= 0) raise(number);
    errno = saved;
}

static void install(void) {
    struct sigaction action = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO | SA_NODEFER};
    sigemptyset(&action.sa_mask);
    if (sigaction(SIGBUS, &action, &previous) < 0) install_failure = -errno;
}

int uapi_install_bus_guard(void) {
    pthread_once(&once, install);
    return install_failure;
}

/// Runs `access`, a statement that touches the mapping and owns no resource, under the guard.
/// The signal fences keep the compiler from moving it out.
#define GUARDED(access)                                  \
    do {                                                 \
        sigjmp_buf here;                                 \
        if (sigsetjmp(here, 0)) {                        \
            guard = NULL;                                \
            return -EFAULT;                              \
        }                                                \
        guard = &here;                                   \
        __atomic_signal_fence(__ATOMIC_SEQ_CST);         \
        access;                                          \
        __atomic_signal_fence(__ATOMIC_SEQ_CST);         \
        guard = NULL;                                    \
        return 0;                                        \
    } while (0)

// The thread sanitizer's own atomics and memcpy hold its locks while they touch the memory, and a
// jump out of them would keep the locks for ever.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNINSTRUMENTED __attribute__((disable_sanitizer_instrumentation))
#endif
#endif

#ifdef UNINSTRUMENTED
UNINSTRUMENTED static void copy(void *to, const void *from, size_t count) {
    volatile char *target = to;
    const volatile char *source = from;
    while (count-- > 0) *target++ = *source++;
}
#else
#define UNINSTRUMENTED
#define copy memcpy
#endif

UNINSTRUMENTED int uapi_guarded_copy(void *to, const void *from, size_t count) {
    GUARDED(copy(to, from, count));
}

UNINSTRUMENTED int uapi_guarded_load16(const void *from, uint16_t *value) {
    GUARDED(*value = __atomic_load_n((const uint16_t *)from, __ATOMIC_ACQUIRE));
}

UNINSTRUMENTED int uapi_guarded_load32(const void *from, uint32_t *value) {
    GUARDED(*value = __atomic_load_n((const uint32_t *)from, __ATOMIC_ACQUIRE));
}

UNINSTRUMENTED int uapi_guarded_load64(const void *from, uint64_t *value) {
    GUARDED(*value = __atomic_load_n((const uint64_t *)from, __ATOMIC_ACQUIRE));
}

UNINSTRUMENTED int uapi_guarded_store16(void *to, uint16_t value) {
    GUARDED(__atomic_store_n((uint16_t *)to, value, __ATOMIC_RELEASE));
}

UNINSTRUMENTED int uapi_guarded_store32(void *to, uint32_t value) {
    GUARDED(__atomic_store_n((uint32_t *)to, value, __ATOMIC_RELEASE));
}

UNINSTRUMENTED int uapi_guarded_store64(void *to, uint64_t value) {
    GUARDED(__atomic_store_n((uint64_t *)to, value, __ATOMIC_RELEASE));
}

#ifdef __x86_64__
int uapi_stores_lines_at_once(void) {
    unsigned int eax, ebx, ecx, edx;
    // CPUID leaf 7, ECX bit 28 (Intel SDM, MOVDIR64B).
    return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && (ecx >> 28 & 1);
}

// 66 0F 38 F8 /r: movdir64b (%rdx), %rax; spelt out for assemblers that do not know it.
static void move_line(void *to, const void *from) {
    __asm__ volatile(".byte 0x66, 0x0f, 0x38, 0xf8, 0x02" : : "a"(to), "d"(from) : "memory");
}
#else
int uapi_stores_lines_at_once(void) { return 0; }
static void move_line(void *to, const void *from) { (void)to, (void)from; }
#endif

UNINSTRUMENTED static void store_parts(uint64_t *to, const uint64_t *from) {
    for (int part = 7; part > 0; part--) __atomic_store_n(to + part, from[part], __ATOMIC_RELAXED);
    __atomic_store_n(to, from[0], __ATOMIC_RELEASE);
}

UNINSTRUMENTED int uapi_guarded_store_line(void *to, const void *from) {
    int at_once = uapi_stores_lines_at_once();
    GUARDED(at_once ? move_line(to, from) : store_parts(to, from));
}
