// Starts the zygote, watches it, sends it spawn requests; worker_host.h says how. One worker is worker_process.c.
//
// A socket pair is made before there is a zygote to read it: requests wait in it, so that nobody has to. Each pair belongs to one zygote
// (its generation); when that one ends, its requests end with it and those who sent them see their control sockets close.
#include "runtime/worker_host.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

enum { BACKOFF_MS_MAX = 500, BACKOFF_MS_FIRST = 20, STEADY_US = 5000000, END_MS = 2000 };

extern char **environ;

struct worker_host {
    const char *worker_path;
    struct runtime_counters *counters;
    uv_thread_t thread;
    int wake_fd; // eventfd: tells the thread that something below changed
    uv_mutex_t lock;
    // Under the lock:
    bool thread_runs, closing;
    int socket;        // our end; -1: no pair
    int zygote_socket; // the other end, until a zygote has it; -1
    uint64_t generation;
    pid_t pid; // 0: none
    int pidfd; // of it
    struct err failure;
};

static void wake(struct worker_host *h) {
    uint64_t one = 1;
    (void)!write(h->wake_fd, &one, sizeof one); // full means awake
}

// ---- the thread

static bool is_closing(struct worker_host *h) {
    uv_mutex_lock(&h->lock);
    bool closing = h->closing;
    uv_mutex_unlock(&h->lock);
    return closing;
}

