// A worker that is a process: asked of the zygote, watched through its control socket and its pidfd, reaped. worker.h says what is promised.
//
//   asking ─▶ (ipc_spawned, pidfd) starting ─▶ (ipc_ready) serving ─▶ (pidfd readable) reaped ─▶ ended
//
// The control socket is drained before the process is reaped, so that its last words are heard. A worker that says nonsense is killed. If the
// zygote dies before it answers, the control socket closes without a word: then another zygote is asked. Messages are read in worker_messages.c,
// invocations are worker_ring.c.
#include "runtime/worker_internal.h"

#include "base/mem.h"

#include <errno.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

_Static_assert((int)IPC_GRANTS_MAX == (int)TASK_GRANTS_MAX, "every grant has its place in the message");
_Static_assert(sizeof(((struct ipc_grant *)0)->guest_path) == sizeof(((struct task_grant *)0)->guest_path),
               "a guest path fits, with its end");

enum { SPAWN_TRIES_MAX = 5, SPAWN_RETRY_MS = 2, LINGER_MS = 1000, MESSAGES_A_TURN = 64 };
// What the engine may take beside the guest's memory: its stack, and its form of the module (measured on the interpreter: 14 bytes for each
// byte of a small module, 22 for the 20 MB of esbuild).
enum { OVERHEAD_BYTES = 256 * 1024 * 1024, OVERHEAD_PER_MODULE_BYTE = 24 };

static void ask_zygote(struct worker *w);
static void on_control(uv_poll_t *poll, int status, int events);

// ---- the end

static void free_when_closed(struct worker *w) {
    if (!w->freed || w->handles_open > 0)
        return;
    worker_memory_done(&w->memory);
    mem_close_fd(&w->pidfd);
    mem_close_fd(&w->wake_fd);
    free(w);
}

static void on_handle_closed(uv_handle_t *handle) {
    struct worker *w = handle->data;
    w->handles_open--;
    free_when_closed(w);
}

static void on_control_closed(uv_handle_t *handle) {
    struct worker_control *c = CONTAINER_OF(handle, struct worker_control, poll);
    struct worker *w = c->worker;
    close(c->fd);
    free(c);
    w->handles_open--;
    free_when_closed(w);
}

static void close_control(struct worker *w) {
    if (!w->control)
        return;
    uv_close((uv_handle_t *)&w->control->poll, on_control_closed);
    w->control = NULL;
}

static void tell_end(void *arg) {
    struct worker *w = arg;
    w->config.events->ended(w->config.ctx, &w->end);
}

// What ended it: our reason for killing it, what it said itself, or what the kernel says.
static void judge_end(struct worker *w, const siginfo_t *info) {
    bool clean = info && info->si_code == CLD_EXITED && info->si_status == IPC_EXIT_STOPPED;
    if (clean && (w->stopped || (w->config.role != IPC_ROLE_SERVE && w->ready)))
        err_clear(&w->end);
    else if (w->kill_reason.kind != ERR_NONE)
        w->end = w->kill_reason;
    else if (w->last_words.kind != ERR_NONE)
        w->end = w->last_words;
    else if (info && w->config.role == IPC_ROLE_COMPILE)
        worker_death_compiling(info, w->config.memory_bytes, &w->end);
    else if (info)
        worker_death(info, w->config.memory_bytes, &w->end);
}

// info NULL: it never came to be; w->end says why then (unless it was killed before).
static void finish(struct worker *w, const siginfo_t *info) {
    ASSERT(!w->ended);
    w->ended = true;
    judge_end(w, info);
    loop_timer_cancel(w->timer);
    w->timer = NULL;
    close_control(w);
    worker_pump_remove(w);
    if (w->wake_fd >= 0)
        uv_close((uv_handle_t *)&w->wake_poll, on_handle_closed);
    if (w->pidfd >= 0)
        uv_close((uv_handle_t *)&w->pid_poll, on_handle_closed);
    if (info)
        counter_add(&w->config.shared->counters.workers_exited, 1);
    tell_end(w);
}

static void on_pid(uv_poll_t *poll, int status, int poll_events) {
    (void)status, (void)poll_events;
    struct worker *w = poll->data;
    worker_read_messages(w, UINT_MAX); // all there can be: it is dead
    while (worker_drain(w))
        continue;
    siginfo_t info = {0};
    if (waitid(P_PIDFD, (id_t)w->pidfd, &info, WEXITED | WNOHANG) == 0 && info.si_pid != 0)
        finish(w, &info);
}

// ---- its birth

void worker_born(struct worker *w, int pid, int pidfd) {
    w->pid = pid;
    w->pidfd = pidfd;
    ASSERT(uv_poll_init(&w->config.loop->uv, &w->pid_poll, pidfd) == 0);
    w->pid_poll.data = w;
    w->handles_open++;
    ASSERT(uv_poll_start(&w->pid_poll, UV_READABLE, on_pid) == 0);
    counter_add(&w->config.shared->counters.workers_started, 1);
    if (w->kill_reason.kind != ERR_NONE)
        (void)pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
}

