// Watching child processes on the loop: readiness datagrams, log lines, ends.
//
// How a process is made is child_process.c; what is said about all this is up.c and run.c. Nothing here prints.
#include "cli/supervisor.h"

#include "base/file.h"
#include "base/mem.h"
#include "cli/child_process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHILDREN_MAX = 65, MESSAGE_BYTES = 4096, ADDRESS_BYTES = 300 };

struct child {
    struct supervisor *supervisor;
    const char *name;
    pid_t pid;
    int pidfd, log_fd; // -1 when closed
    uv_poll_t *end_watch, *log_watch;
    bool running;
    int wait_status;
    char address[ADDRESS_BYTES];
    struct buf partial; // a line without its end yet
    char *lines[SUPERVISOR_LINES_KEPT];
    size_t line_count; // ever
};

struct supervisor {
    struct supervisor_config config;
    int notify_fd;
    uv_poll_t *notify_watch;
    char notify_path[sizeof(((struct sockaddr_un *)NULL)->sun_path) + 1]; // "@…"
    struct child *children[CHILDREN_MAX];
    size_t child_count;
};

// ---- watchers

static void free_watch(uv_handle_t *handle) {
    free(handle);
}

static uv_poll_t *watch_fd(struct supervisor *s, int fd, uv_poll_cb callback, void *data) {
    uv_poll_t *watch = NEW(uv_poll_t);
    ASSERT(uv_poll_init(&s->config.api->loop.uv, watch, fd) == 0);
    watch->data = data;
    ASSERT(uv_poll_start(watch, UV_READABLE, callback) == 0);
    uv_unref((uv_handle_t *)watch);
    return watch;
}

static void end_watch(uv_poll_t **watch, int *fd) {
    if (*watch)
        uv_close((uv_handle_t *)TAKE(*watch), free_watch);
    if (*fd >= 0)
        close(TAKE_FD(*fd));
}

// ---- log lines

static void take_line(struct child *c, struct span line) {
    char **slot = &c->lines[c->line_count++ % SUPERVISOR_LINES_KEPT];
    free(*slot);
    *slot = span_dup(line);
    if (c->supervisor->config.line)
        c->supervisor->config.line(c->supervisor->config.ctx, c, line);
}

static void take_partial(struct child *c) {
    if (c->partial.n)
        take_line(c, buf_span(&c->partial));
    buf_reset(&c->partial);
}

static void take_bytes(struct child *c, struct span bytes) {
    while (bytes.n) {
        size_t end = span_find(bytes, '\n');
        if (buf_append(&c->partial, bytes.p, end) != 0) { // too long for one line: it becomes several
            take_partial(c);
            end = end < SUPERVISOR_LINE_MAX ? end : SUPERVISOR_LINE_MAX;
            buf_append(&c->partial, bytes.p, end);
        }
        if (end < bytes.n && bytes.p[end] == '\n') {
            take_line(c, buf_span(&c->partial));
            buf_reset(&c->partial);
            end++;
        }
        bytes = span_slice(bytes, end, bytes.n);
    }
}

static void read_log(struct child *c) {
    char block[16384];
    while (c->log_fd >= 0) {
        ssize_t n = read(c->log_fd, block, sizeof block);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return; // nothing now
        if (n == 0)
            end_watch(&c->log_watch, &c->log_fd);
        take_bytes(c, span_make(block, (size_t)n));
    }
}

static void on_log(uv_poll_t *watch, int status, int events) {
    (void)status;
    (void)events;
    read_log(watch->data);
}

// ---- the end of a child

// The group is killed while the zombie still holds its id: what the child left behind goes with it.
static void reap(struct child *c) {
    if (!c->running)
        return;
    kill(-c->pid, SIGKILL);
    while (waitpid(c->pid, &c->wait_status, 0) < 0 && errno == EINTR) {
    }
    c->running = false;
    read_log(c);
    take_partial(c);
    end_watch(&c->end_watch, &c->pidfd);
    end_watch(&c->log_watch, &c->log_fd);
}

