// Process-wide settings. Every call that fences a worker in is in process_become_worker, in the order in which it has to be made.
#include "worker/process.h"

#include "base/mem.h"
#include "worker/engine_new_handler.h"
#include "worker/page_scan.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    DESCRIPTORS_MAX = 16,         // of a worker that was granted no directory
    GUEST_DESCRIPTORS_MAX = 1024, // more for one that was
    PROBE_BYTES = 16 * 1024 * 1024
};

static volatile sig_atomic_t guest_running;

void process_set_guest_running(bool running) {
    guest_running = running;
}

// ---- ends that have a reason

static void on_no_memory(void) {
    _exit(guest_running ? IPC_EXIT_STACK_EXHAUSTED : IPC_EXIT_OUT_OF_MEMORY);
}

// abort() of the C library, of an assertion, or of the engine: tells a lack of memory from the rest.
static void on_abort(int signal_number) {
    void *probe = mmap(NULL, PROBE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (probe == MAP_FAILED && errno == ENOMEM)
        on_no_memory();
    // Not by the signal: the first process of a PID namespace cannot end itself with one.
    (void)signal_number;
    _exit(IPC_EXIT_ASSERTION);
}

// In place of the C library's, for the engine and its compiler too, which set handlers of their own: that one ends by a signal, which the first
// process of a PID namespace does not get from itself.
__attribute__((visibility("default"))) void abort(void) {
    on_abort(SIGABRT);
    __builtin_unreachable();
}

static void set_handler(int signal_number, void (*handler)(int), int flags) {
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    ASSERT(sigaction(signal_number, &action, NULL) == 0);
}

static void set_signals(void) {
    // What a terminal or a service manager sends to the whole group is spearlet's to act on; it ends its workers in order.
    static const int ignored[] = {SIGPIPE, SIGXFSZ, SIGINT, SIGHUP, SIGQUIT, SIGTERM};
    for (size_t i = 0; i < COUNT_OF(ignored); i++)
        set_handler(ignored[i], SIG_IGN, 0);
    set_handler(SIGABRT, on_abort, (int)(SA_NODEFER | SA_RESETHAND));
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    engine_set_new_handler(on_no_memory);
}

static int set_limit(__rlimit_resource_t resource, rlim_t value, const char *name, struct err *e) {
    struct rlimit limit = {value, value};
    if (setrlimit(resource, &limit))
        return err_set_sys(e, ERR_RUNTIME_ERROR, errno, "setrlimit %s to %llu", name, (unsigned long long)value);
    return 0;
}

// ---- the zygote

static int open_null(void) {
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return -1;
    int failed = dup2(fd, STDIN_FILENO) < 0 || dup2(fd, STDOUT_FILENO) < 0;
    if (fd > STDERR_FILENO)
        close(fd);
    return failed ? -1 : 0;
}

// Private memory that is there before anything of a worker's own. Sanitizers reserve terabytes, which count.
static uint64_t data_in_use_bytes;

static uint64_t data_in_use(void) {
#ifdef __SANITIZE_ADDRESS__
    char text[8192];
    int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    const char *line = strstr(text, "VmData:");
    return line ? strtoull(line + 7, NULL, 10) * 1024 : 0;
#else
    return 0;
#endif
}

int process_become_zygote(struct err *e) {
    data_in_use_bytes = data_in_use();
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) || prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0))
        return err_set_sys(e, ERR_RUNTIME_ERROR, errno, "prctl");
    if (close_range(IPC_ZYGOTE_FD + 1, ~0U, 0) || open_null())
        return err_set_sys(e, ERR_RUNTIME_ERROR, errno, "setting up descriptors");
    if (fcntl(IPC_ZYGOTE_FD, F_SETFD, FD_CLOEXEC))
        return err_set_sys(e, ERR_RUNTIME_ERROR, errno, "no spawn socket on descriptor %d", IPC_ZYGOTE_FD);
    clearenv();
    set_signals();
    return set_limit(RLIMIT_CORE, 0, "RLIMIT_CORE", e);
}

// ---- a worker