// Waits until fd (-1: none) is readable, the host is closing, or the time is over (-1: never). True when fd is readable.
static bool wait_for(struct worker_host *h, int fd, int timeout_ms) {
    struct pollfd fds[2] = {{.fd = h->wake_fd, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
    int ready;
    do
        ready = poll(fds, 2, timeout_ms);
    while (ready < 0 && errno == EINTR);
    uint64_t count;
    if (fds[0].revents)
        (void)!read(h->wake_fd, &count, sizeof count);
    return ready > 0 && fds[1].revents != 0;
}

// The end that the next zygote reads, or -1.
static int take_zygote_socket(struct worker_host *h, uint64_t *ret_generation) {
    uv_mutex_lock(&h->lock);
    int fd = TAKE_FD(h->zygote_socket);
    *ret_generation = h->generation;
    uv_mutex_unlock(&h->lock);
    return fd;
}

static int prepare_spawn(posix_spawn_file_actions_t *actions, posix_spawnattr_t *attributes, int zygote_socket) {
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    int failed = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    failed |= posix_spawn_file_actions_addopen(actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    failed |= posix_spawn_file_actions_adddup2(actions, zygote_socket, IPC_ZYGOTE_FD);
    failed |= posix_spawn_file_actions_addclosefrom_np(actions, IPC_ZYGOTE_FD + 1);
    failed |= posix_spawnattr_setsigmask(attributes, &none);
    failed |= posix_spawnattr_setsigdefault(attributes, &all);
    // A session of its own: Ctrl-C on our terminal is for us, we end our guests in order.
    failed |= posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
    return failed;
}

// An errno, or 0.
static int spawn_zygote(const char *path, int zygote_socket, pid_t *ret_pid) {
    char *argv[] = {(char *)(uintptr_t) "spear-worker", (char *)(uintptr_t) "--zygote", NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    if (posix_spawn_file_actions_init(&actions) != 0)
        return ENOMEM;
    if (posix_spawnattr_init(&attributes) != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return ENOMEM;
    }
    int failed = prepare_spawn(&actions, &attributes, zygote_socket);
    if (!failed)
        failed = posix_spawn(ret_pid, path, &actions, &attributes, argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return failed;
}

// The pair of that generation is of no use any more: who waits on it sees its control socket close.
static void drop_pair(struct worker_host *h, uint64_t generation, const struct err *why) {
    uv_mutex_lock(&h->lock);
    if (h->generation == generation && h->socket >= 0) {
        close(h->socket);
        h->socket = -1;
        if (h->zygote_socket >= 0)
            close(h->zygote_socket);
        h->zygote_socket = -1;
    }
    h->pid = 0;
    h->pidfd = -1;
    if (why)
        h->failure = *why;
    uv_mutex_unlock(&h->lock);
}

static void note_zygote(struct worker_host *h, pid_t pid, int pidfd) {
    uv_mutex_lock(&h->lock);
    h->pid = pid;
    h->pidfd = pidfd;
    err_clear(&h->failure);
    uv_mutex_unlock(&h->lock);
    counter_add(&h->counters->zygote_starts, 1);
}

static int start_zygote(struct worker_host *h, int zygote_socket, int *ret_pidfd, struct err *e) {
    pid_t pid = 0;
    if (!h->worker_path)
        return err_set(e, ERR_INSTANCE_STARTUP_FAILED, "the program spear-worker was not found; set worker_path");
    int failed = spawn_zygote(h->worker_path, zygote_socket, &pid);
    if (failed)
        return err_set_sys(e, ERR_INSTANCE_STARTUP_FAILED, failed, "%s cannot be started", h->worker_path);
    *ret_pidfd = pidfd_open(pid, 0);
    ASSERT(*ret_pidfd >= 0); // our own child, not yet reaped
    note_zygote(h, pid, *ret_pidfd);
    return 0;
}

static void reap(int pidfd) {
    siginfo_t info;
    while (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED) < 0 && errno == EINTR)
        ;
}

// Until it ends by itself, or is asked to since the host closes: its socket is closed then, and it has END_MS.
static void watch_zygote(struct worker_host *h, int pidfd, uint64_t generation) {
    while (!is_closing(h))
        if (wait_for(h, pidfd, -1))
            break;
    if (is_closing(h)) {
        drop_pair(h, generation, NULL);
        struct pollfd end = {.fd = pidfd, .events = POLLIN};
        if (poll(&end, 1, END_MS) == 0)
            (void)pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
    }
    reap(pidfd);
}

static int next_backoff_ms(int backoff_ms, uint64_t started_us) {
    if (clock_monotonic_us() - started_us > STEADY_US)
        return 0;
    if (backoff_ms == 0)
        return BACKOFF_MS_FIRST;
    return backoff_ms * 2 > BACKOFF_MS_MAX ? BACKOFF_MS_MAX : backoff_ms * 2;
}

// One zygote from its start to its end. False when it could not be started.
static bool run_zygote(struct worker_host *h, int zygote_socket, uint64_t generation) {
    struct err why = {0};
    int pidfd = -1;
    bool started = start_zygote(h, zygote_socket, &pidfd, &why) == 0;
    close(zygote_socket);
    if (started)
        watch_zygote(h, pidfd, generation);
    drop_pair(h, generation, started ? NULL : &why);
    if (started)
        close(pidfd);
    return started;
}

static void on_thread(void *arg) {
    struct worker_host *h = arg;
    int backoff_ms = 0;
    while (!is_closing(h)) {
        uint64_t generation, started_us = clock_monotonic_us();
        int zygote_socket = take_zygote_socket(h, &generation);
        if (zygote_socket < 0) {
            wait_for(h, -1, -1);
            continue;
        }
        bool started = run_zygote(h, zygote_socket, generation);
        backoff_ms = next_backoff_ms(backoff_ms, started_us);
        if (started)
            worker_host_warm_up(h); // be ready again before the next one asks
        // The first time at once: a zygote that was killed once is no reason to wait.
        uint64_t until_us = clock_monotonic_us() + (backoff_ms > BACKOFF_MS_FIRST ? (uint64_t)backoff_ms : 0) * 1000;
        for (uint64_t now_us; !is_closing(h) && (now_us = clock_monotonic_us()) < until_us;)
            wait_for(h, -1, (int)((until_us - now_us) / 1000) + 1);
    }
}

// ---- the callers

// Makes the pair, and the thread, when they are not there. Under the lock.
static int need_pair(struct worker_host *h, struct err *e) {
    int pair[2];
    if (h->closing)
        return err_set(e, ERR_INSTANCE_DESTROYED, "the runtime is closed");
    if (h->socket >= 0)
        return 0;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return err_set_sys(e, ERR_RESOURCE_EXHAUSTED, errno, "a socket for the zygote cannot be made");
    h->socket = pair[0];
    h->zygote_socket = pair[1];
    h->generation++;
    if (!h->thread_runs) {
        ASSERT(uv_thread_create(&h->thread, on_thread, h) == 0);
        h->thread_runs = true;
    }
    wake(h);
    return 0;
}

static void attach_fds(struct msghdr *message, char *control, const int *fds, size_t count) {
    memset(control, 0, CMSG_SPACE(sizeof(int) * count));
    message->msg_control = control;
    message->msg_controllen = CMSG_SPACE(sizeof(int) * count);
    struct cmsghdr *c = CMSG_FIRSTHDR(message);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int) * count);
    memcpy(CMSG_DATA(c), fds, sizeof(int) * count);
}

static ssize_t send_request(int socket, const struct ipc_spawn *request, const int *fds) {
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int) * IPC_FD_COUNT_MAX)];
    struct iovec part = {(void *)(uintptr_t)request, sizeof *request};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    attach_fds(&message, control, fds, IPC_SPAWN_FD_COUNT + 2 * (size_t)request->grant_count);
    return sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