static void on_end(uv_poll_t *watch, int status, int events) {
    (void)status;
    (void)events;
    reap(watch->data);
}

// ---- readiness

static struct child *child_by_pid(struct supervisor *s, pid_t pid) {
    for (size_t i = 0; i < s->child_count; i++)
        if (s->children[i]->running && s->children[i]->pid == pid)
            return s->children[i];
    return NULL;
}

static void take_message(struct child *c, struct span message) {
    static const char key[] = "X_SPEAR_HTTP_ADDR=";
    bool ready = false;
    struct span line, address = {0};
    while (span_next(&message, '\n', &line)) {
        ready = ready || span_equal_text(line, "READY=1");
        if (span_starts_with(line, key))
            address = span_slice(line, sizeof key - 1, ADDRESS_BYTES - 1);
    }
    if (ready && address.n)
        snprintf(c->address, sizeof c->address, "%.*s", SPAN_ARGS(address));
}

// The sender's process id as the kernel saw it; 0 when it did not say.
static pid_t sender_of(struct msghdr *message) {
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        struct ucred credentials;
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_CREDENTIALS)
            continue;
        memcpy(&credentials, CMSG_DATA(c), sizeof credentials);
        return credentials.pid;
    }
    return 0;
}

static void on_notify(uv_poll_t *watch, int status, int events) {
    (void)status;
    (void)events;
    struct supervisor *s = watch->data;
    char text[MESSAGE_BYTES];
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(struct ucred))];
    } control;
    struct iovec part = {text, sizeof text};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    ssize_t n = recvmsg(s->notify_fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    struct child *c = n > 0 ? child_by_pid(s, sender_of(&message)) : NULL;
    if (c)
        take_message(c, span_make(text, (size_t)n));
}

// Bound with an empty name, the kernel picks a free abstract one.
static int open_notify_socket(struct supervisor *s, struct err *e) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t length = sizeof address;
    int yes = 1;
    s->notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s->notify_fd < 0 || setsockopt(s->notify_fd, SOL_SOCKET, SO_PASSCRED, &yes, sizeof yes) != 0 ||
        bind(s->notify_fd, (struct sockaddr *)&address, sizeof address.sun_family) != 0 ||
        getsockname(s->notify_fd, (struct sockaddr *)&address, &length) != 0)
        return err_set_sys(e, ERR_IO, errno, "a socket for the programs' readiness could not be made");
    size_t n = length - offsetof(struct sockaddr_un, sun_path);
    memcpy(s->notify_path, address.sun_path, n);
    s->notify_path[0] = '@';
    s->notify_path[n] = '\0';
    return 0;
}

// ---- life

int supervisor_new(const struct supervisor_config *config, struct supervisor **ret, struct err *e) {
    struct supervisor *s = NEW(struct supervisor);
    s->config = *config;
    if (open_notify_socket(s, e) != 0) {
        if (s->notify_fd >= 0)
            close(s->notify_fd);
        free(s);
        return -1;
    }
    s->notify_watch = watch_fd(s, s->notify_fd, on_notify, s);
    *ret = s;
    return 0;
}

static void free_child(struct child *c) {
    if (c->running)
        kill(-c->pid, SIGKILL);
    reap(c);
    for (size_t i = 0; i < SUPERVISOR_LINES_KEPT; i++)
        free(c->lines[i]);
    buf_done(&c->partial);
    free(c);
}

void supervisor_free(struct supervisor *s) {
    if (!s)
        return;
    for (size_t i = s->child_count; i > 0; i--)
        free_child(s->children[i - 1]);
    end_watch(&s->notify_watch, &s->notify_fd);
    free(s);
}

static void add_child(struct supervisor *s, const char *name, const struct child_process *p, struct child **ret) {
    struct child *c = NEW(struct child);
    *c = (struct child){
        .supervisor = s, .name = name, .pid = p->pid, .pidfd = p->pidfd, .log_fd = p->log_fd, .running = true};
    buf_init(&c->partial, SUPERVISOR_LINE_MAX);
    c->end_watch = watch_fd(s, c->pidfd, on_end, c);
    c->log_watch = watch_fd(s, c->log_fd, on_log, c);
    s->children[s->child_count++] = c;
    *ret = c;
}

