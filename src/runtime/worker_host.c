// Starts the zygote, watches it, sends it spawn requests; worker_host.h says how. One worker is worker_process.c.
//
// A socket pair is made before there is a zygote to read it: requests wait in it, so that nobody has to. Each pair belongs to one zygote
// (its generation); when that one ends, its requests end with it and those who sent them see their control sockets close.
//
// A zygote first says what its workers will be caged with. The first one is asked for all there is; later ones must have what it had.
#include "runtime/worker_host.h"

#include "base/clock.h"
#include "base/mem.h"
#include "runtime/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

enum { BACKOFF_MS_MAX = 500, BACKOFF_MS_FIRST = 20, STEADY_US = 5000000, END_MS = 2000 };
enum { CAGE_MS_MAX = 30000, SILENT_ENDS_MAX = 5 };

extern char **environ;

struct worker_host {
    const char *worker_path;
    enum sandbox_requirement require_sandbox;
    struct runtime_counters *counters;
    uv_thread_t thread;
    int wake_fd; // eventfd: tells the thread that something below changed
    uv_mutex_t lock;
    uv_cond_t cage_changed; // one of the last three below
    // Under the lock:
    bool thread_runs, closing;
    int socket;        // our end; -1: no pair
    int zygote_socket; // the other end, until a zygote has it; -1
    uint64_t generation;
    pid_t pid; // 0: none
    int pidfd; // of it
    struct err failure;
    struct ipc_cage cage;
    bool cage_known;
    unsigned silent_ends; // zygotes in a row that ended before they said anything
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

// The end that the next zygote reads, or -1; and ours, once more: the other one may be closed by any thread.
static int take_zygote_socket(struct worker_host *h, int *ret_ours, uint64_t *ret_generation) {
    uv_mutex_lock(&h->lock);
    int fd = TAKE_FD(h->zygote_socket);
    *ret_ours = fd >= 0 ? fcntl(h->socket, F_DUPFD_CLOEXEC, 0) : -1;
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
static int spawn_zygote(const struct worker_host *h, int zygote_socket, pid_t *ret_pid) {
    char wanted[16], required[16];
    char *argv[] = {(char *)(uintptr_t) "spear-worker", (char *)(uintptr_t) "--zygote", wanted, required, NULL};
    uint32_t all = h->require_sandbox == SANDBOX_OFF ? 0 : IPC_CAGE_ALL;
    snprintf(wanted, sizeof wanted, "%u", h->cage_known ? h->cage.features : all); // written by this thread alone
    snprintf(required, sizeof required, "%u", h->cage_known ? h->cage.features : 0);
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
        failed = posix_spawn(ret_pid, h->worker_path, &actions, &attributes, argv, environ);
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
    uv_cond_broadcast(&h->cage_changed);
    uv_mutex_unlock(&h->lock);
}

static void note_zygote(struct worker_host *h, pid_t pid, int pidfd) {
    uv_mutex_lock(&h->lock);
    h->pid = pid;
    h->pidfd = pidfd;
    uv_mutex_unlock(&h->lock);
    counter_add(&h->counters->zygote_starts, 1);
}

static int start_zygote(struct worker_host *h, int zygote_socket, int *ret_pidfd, struct err *e) {
    pid_t pid = 0;
    if (!h->worker_path)
        return err_set(e, ERR_INSTANCE_STARTUP_FAILED, "the program spear-worker was not found; set worker_path");
    int failed = spawn_zygote(h, zygote_socket, &pid);
    if (failed)
        return err_set_sys(e, ERR_INSTANCE_STARTUP_FAILED, failed, "%s cannot be started", h->worker_path);
    *ret_pidfd = pidfd_open(pid, 0);
    ASSERT(*ret_pidfd >= 0); // our own child, not yet reaped
    note_zygote(h, pid, *ret_pidfd);
    return 0;
}

// ---- its first word

union first_word {
    struct ipc_header header;
    struct ipc_cage cage;
    struct ipc_failed failed;
};

static int judge_cage(struct worker_host *h, const struct ipc_cage *cage, struct err *e) {
    if (sandbox_check(h->require_sandbox, cage, e) < 0)
        return -1;
    uv_mutex_lock(&h->lock);
    h->cage = *cage;
    h->cage_known = true;
    h->silent_ends = 0;
    err_clear(&h->failure);
    uv_cond_broadcast(&h->cage_changed);
    uv_mutex_unlock(&h->lock);
    return 0;
}

static int judge_word(struct worker_host *h, union first_word *word, size_t n, struct err *e) {
    const struct ipc_header *head = &word->header;
    bool whole = n >= sizeof *head && head->version == IPC_VERSION && head->size == n;
    if (whole && head->type == IPC_CAGE && n == sizeof word->cage)
        return judge_cage(h, &word->cage, e);
    if (whole && head->type == IPC_FAILED && n == sizeof word->failed)
        return err_set(e, ERR_INSTANCE_STARTUP_FAILED, "the sandbox cannot be had any more: %.*s", IPC_TEXT_MAX - 1,
                       word->failed.text);
    return err_set(e, ERR_INSTANCE_STARTUP_FAILED, "%s is not the worker program of this version", h->worker_path);
}

// True when the socket has something to read, or its end.
static bool wait_for_word(struct worker_host *h, int socket) {
    uint64_t until_us = clock_monotonic_us() + (uint64_t)CAGE_MS_MAX * 1000;
    for (uint64_t now_us; !is_closing(h) && (now_us = clock_monotonic_us()) < until_us;)
        if (wait_for(h, socket, (int)((until_us - now_us) / 1000) + 1))
            return true;
    return false;
}

// Waits for what a zygote says first. A zygote that ends without a word is no failure: it is replaced, as it would be later. -1 with e: it is not
// to be used.
static int hear_zygote(struct worker_host *h, int socket, struct err *e) {
    union first_word word;
    if (!wait_for_word(h, socket))
        return is_closing(h) ? 0
                             : err_set(e, ERR_INSTANCE_STARTUP_FAILED, "%s did not say in %d ms that it is there",
                                       h->worker_path, CAGE_MS_MAX);
    ssize_t n = recv(socket, &word, sizeof word, MSG_DONTWAIT);
    if (n > 0)
        return judge_word(h, &word, (size_t)n, e);
    uv_mutex_lock(&h->lock);
    h->silent_ends++;
    uv_mutex_unlock(&h->lock);
    return 0;
}

// ---- its life

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
static bool run_zygote(struct worker_host *h, int zygote_socket, int ours, uint64_t generation) {
    struct err why = {0};
    int pidfd = -1;
    bool started = start_zygote(h, zygote_socket, &pidfd, &why) == 0;
    close(zygote_socket);
    bool usable = started && hear_zygote(h, ours, &why) == 0;
    close(ours);
    if (!usable)
        drop_pair(h, generation, &why); // first, so that who waits for it finds the reason
    if (started && !usable)
        (void)pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
    if (started)
        watch_zygote(h, pidfd, generation);
    drop_pair(h, generation, NULL);
    if (started)
        close(pidfd);
    return usable;
}

static void on_thread(void *arg) {
    struct worker_host *h = arg;
    int backoff_ms = 0;
    while (!is_closing(h)) {
        uint64_t generation, started_us = clock_monotonic_us();
        int ours, zygote_socket = take_zygote_socket(h, &ours, &generation);
        if (zygote_socket < 0) {
            wait_for(h, -1, -1);
            continue;
        }
        bool started = run_zygote(h, zygote_socket, ours, generation);
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

static bool is_cage_settled(const struct worker_host *h) {
    return h->cage_known || h->failure.kind != ERR_NONE || h->silent_ends >= SILENT_ENDS_MAX;
}

int worker_host_wait_cage(struct worker_host *h, struct ipc_cage *ret, struct err *e) {
    uv_mutex_lock(&h->lock);
    int failed = need_pair(h, e);
    while (!failed && !is_cage_settled(h))
        uv_cond_wait(&h->cage_changed, &h->lock);
    if (!failed && h->cage_known) {
        *ret = h->cage;
    } else if (!failed) {
        failed = err_set(e, ERR_INSTANCE_STARTUP_FAILED, "%s ended %u times before it said anything",
                         h->worker_path ? h->worker_path : "", h->silent_ends);
        if (e && h->failure.kind != ERR_NONE)
            *e = h->failure;
    }
    uv_mutex_unlock(&h->lock);
    return failed;
}

bool worker_host_cage(struct worker_host *h, struct ipc_cage *ret) {
    uv_mutex_lock(&h->lock);
    bool known = h->cage_known;
    if (known)
        *ret = h->cage;
    uv_mutex_unlock(&h->lock);
    return known;
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

int worker_host_new(const struct spearlet_config *config, struct runtime_counters *counters, struct worker_host **ret,
                    struct err *e) {
    int wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (wake_fd < 0)
        return err_set_sys(e, ERR_RESOURCE_EXHAUSTED, errno, "an eventfd cannot be made");
    struct worker_host *h = NEW(struct worker_host);
    h->worker_path = config->worker_path;
    h->require_sandbox = config->require_sandbox;
    h->counters = counters;
    h->wake_fd = wake_fd;
    h->socket = h->zygote_socket = h->pidfd = -1;
    ASSERT(uv_mutex_init(&h->lock) == 0 && uv_cond_init(&h->cage_changed) == 0);
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
    uv_cond_destroy(&h->cage_changed);
    uv_mutex_destroy(&h->lock);
    free(h);
}