static void give_up(struct worker *w, const struct err *why) {
    w->end = *why;
    finish(w, NULL);
}

static void on_lingering(void *arg) {
    struct worker *w = arg;
    w->timer = NULL;
    worker_broke_protocol(w, "it closed its control socket and lived on");
}

// The control socket closed. A process that ends closes it a moment before its end is seen. Before the process is known: its zygote died, or
// could not start.
void worker_hung_up(struct worker *w) {
    struct err why = {0};
    close_control(w);
    if (w->pidfd >= 0) {
        loop_timer_cancel(w->timer);
        w->timer = loop_timer_start(w->config.loop, LINGER_MS, on_lingering, w);
        return;
    }
    worker_host_failure(w->config.shared->workers, &why);
    if (why.kind == ERR_NONE && w->kill_reason.kind == ERR_NONE && w->spawn_tries < SPAWN_TRIES_MAX) {
        ask_zygote(w);
        return;
    }
    if (why.kind == ERR_NONE)
        err_set(&why, ERR_INSTANCE_STARTUP_FAILED, "the zygote ended %u times before it made a worker", w->spawn_tries);
    give_up(w, &why);
}

static uint32_t spawn_flags(const struct worker_config *c) {
    return (c->keeps_state ? IPC_SPAWN_KEEPS_STATE : 0u) | (c->native ? IPC_SPAWN_NATIVE : 0u) |
           (c->quick ? IPC_SPAWN_QUICK : 0u);
}

static struct ipc_limits spawn_limits(const struct worker_config *c) {
    struct ipc_limits limits = {
        .memory_bytes = c->memory_bytes, .data_bytes = c->memory_bytes, .open_files = c->open_files};
    if (c->role != IPC_ROLE_COMPILE)
        limits.data_bytes += OVERHEAD_BYTES + OVERHEAD_PER_MODULE_BYTE * c->module_bytes;
    else
        limits.file_bytes = WORKER_CODE_BYTES_MAX;
    if (c->role != IPC_ROLE_SERVE)
        limits.cpu_seconds = c->start_ms / 1000 + 1;
    return limits;
}

static void fill_request(const struct worker *w, struct ipc_spawn *request) {
    const struct worker_config *c = &w->config;
    *request = (struct ipc_spawn){
        .header = {.version = IPC_VERSION, .type = IPC_SPAWN, .size = sizeof *request},
        .role = (uint32_t)c->role,
        .flags = spawn_flags(c),
        .module_bytes = c->module_bytes,
        .layout = w->memory.layout,
        .limits = spawn_limits(c),
    };
}

// What the message says of each grant, and its two descriptors behind the others.
static void add_grants(const struct worker *w, struct ipc_spawn *request, int fds[IPC_FD_COUNT_MAX]) {
    const struct worker_config *c = &w->config;
    request->grant_count = (uint32_t)c->grant_count;
    for (size_t i = 0; i < c->grant_count; i++) {
        const struct task_grant *from = c->grants[i].grant;
        struct ipc_grant *to = &request->grants[i];
        memcpy(to->guest_path, from->guest_path, sizeof to->guest_path);
        to->max_bytes = from->max_bytes;
        to->flags = from->writable ? IPC_GRANT_WRITABLE : 0;
        fds[IPC_SPAWN_FD_COUNT + 2 * i] = c->grants[i].directory_fd;
        fds[IPC_SPAWN_FD_COUNT + 2 * i + 1] = c->grants[i].volume_fd;
    }
}