// The places follow each other in the order in which descriptors are sent. Out of the way first, so that no move overwrites a descriptor that
// is still to be moved.
static int place_descriptors(struct channel_fds *fds) {
    int moved[IPC_FD_COUNT_MAX];
    for (size_t i = 0; i < fds->count; i++)
        if ((moved[i] = fcntl(fds->fds[i], F_DUPFD_CLOEXEC, PROCESS_FD_COUNT_MAX)) < 0)
            return -1;
    for (size_t i = 0; i < fds->count; i++) {
        int place = PROCESS_FD_CONTROL + (int)i;
        if (dup3(moved[i], place, O_CLOEXEC) < 0)
            return -1;
        fds->fds[i] = place;
    }
    return close_range((unsigned)PROCESS_FD_CONTROL + (unsigned)fds->count, ~0U, 0);
}

static bool may_write_files(const struct ipc_spawn *spawn) {
    for (uint32_t i = 0; i < spawn->grant_count && i < IPC_GRANTS_MAX; i++)
        if (spawn->grants[i].flags & IPC_GRANT_WRITABLE)
            return true;
    return false;
}

// As many as the guest's table has; fewer where the machine's administrator says so.
static int limit_descriptors(const struct ipc_spawn *spawn, struct err *e) {
    struct rlimit now;
    rlim_t wanted = spawn->grant_count ? PROCESS_FD_COUNT_MAX + GUEST_DESCRIPTORS_MAX : DESCRIPTORS_MAX;
    if (getrlimit(RLIMIT_NOFILE, &now) == 0 && wanted > now.rlim_max)
        wanted = now.rlim_max;
    return set_limit(RLIMIT_NOFILE, wanted, "RLIMIT_NOFILE", e);
}

static int set_limits(const struct ipc_spawn *spawn, struct err *e) {
    const struct ipc_limits *limits = &spawn->limits;
    if (limits->data_bytes && set_limit(RLIMIT_DATA, data_in_use_bytes + limits->data_bytes, "RLIMIT_DATA", e))
        return -1;
    if (limits->cpu_seconds && set_limit(RLIMIT_CPU, limits->cpu_seconds, "RLIMIT_CPU", e))
        return -1;
    // Files cannot grow, but in a volume, where the quota rules, and where a compiler writes. What the worker itself writes goes through shared
    // memory, which this does not touch.
    if ((limits->file_bytes || !may_write_files(spawn)) &&
        set_limit(RLIMIT_FSIZE, limits->file_bytes, "RLIMIT_FSIZE", e))
        return -1;
    return limit_descriptors(spawn, e);
}

// A compilation takes what nobody else wants.
static void step_back(void) {
    const struct sched_param none = {0};
    (void)setpriority(PRIO_PROCESS, 0, 19);
    (void)sched_setscheduler(0, SCHED_BATCH, &none);
}

// The parent may have died before it could be asked to take the worker along; its end of the control socket is closed then.
static bool is_orphaned(void) {
    struct pollfd control = {.fd = PROCESS_FD_CONTROL};
    return poll(&control, 1, 0) > 0 && control.revents & POLLHUP;
}

static void say_last_words(const char *message) {
    struct err e;
    err_set(&e, ERR_RUNTIME_ERROR, "the worker stopped itself over an error of its own: %.*s",
            (int)strcspn(message, "\n"), message);
    channel_send_failed(PROCESS_FD_CONTROL, &e);
}

// What the worker says on standard error would stand in spearlet's log as spearlet's own words. A sanitizer's report is wanted there.
static int drop_standard_error(const struct cage *cage) {
    mem_set_last_words(say_last_words);
    return cage->features && !cage_has_wider_filter() && dup2(STDIN_FILENO, STDERR_FILENO) < 0 ? -1 : 0;
}

static const struct cage *worn;

int process_seal(const struct ipc_spawn *spawn, struct err *e) {
    return cage_seal(worn, spawn, e);
}

int process_become_worker(const struct ipc_spawn *spawn, const struct cage *cage, struct channel_fds *fds,
                          struct err *e) {
    if (prctl(PR_SET_PDEATHSIG, SIGKILL))
        return err_set_sys(e, ERR_RUNTIME_ERROR, errno, "prctl");
    if (place_descriptors(fds) || drop_standard_error(cage))
        return err_set_sys(e, ERR_RUNTIME_ERROR, errno, "placing descriptors");
    if (is_orphaned())
        _exit(IPC_EXIT_ORPHANED);
    // Limits first: they cannot be set any more from inside of the cage.
    if (set_limits(spawn, e))
        return -1;
    if (spawn->role == IPC_ROLE_COMPILE)
        step_back();
    page_scan_open(); // while /proc can be seen
    worn = cage;
    return cage_enter(cage, spawn, e);
}