int supervisor_start(struct supervisor *s, const struct child_config *config, struct child **ret, struct err *e) {
    struct child_process process;
    if (s->child_count == CHILDREN_MAX)
        return err_set(e, ERR_RESOURCE_EXHAUSTED, "more than %d programs", CHILDREN_MAX);
    AUTO_FREE char *path = file_find_program(config->program);
    if (!path)
        return err_set(e, ERR_NOT_FOUND, "the program %s is neither beside spear nor on PATH", config->program);
    AUTO_FREE char *notify = mem_printf("NOTIFY_SOCKET=%s", s->notify_path);
    if (child_process_start(config, path, notify, &process, e) != 0)
        return -1;
    add_child(s, config->name, &process, ret);
    return 0;
}

// ---- waiting and stopping

static bool is_settled(void *ctx) {
    struct child *c = ctx;
    return c->address[0] || !c->running;
}

int supervisor_wait_ready(struct supervisor *s, struct child *child, uint64_t timeout_ms, struct err *e) {
    char how[64];
    if (s->config.api->cli->signal ||
        (!api_wait(s->config.api, timeout_ms, is_settled, child) && s->config.api->cli->signal))
        return err_set(e, ERR_EXECUTION_TERMINATED, "interrupted");
    if (child->running && child->address[0])
        return 0;
    if (child->running)
        return err_set(e, ERR_INSTANCE_STARTUP_FAILED, "%s did not serve within %llu ms", child->name,
                       (unsigned long long)timeout_ms);
    child_describe_end(child, how);
    return err_set(e, ERR_INSTANCE_STARTUP_FAILED, "%s ended with %s before it served", child->name, how);
}

struct stopping {
    struct child *const *children;
    size_t count;
};

static bool all_ended(void *ctx) {
    struct stopping *s = ctx;
    for (size_t i = 0; i < s->count; i++)
        if (s->children[i] && s->children[i]->running)
            return false;
    return true;
}

static void send_to_all(const struct stopping *s, int number) {
    for (size_t i = 0; i < s->count; i++)
        if (s->children[i] && s->children[i]->running)
            kill(number == SIGKILL ? -s->children[i]->pid : s->children[i]->pid, number);
}

void supervisor_stop(struct supervisor *s, struct child *const children[], size_t count, uint64_t grace_ms) {
    struct stopping stopping = {children, count};
    send_to_all(&stopping, SIGTERM);
    if (grace_ms && api_wait(s->config.api, grace_ms, all_ended, &stopping))
        return;
    send_to_all(&stopping, SIGKILL);
    for (size_t i = 0; i < count; i++)
        if (children[i])
            reap(children[i]); // waits for the kernel alone
}

struct child *supervisor_ended_child(const struct supervisor *s) {
    for (size_t i = 0; i < s->child_count; i++)
        if (!s->children[i]->running)
            return s->children[i];
    return NULL;
}

// ---- facts

const char *child_name(const struct child *child) {
    return child->name;
}

const char *child_address(const struct child *child) {
    return child->address;
}

int child_pid(const struct child *child) {
    return child->pid;
}

bool child_is_running(const struct child *child) {
    return child->running;
}

void child_describe_end(const struct child *child, char ret_text[64]) {
    int status = child->wait_status;
    if (WIFSIGNALED(status))
        snprintf(ret_text, 64, "signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        snprintf(ret_text, 64, "exit code %d", WEXITSTATUS(status));
}

void child_last_lines(const struct child *child, size_t max, struct buf *out) {
    size_t kept = child->line_count < SUPERVISOR_LINES_KEPT ? child->line_count : SUPERVISOR_LINES_KEPT;
    for (size_t i = child->line_count - (kept < max ? kept : max); i < child->line_count; i++)
        buf_printf(out, "%s\n", child->lines[i % SUPERVISOR_LINES_KEPT]);
}