// A pair whose zygote has just ended is replaced here, before the thread has noticed.
static enum worker_host_answer spawn_locked(struct worker_host *h, const struct ipc_spawn *request, const int *fds,
                                            struct err *e) {
    for (int attempt = 0; attempt < 2; attempt++) {
        if (need_pair(h, e) < 0)
            return WORKER_HOST_FAILED;
        if (send_request(h->socket, request, fds) >= 0)
            return WORKER_HOST_SENT;
        if (errno == EAGAIN || errno == EINTR || errno == ENOBUFS || errno == ETOOMANYREFS)
            return WORKER_HOST_LATER;
        if (errno != EPIPE && errno != ECONNRESET)
            break;
        close(h->socket);
        h->socket = -1;
    }
    err_set_sys(e, ERR_INSTANCE_STARTUP_FAILED, errno, "the zygote cannot be asked for a worker");
    return WORKER_HOST_FAILED;
}

enum worker_host_answer worker_host_spawn(struct worker_host *h, const struct ipc_spawn *request, const int *fds,
                                          struct err *e) {
    uv_mutex_lock(&h->lock);
    enum worker_host_answer answer = spawn_locked(h, request, fds, e);
    uv_mutex_unlock(&h->lock);
    return answer;
}

void worker_host_warm_up(struct worker_host *h) {
    uv_mutex_lock(&h->lock);
    (void)need_pair(h, NULL);
    uv_mutex_unlock(&h->lock);
}

void worker_host_failure(struct worker_host *h, struct err *ret) {
    uv_mutex_lock(&h->lock);
    *ret = h->failure;
    uv_mutex_unlock(&h->lock);
}

void worker_host_kick(struct worker_host *h) {
    uv_mutex_lock(&h->lock);
    if (h->pidfd >= 0)
        (void)pidfd_send_signal(h->pidfd, SIGKILL, NULL, 0);
    uv_mutex_unlock(&h->lock);
}

int worker_host_pid(struct worker_host *h) {
    uv_mutex_lock(&h->lock);
    pid_t pid = h->pid;
    uv_mutex_unlock(&h->lock);
    return (int)pid;
}

int worker_host_new(const char *worker_path, struct runtime_counters *counters, struct worker_host **ret,
                    struct err *e) {
    int wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (wake_fd < 0)
        return err_set_sys(e, ERR_RESOURCE_EXHAUSTED, errno, "an eventfd cannot be made");
    struct worker_host *h = NEW(struct worker_host);
    h->worker_path = worker_path;
    h->counters = counters;
    h->wake_fd = wake_fd;
    h->socket = h->zygote_socket = h->pidfd = -1;
    ASSERT(uv_mutex_init(&h->lock) == 0);
    *ret = h;
    return 0;
}

void worker_host_free(struct worker_host *h) {
    if (!h)
        return;
    uv_mutex_lock(&h->lock);
    h->closing = true;
    bool thread_runs = h->thread_runs;
    uv_mutex_unlock(&h->lock);
    wake(h);
    if (thread_runs)
        uv_thread_join(&h->thread);
    if (h->socket >= 0)
        close(h->socket);
    if (h->zygote_socket >= 0)
        close(h->zygote_socket);
    close(h->wake_fd);
    uv_mutex_destroy(&h->lock);
    free(h);
}
