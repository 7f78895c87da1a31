// Reads a worker's messages from its control socket. Everything in them is untrusted: sizes, kinds, texts and lengths are checked, and a
// worker that breaks the rules is killed (worker_process.c).
#include "runtime/worker_internal.h"

#include "base/mem.h"
#include "runtime/native_store.h"

#include <errno.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { RECEIVE_TRIES_MAX = 100 };

union message {
    struct ipc_header header;
    struct ipc_spawned spawned;
    struct ipc_ready ready;
    struct ipc_failed failed;
    struct ipc_stopped stopped;
};

struct received {
    union message message;
    ssize_t size; // 0: the end; -1: nothing there
    bool cut;
    int fd;     // the one that came along, or -1
    int sender; // its process, or 0
};

// ---- one message

static void take_fds(struct received *r, struct cmsghdr *c) {
    size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; i++) {
        int fd;
        memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
        if (r->fd < 0)
            r->fd = fd;
        else
            close(fd);
    }
}

static void take_control_data(struct received *r, struct msghdr *message) {
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        struct ucred sender;
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
            take_fds(r, c);
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_CREDENTIALS) {
            memcpy(&sender, CMSG_DATA(c), sizeof sender);
            r->sender = sender.pid;
        }
    }
}

static void receive(int fd, struct received *r) {
    _Alignas(
        struct cmsghdr) char control[CMSG_SPACE(sizeof(int) * IPC_FD_COUNT_MAX) + CMSG_SPACE(sizeof(struct ucred))];
    struct iovec part = {&r->message, sizeof r->message};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    r->fd = -1;
    r->sender = 0;
    // A worker that ends with messages of ours unread leaves a reset (unix(7)), which is told once and before its own last words.
    for (int tries = 0; tries < RECEIVE_TRIES_MAX; tries++) {
        r->size = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (r->size >= 0 || (errno != EINTR && errno != ECONNRESET))
            break;
    }
    if (r->size < 0 && errno != EAGAIN)
        r->size = 0;
    r->cut = (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
    if (r->size > 0)
        take_control_data(r, &message);
}

static size_t expected_size(uint16_t type) {
    switch (type) {
    case IPC_SPAWNED:
        return sizeof(struct ipc_spawned);
    case IPC_READY:
        return sizeof(struct ipc_ready);
    case IPC_FAILED:
        return sizeof(struct ipc_failed);
    case IPC_STOPPED:
        return sizeof(struct ipc_stopped);
    default:
        return 0;
    }
}

static bool well_formed(const struct received *r) {
    const struct ipc_header *h = &r->message.header;
    return !r->cut && (size_t)r->size >= sizeof *h && h->version == IPC_VERSION && h->size == (uint32_t)r->size &&
           (size_t)r->size == expected_size(h->type);
}

// ---- what the messages mean

bool worker_kind_allowed(uint32_t kind) {
    switch (kind) {
    case ERR_NONE:
    case ERR_RUNTIME_ERROR:
    case ERR_INVALID_CONFIGURATION:
    case ERR_INVALID_REQUEST:
    case ERR_EXECUTION_TIMEOUT:
    case ERR_RESOURCE_EXHAUSTED:
    case ERR_INSTANCE_STARTUP_FAILED:
    case ERR_INSTANCE_CREATION_FAILED:
    case ERR_NOT_SUPPORTED:
    case ERR_IO:
    case ERR_INTERNAL:
        return true;
    default:
        return false;
    }
}

static void on_spawned(struct worker *w, struct received *r) {
    if (w->pidfd >= 0 || r->fd < 0) {
        worker_broke_protocol(w, "it was spawned twice, or without a pidfd");
        return;
    }
    worker_born(w, r->message.spawned.pid, TAKE_FD(r->fd));
}

static void on_ready(struct worker *w, struct ipc_ready *ready) {
    if (w->ready || ready->module_bytes > w->memory.layout.output_bytes) {
        worker_broke_protocol(w, "it was ready twice, or with more than fits");
        return;
    }
    w->ready = true;
    ready->engine[IPC_ENGINE_MAX - 1] = '\0';
    native_store_set_engine(w->config.shared->native, ready->engine);
    if (w->config.role == IPC_ROLE_SERVE) { // another one has to end in time, too
        loop_timer_cancel(w->timer);
        w->timer = NULL;
    }
    w->config.events->ready(w->config.ctx, ready->module_bytes);
}

static void on_failed(struct worker *w, struct ipc_failed *failed) {
    failed->text[IPC_TEXT_MAX - 1] = '\0';
    if (!worker_kind_allowed(failed->kind) || failed->kind == ERR_NONE) {
        worker_broke_protocol(w, "it failed with an unknown kind of error");
        return;
    }
    err_set(&w->last_words, (enum err_kind)failed->kind, "%s", failed->text);
    if (w->pidfd >= 0)
        return;                     // it ends now
    w->kill_reason = w->last_words; // of the zygote, about a child that it could not make
}

// The zygote died between making this worker and saying so: the worker's own message tells who it is.
static void adopt(struct worker *w, int sender) {
    if (sender <= 0 || sender == worker_host_pid(w->config.shared->workers))
        return;
    int pidfd = pidfd_open(sender, 0);
    if (pidfd >= 0)
        worker_born(w, sender, pidfd);
}

static void act_on(struct worker *w, struct received *r) {
    if (!well_formed(r)) {
        worker_broke_protocol(w, "it sent a malformed message");
        return;
    }
    if (w->pidfd < 0 && r->message.header.type != IPC_SPAWNED)
        adopt(w, r->sender);
    if (w->kill_reason.kind != ERR_NONE && r->message.header.type != IPC_SPAWNED)
        return; // its end was decided
    switch (r->message.header.type) {
    case IPC_SPAWNED:
        on_spawned(w, r);
        break;
    case IPC_READY:
        on_ready(w, &r->message.ready);
        break;
    case IPC_FAILED:
        on_failed(w, &r->message.failed);
        break;
    default:
        w->stopped = true;
    }
}

void worker_read_messages(struct worker *w, unsigned max) {
    struct received r;
    for (; w->control && !w->ended && max > 0; max--) {
        receive(w->control->fd, &r);
        if (r.size < 0)
            return;
        if (r.size == 0) {
            worker_hung_up(w);
            return;
        }
        act_on(w, &r);
        if (r.fd >= 0)
            close(r.fd);
    }
}
