#define _GNU_SOURCE
#include "uapi_process.h"

#include <grp.h>
#include <pwd.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <semaphore.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

_Static_assert(sizeof(pthread_t) == sizeof(uint64_t), "a thread travels as 64 bits");

static int answer(int result) { return result < 0 ? -errno : result; }

const char *uapi_error_name(int number) { return strerrorname_np(number); }
const char *uapi_error_text(int number) { return strerrordesc_np(number); }

// MARK: Threads

void *uapi_counter_create(void) {
    sem_t *counter = malloc(sizeof *counter);
    if (counter) sem_init(counter, 0, 0);
    return counter;
}

void uapi_counter_free(void *counter) {
    sem_destroy(counter);
    free(counter);
}

void uapi_counter_post(void *counter) { sem_post(counter); }

void uapi_counter_wait(void *counter) {
    while (sem_wait(counter) < 0 && errno == EINTR) continue;
}

static pthread_once_t interrupt_once = PTHREAD_ONCE_INIT;

static void on_interrupt(int number) { (void)number; }

static void install_interrupt(void) {
    // No SA_RESTART: the interrupted call has to return.
    struct sigaction action = {.sa_handler = on_interrupt};
    sigemptyset(&action.sa_mask);
    sigaction(SIGUSR1, &action, NULL);
}

struct start {
    void *(*body)(void *);
    void *context;
    char name[16];
};

// The thread names itself, so that its body never runs under its maker's name.
static void *run_named(void *argument) {
    struct start start = *(struct start *)argument;
    free(argument);
    pthread_setname_np(pthread_self(), start.name);
    return start.body(start.context);
}

int uapi_thread_start(
    const char *name, void *(*body)(void *), void *context, uint64_t *thread) {
    pthread_once(&interrupt_once, install_interrupt);
    struct start *start = calloc(1, sizeof *start);
    if (!start) return -ENOMEM;
    start->body = body;
    start->context = context;
    strncpy(start->name, name, sizeof start->name - 1);
    sigset_t interrupt, before;
    sigemptyset(&interrupt);
    sigaddset(&interrupt, SIGUSR1);
    // A new thread inherits the mask of its maker.
    pthread_sigmask(SIG_UNBLOCK, &interrupt, &before);
    pthread_t made;
    int failure = pthread_create(&made, NULL, run_named, start);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failure) {
        free(start);
        return -failure;
    }
    *thread = (uint64_t)made;
    return 0;
}

int uapi_thread_join(uint64_t thread) { return -pthread_join((pthread_t)thread, NULL); }
int uapi_thread_detach(uint64_t thread) { return -pthread_detach((pthread_t)thread); }
int uapi_thread_interrupt(uint64_t thread) { return -pthread_kill((pthread_t)thread, SIGUSR1); }

// MARK: Programs

// The strings that follow each other in `text`, as posix_spawn(3) takes them.
static char **vector_of(const char *text, size_t count) {
    char **vector = calloc(count + 1, sizeof *vector);
    if (!vector) return NULL;
    for (size_t index = 0; index < count; index++) {
        vector[index] = (char *)text;
        text += strlen(text) + 1;
    }
    return vector;
}

static int prepare(
    posix_spawn_file_actions_t *actions, posix_spawnattr_t *attributes, const int *streams) {
    int failure = 0;
    for (int number = 0; number < 3 && !failure; number++) {
        failure = streams[number] < 0
                      ? posix_spawn_file_actions_addopen(actions, number, "/dev/null", O_RDWR, 0)
                      : posix_spawn_file_actions_adddup2(actions, streams[number], number);
    }
    if (!failure) failure = posix_spawn_file_actions_addclosefrom_np(actions, 3);
    sigset_t signals;
    sigemptyset(&signals);
    if (!failure) failure = posix_spawnattr_setsigmask(attributes, &signals);
    sigfillset(&signals);
    if (!failure) failure = posix_spawnattr_setsigdefault(attributes, &signals);
    // A group of its own: what is typed at this process's terminal is not meant for it.
    if (!failure) failure = posix_spawnattr_setpgroup(attributes, 0);
    short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP;
    return failure ? failure : posix_spawnattr_setflags(attributes, flags);
}

static int spawn(char **words, char **variables, const int *streams, pid_t *process) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int failure = posix_spawn_file_actions_init(&actions);
    if (failure) return failure;
    failure = posix_spawnattr_init(&attributes);
    if (!failure) {
        failure = prepare(&actions, &attributes, streams);
        if (!failure) {
            failure = posix_spawn(process, words[0], &actions, &attributes, words, variables);
        }
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return failure;
}

static int pidfd_of(pid_t process) { return (int)syscall(SYS_pidfd_open, process, 0); }

// A parent may have left SIGCHLD ignored; what ends would then leave nothing to wait for, and its
// number would be anybody's.
static void keep_children(void) {
    struct sigaction action;
    if (sigaction(SIGCHLD, NULL, &action) < 0 || action.sa_handler != SIG_IGN) return;
    action.sa_handler = SIG_DFL;
    sigaction(SIGCHLD, &action, NULL);
}