// Our end into the loop, the other one for the worker. SO_PASSCRED tells the sender's id should the zygote die before it can.
static int make_control(struct worker *w, int *ret_worker_end, struct err *e) {
    int pair[2], on = 1;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return err_set_sys(e, ERR_RESOURCE_EXHAUSTED, errno, "a worker's control socket cannot be made");
    (void)setsockopt(pair[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
    struct worker_control *c = NEW(struct worker_control);
    c->worker = w;
    c->fd = pair[0];
    ASSERT(uv_poll_init(&w->config.loop->uv, &c->poll, pair[0]) == 0);
    c->poll.data = w;
    w->handles_open++;
    ASSERT(uv_poll_start(&c->poll, UV_READABLE | UV_DISCONNECT, on_control) == 0);
    w->control = c;
    *ret_worker_end = pair[1];
    return 0;
}

static void on_control(uv_poll_t *poll, int status, int poll_events) {
    (void)status, (void)poll_events;
    struct worker_control *c = CONTAINER_OF(poll, struct worker_control, poll);
    if (c == c->worker->control)
        worker_read_messages(c->worker, MESSAGES_A_TURN); // a guest may write without end, byte by byte
}

static void on_late(void *arg) {
    struct worker *w = arg;
    struct err why = {0};
    w->timer = NULL;
    err_set(&why, ERR_INSTANCE_STARTUP_FAILED, "the worker was not ready after %llu ms",
            (unsigned long long)w->config.start_ms);
    worker_kill(w, &why);
    if (w->pidfd < 0)
        worker_host_kick(w->config.shared->workers); // it does not answer; its end closes our control socket
}

static void on_retry(void *arg) {
    struct worker *w = arg;
    w->timer = NULL;
    ask_zygote(w);
}

static void on_asked(struct worker *w, enum worker_host_answer answer, const struct err *e) {
    if (answer == WORKER_HOST_FAILED) {
        give_up(w, e);
        return;
    }
    loop_timer_cancel(w->timer);
    if (answer == WORKER_HOST_SENT) {
        w->timer = loop_timer_start(w->config.loop, w->config.start_ms, on_late, w);
    } else {
        close_control(w);
        w->timer = loop_timer_start(w->config.loop, SPAWN_RETRY_MS, on_retry, w);
    }
}

static void ask_zygote(struct worker *w) {
    struct err e = {0};
    AUTO_CLOSE int worker_end = -1;
    if (w->kill_reason.kind != ERR_NONE || make_control(w, &worker_end, &e) < 0) {
        give_up(w, &e);
        return;
    }
    struct ipc_spawn request;
    fill_request(w, &request);
    int fds[IPC_FD_COUNT_MAX] = {worker_end, w->memory.fd, w->config.module_fd, w->wake_fd};
    add_grants(w, &request, fds);
    w->spawn_tries++;
    enum worker_host_answer answer = worker_host_spawn(w->config.shared->workers, &request, fds, &e);
    if (answer == WORKER_HOST_LATER)
        w->spawn_tries--;
    on_asked(w, answer, &e);
}

// The pump does the rest at the end of the turn.
static void on_wake(uv_poll_t *poll, int status, int poll_events) {
    (void)status, (void)poll_events;
    struct worker *w = poll->data;
    uint64_t count;
    (void)!read(w->wake_fd, &count, sizeof count);
}

static int make_wake(struct worker *w, struct err *e) {
    w->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (w->wake_fd < 0)
        return err_set_sys(e, ERR_RESOURCE_EXHAUSTED, errno, "a worker's eventfd cannot be made");
    ASSERT(uv_poll_init(&w->config.loop->uv, &w->wake_poll, w->wake_fd) == 0);
    w->wake_poll.data = w;
    w->handles_open++;
    ASSERT(uv_poll_start(&w->wake_poll, UV_READABLE, on_wake) == 0);
    return 0;
}

static void begin(void *arg) {
    struct worker *w = arg;
    const struct worker_config *c = &w->config;
    struct err e = {0};
    if (worker_memory_init(&w->memory, c->payload_bytes, c->output_bytes, c->log_bytes, &e) < 0 || make_wake(w, &e) < 0)
        give_up(w, &e);
    else {
        ring_client_init(&w->ring, worker_memory_ring(&w->memory));
        ask_zygote(w);
    }
}

struct worker *worker_start(const struct worker_config *config) {
    struct worker *w = NEW(struct worker);
    w->config = *config;
    w->pidfd = w->memory.fd = w->wake_fd = -1;
    ASSERT(loop_post(config->loop, begin, w));
    return w;
}

void worker_free(struct worker *w) {
    if (!w)
        return;
    ASSERT(w->ended && !w->freed);
    w->freed = true;
    free_when_closed(w);
}

// ---- what the owner asks of it

void worker_kill(struct worker *w, const struct err *why) {
    if (w->ended || w->kill_reason.kind != ERR_NONE)
        return;
    w->kill_reason = *why;
    if (w->pidfd < 0)
        return; // as soon as it is born
    counter_add(&w->config.shared->counters.workers_killed, 1);
    (void)pidfd_send_signal(w->pidfd, SIGKILL, NULL, 0);
}

void worker_broke_protocol(struct worker *w, const char *how) {
    struct err why = {0};
    err_set(&why, ERR_RUNTIME_ERROR, "the worker broke the protocol: %s", how);
    worker_kill(w, &why);
}

// A worker that cannot be told any more is about to be seen dead.
static void send_message(struct worker *w, const void *message, size_t n) {
    if (w->control && send(w->control->fd, message, n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == EAGAIN)
        worker_broke_protocol(w, "it does not read its messages");
}

void worker_stop(struct worker *w) {
    struct ipc_stop message = {.header = {.version = IPC_VERSION, .type = IPC_STOP, .size = sizeof message}};
    send_message(w, &message, sizeof message);
    w->stopping = true;
    ring_call(&w->ring);
}

int worker_pid(const struct worker *w) {
    return w->pid;
}

int worker_output(const struct worker *w, uint64_t *ret_offset) {
    *ret_offset = w->memory.layout.output_offset;
    return w->memory.fd;
}

bool runtime_has_engine(void) {
    return true;
}
