// A worker's other side for tests. One socket, one memory, no event loop.
#include "test_worker_client.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct ipc_limits client_limits;
uint32_t client_grant_count;

void client_limits_default(void) {
    client_limits = (struct ipc_limits){
        .memory_bytes = CLIENT_MEMORY_BYTES, .data_bytes = CLIENT_MEMORY_BYTES + (64 << 20), .open_files = 64};
}

static void die(const char *what) {
    fprintf(stderr, "test client: %s: %s\n", what, strerror(errno));
    abort();
}

// ---- the zygote

static void run_zygote(int socket) {
    const char *program = getenv("SPEAR_WORKER");
    if (dup2(socket, IPC_ZYGOTE_FD) < 0 || (socket == IPC_ZYGOTE_FD && fcntl(socket, F_SETFD, 0)))
        die("descriptor");
    char wanted[16];
    snprintf(wanted, sizeof wanted, "%d", IPC_CAGE_ALL);
    execl(program, program, "--zygote", wanted, "0", (char *)NULL);
    die(program);
}

void client_zygote_start(struct client_zygote *z) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
        die("socketpair");
    z->pid = fork();
    if (z->pid == 0)
        run_zygote(pair[1]);
    close(pair[1]);
    z->socket = pair[0];
    client_limits_default();
}

void client_zygote_stop(struct client_zygote *z) {
    int status = -1;
    close(z->socket);
    if (waitpid(z->pid, &status, 0) != z->pid || status != 0)
        die("the zygote did not end with 0");
}

// ---- sockets

static void send_with_fds(int socket, const void *message, size_t size, const int *fds, size_t count) {
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int) * IPC_FD_COUNT_MAX)] = {0};
    struct iovec part = {(void *)(uintptr_t)message, size};
    struct msghdr header = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = CMSG_SPACE(sizeof(int) * count)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&header);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int) * count);
    memcpy(CMSG_DATA(c), fds, sizeof(int) * count);
    if (sendmsg(socket, &header, MSG_NOSIGNAL) != (ssize_t)size)
        die("sendmsg");
}

static void wait_readable(int fd) {
    struct pollfd p = {.fd = fd, .events = POLLIN};
    if (poll(&p, 1, CLIENT_WAIT_MS) != 1)
        die("nothing came in time");
}

unsigned client_receive(struct client_worker *w) {
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int) * IPC_FD_COUNT_MAX)];
    struct iovec part = {&w->last, sizeof w->last};
    struct msghdr header = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    wait_readable(w->control);
    ssize_t n = recvmsg(w->control, &header, MSG_CMSG_CLOEXEC);
    if (n <= 0)
        return 0;
    struct cmsghdr *c = CMSG_FIRSTHDR(&header);
    if (c && c->cmsg_type == SCM_RIGHTS)
        memcpy(&w->pidfd, CMSG_DATA(c), sizeof w->pidfd);
    if (w->last.header.size != (size_t)n || w->last.header.version != IPC_VERSION)
        die("a malformed message");
    if (w->last.header.type == IPC_SPAWNED)
        w->pid = w->last.spawned.pid;
    return w->last.header.type;
}

void client_send(struct client_worker *w, const void *message, size_t size) {
    if (send(w->control, message, size, MSG_NOSIGNAL) != (ssize_t)size)
        die("send");
}

// ---- workers

static int memory_file(struct span content, size_t size) {
    int fd = memfd_create("test", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, (off_t)size) ||
        (content.n && pwrite(fd, content.p, content.n, 0) != (ssize_t)content.n))
        die("memfd");
    return fd;
}

static uint64_t place(struct ipc_layout *l, uint64_t *offset, uint64_t bytes) {
    *offset = l->size_bytes;
    l->size_bytes += (bytes + 4095) / 4096 * 4096;
    return bytes;
}