// Copies beyond 2 of streams that another stream's place would overwrite.
static int lift(const int *streams, int *lifted) {
    for (int number = 0; number < 3; number++) {
        lifted[number] = streams[number];
        if (streams[number] < 0 || streams[number] > 2) continue;
        lifted[number] = fcntl(streams[number], F_DUPFD_CLOEXEC, 3);
        if (lifted[number] >= 0) continue;
        int failure = errno;
        while (number-- > 0) {
            if (lifted[number] != streams[number]) close(lifted[number]);
        }
        return failure;
    }
    return 0;
}

int uapi_spawn(
    const char *words, size_t words_count, const char *variables, size_t variables_count,
    const int *streams, int *pidfd) {
    int lifted[3];
    int failure = lift(streams, lifted);
    if (failure) return -failure;
    keep_children();
    char **argv = vector_of(words, words_count);
    char **envp = vector_of(variables, variables_count);
    pid_t process = -1;
    failure = argv && envp ? spawn(argv, envp, lifted, &process) : ENOMEM;
    for (int number = 0; number < 3; number++) {
        if (lifted[number] != streams[number]) close(lifted[number]);
    }
    free(argv);
    free(envp);
    if (failure) return -failure;
    *pidfd = pidfd_of(process);
    if (*pidfd >= 0) return process;
    failure = errno;
    kill(process, SIGKILL);
    while (waitpid(process, NULL, 0) < 0 && errno == EINTR) continue;
    return -failure;
}

int uapi_spawned_signal(int pidfd, int signal) {
    return answer((int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0));
}

int uapi_spawned_wait(int pidfd) {
    siginfo_t facts;
    int result;
    do {
        result = waitid(P_PIDFD, (id_t)pidfd, &facts, WEXITED);
    } while (result < 0 && errno == EINTR);
    if (result < 0) return -errno;
    return facts.si_code == CLD_EXITED ? facts.si_status : 256 + facts.si_status;
}

int uapi_spawned_poll(int pidfd, int milliseconds) {
    struct pollfd waited = {.fd = pidfd, .events = POLLIN};
    uint64_t now = uapi_monotonic_nanoseconds();
    uint64_t end = now + (uint64_t)(milliseconds < 0 ? 0 : milliseconds) * 1000000u;
    int result;
    do {
        int left = milliseconds < 0 ? -1 : now >= end ? 0 : (int)((end - now + 999999u) / 1000000u);
        result = poll(&waited, 1, left);
        now = uapi_monotonic_nanoseconds();
    } while (result < 0 && errno == EINTR);
    return answer(result);
}

// MARK: Limits, entropy, /proc, /dev/kvm

static const int limit_names[] = {
    [UAPI_LIMIT_DESCRIPTORS] = RLIMIT_NOFILE,
    [UAPI_LIMIT_LOCKED_MEMORY] = RLIMIT_MEMLOCK,
};

_Static_assert(RLIM_INFINITY == UINT64_MAX, "no limit is UINT64_MAX");

int uapi_get_limit(int limit, uint64_t *soft, uint64_t *hard) {
    struct rlimit value;
    if (getrlimit(limit_names[limit], &value) < 0) return -errno;
    *soft = value.rlim_cur;
    *hard = value.rlim_max;
    return 0;
}

int uapi_set_limit(int limit, uint64_t soft, uint64_t hard) {
    struct rlimit value = {.rlim_cur = soft, .rlim_max = hard};
    return answer(setrlimit(limit_names[limit], &value));
}

int uapi_entropy(void *bytes, size_t count) {
    unsigned char *next = bytes;
    while (count > 0) {
        ssize_t got = getrandom(next, count, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return -errno;
        next += got;
        count -= (size_t)got;
    }
    return 0;
}

int uapi_open_descriptors(void) {
    DIR *directory = opendir("/proc/thread-self/fd");
    if (!directory) return -errno;
    int count = -1;
    for (struct dirent *entry; (entry = readdir(directory));) {
        if (entry->d_name[0] != '.') count++;
    }
    closedir(directory);
    return count;
}

int uapi_open_device(const char *path) { return answer(open(path, O_RDWR | O_CLOEXEC)); }

int uapi_kvm_api_version(int fd) { return answer(ioctl(fd, KVM_GET_API_VERSION, 0)); }

int64_t uapi_user(const char *name) {
    char buffer[16384];
    struct passwd record, *found = NULL;
    int failure = getpwnam_r(name, &record, buffer, sizeof buffer, &found);
    return failure == 0 && found ? (int64_t)found->pw_uid : -1;
}

int64_t uapi_group(const char *name) {
    char buffer[16384];
    struct group record, *found = NULL;
    int failure = getgrnam_r(name, &record, buffer, sizeof buffer, &found);
    return failure == 0 && found ? (int64_t)found->gr_gid : -1;
}