static void lay_out(struct ipc_layout *l, size_t output_bytes) {
    *l = (struct ipc_layout){0};
    l->ring_bytes = place(l, &l->ring_offset, sizeof(struct ipc_ring));
    l->slots_bytes = place(l, &l->slots_offset, (uint64_t)IPC_RING_SLOTS * IPC_SLOT_BYTES);
    l->strings_bytes = place(l, &l->strings_offset, 65536);
    l->payload_bytes = place(l, &l->payload_offset, 1 << 20);
    l->output_bytes = place(l, &l->output_offset, output_bytes);
    l->log_bytes = place(l, &l->log_offset, CLIENT_LOG_BYTES);
    l->reply_bytes = place(l, &l->reply_offset, 65536);
}

void client_spawn(struct client_zygote *z, struct client_worker *w, enum ipc_role role, struct span module) {
    int pair[2];
    *w = (struct client_worker){.pidfd = -1};
    lay_out(&w->layout, role == IPC_ROLE_PREPARE ? module.n + IPC_PREPARE_EXTRA_BYTES : CLIENT_OUTPUT_BYTES);
    w->memory_fd = memory_file((struct span){0}, w->layout.size_bytes);
    w->module_fd = memory_file(module, module.n);
    w->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    w->memory = mmap(NULL, w->layout.size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, w->memory_fd, 0);
    if (w->wake_fd < 0 || w->memory == MAP_FAILED || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
        die("shared memory");
    ring_client_init(&w->ring, (struct ipc_ring *)(void *)(w->memory + w->layout.ring_offset));
    w->control = pair[0];
    struct ipc_spawn message = {.header = {IPC_VERSION, IPC_SPAWN, sizeof message, 0},
                                .role = role,
                                .module_bytes = module.n,
                                .layout = w->layout};
    message.limits = client_limits;
    message.grant_count = client_grant_count;
    const int fds[] = {pair[1], w->memory_fd, w->module_fd, w->wake_fd};
    send_with_fds(z->socket, &message, sizeof message, fds, COUNT_OF(fds));
    close(pair[1]);
}

int client_reap(struct client_worker *w) {
    siginfo_t info = {0};
    wait_readable(w->pidfd);
    if (waitid(P_PIDFD, (id_t)w->pidfd, &info, WEXITED))
        die("waitid");
    mem_close_fd(&w->pidfd);
    return info.si_code == CLD_EXITED ? info.si_status : 1000 + info.si_status;
}

void client_close(struct client_worker *w) {
    mem_close_fd(&w->control);
    mem_close_fd(&w->memory_fd);
    mem_close_fd(&w->module_fd);
    mem_close_fd(&w->wake_fd);
    if (w->pidfd >= 0) {
        ring_call(&w->ring); // it looks at its socket, and finds it closed
        client_reap(w);
    }
    munmap(w->memory, w->layout.size_bytes);
}

struct span client_file(const char *name) {
    char *path AUTO_FREE = file_join(getenv("SPEAR_BUILD"), name);
    struct buf content;
    struct err e;
    size_t n;
    buf_init(&content, 64 << 20);
    if (file_read(path, &content, &e))
        die(e.text);
    char *bytes = buf_take(&content, &n);
    return span_make(bytes, n);
}

int client_prepare(struct client_zygote *z, struct span module, struct span *ret, struct client_worker *w) {
    client_spawn(z, w, IPC_ROLE_PREPARE, module);
    if (client_receive(w) != IPC_SPAWNED)
        die("no ipc_spawned");
    unsigned type = client_receive(w);
    if (type == IPC_READY)
        *ret = span_make(mem_dup(w->memory + w->layout.output_offset, w->last.ready.module_bytes),
                         w->last.ready.module_bytes);
    int status = client_reap(w);
    if (type == IPC_READY ? status != 0 : type != IPC_FAILED || status != IPC_EXIT_FAILED)
        die("a preparation ended in an unknown way");
    client_close(w);
    return type == IPC_READY ? 0 : -1;
}

void client_serve(struct client_zygote *z, struct client_worker *w, const char *file) {
    struct span module = client_file(file), prepared;
    if (client_prepare(z, module, &prepared, w))
        die(w->last.failed.text);
    client_spawn(z, w, IPC_ROLE_SERVE, prepared);
    if (client_receive(w) != IPC_SPAWNED || client_receive(w) != IPC_READY)
        die(w->last.failed.text);
    free((void *)(uintptr_t)module.p);
    free((void *)(uintptr_t)prepared.p);
}

// ---- calls

static size_t put(uint8_t *to, size_t at, const char *text) {
    size_t n = strlen(text) + 1;
    memcpy(to + at, text, n);
    return at + n;
}

unsigned client_call_send(struct client_worker *w, const struct client_call *call) {
    bool large = call->large || call->payload.n > IPC_SLOT_INPUT_BYTES / 2;
    int slot = ring_reserve(&w->ring);
    if (slot < 0 || (large && ring_in_flight(&w->ring)))
        die("no room in the ring");
    struct ipc_invoke *m = &w->ring.shared->slots[slot].invoke;
    *m = (struct ipc_invoke){.payload_bytes = call->payload.n, .flags = large ? IPC_INVOKE_LARGE : 0};
    uint8_t *small = w->memory + w->layout.slots_offset + (size_t)slot * IPC_SLOT_BYTES;
    uint8_t *strings = large ? w->memory + w->layout.strings_offset : small;
    size_t at = put(strings, 0, call->function ? call->function : "");
    at = put(strings, at, call->params ? call->params : "");
    for (; call->args[m->arg_count]; m->arg_count++)
        at = put(strings, at, call->args[m->arg_count]);
    for (; call->environment[m->environment_count]; m->environment_count++)
        at = put(strings, at, call->environment[m->environment_count]);
    m->strings_bytes = at;
    if (call->payload.n)
        memcpy(large ? w->memory + w->layout.payload_offset : strings + at, call->payload.p, call->payload.n);
    ring_submit(&w->ring, (unsigned)slot);
    ring_wake(&w->ring);
    return (unsigned)slot;
}

bool client_call_wait(struct client_worker *w) {
    uint64_t count;
    struct pollfd fds[2] = {{.fd = w->wake_fd, .events = POLLIN}, {.fd = w->control, .events = POLLIN}};
    for (;;) {
        ring_listen(&w->ring);
        int slot = ring_finished(&w->ring);
        if (slot >= 0) {
            w->slot = (unsigned)slot;
            w->result = w->ring.shared->slots[slot].result;
            ring_release(&w->ring);
            ring_make_room(&w->ring);
            return true;
        }
        if (slot == RING_LIES || poll(fds, 2, CLIENT_WAIT_MS) <= 0)
            die("no result in time");
        if (fds[1].revents)
            return false;
        (void)!read(w->wake_fd, &count, sizeof count);
    }
}

const struct ipc_result *client_call(struct client_worker *w, const struct client_call *call) {
    client_call_send(w, call);
    if (!client_call_wait(w))
        die("no result");
    return &w->result;
}

static struct span area(const struct client_worker *w, uint64_t large_offset, size_t small_offset, uint64_t n) {
    uint64_t small = w->layout.slots_offset + (uint64_t)w->slot * IPC_SLOT_BYTES + small_offset;
    return span_make(w->memory + (w->result.flags & IPC_RESULT_LARGE ? large_offset : small), n);
}

struct span client_output(const struct client_worker *w) {
    return area(w, w->layout.output_offset, IPC_SLOT_INPUT_BYTES, w->result.output_bytes);
}

struct span client_log(const struct client_worker *w) {
    return area(w, w->layout.log_offset, IPC_SLOT_INPUT_BYTES + IPC_SLOT_OUTPUT_BYTES, w->result.log_bytes);
}

struct span client_reply(const struct client_worker *w) {
    return area(w, w->layout.reply_offset, IPC_SLOT_INPUT_BYTES + IPC_SLOT_OUTPUT_BYTES + IPC_SLOT_LOG_BYTES,
                w->result.reply_bytes);
}
