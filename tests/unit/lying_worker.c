// A worker that speaks the protocol of ipc/worker_protocol.h and then lies in its ring, in the way that the first byte of the payload says. It stands
// for a guest that has taken its process over; test_runtime_ring.c asks what spearlet's side makes of it.
#include "ipc/ring.h"

#include <errno.h>
#include <linux/sched.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { STAYS_MS = 30000 };

struct request {
    struct ipc_spawn spawn;
    int fds[IPC_FD_COUNT_MAX];
};

static void say(int socket, const void *message, size_t n) {
    if (send(socket, message, n, MSG_NOSIGNAL) != (ssize_t)n)
        _exit(1);
}

static int receive(struct request *r) {
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof r->fds)];
    struct iovec part = {&r->spawn, sizeof r->spawn};
    struct msghdr header = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    if (recvmsg(IPC_ZYGOTE_FD, &header, MSG_CMSG_CLOEXEC) != sizeof r->spawn)
        return -1;
    struct cmsghdr *c = CMSG_FIRSTHDR(&header);
    memcpy(r->fds, CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0));
    return 0;
}

static void *map(int fd, uint64_t bytes) {
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return p == MAP_FAILED ? mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0) : p;
}

static void say_ready(const struct request *r, uint64_t module_bytes) {
    struct ipc_ready ready = {.header = {IPC_VERSION, IPC_READY, sizeof ready, 0}, .module_bytes = module_bytes};
    say(r->fds[IPC_SPAWN_FD_CONTROL], &ready, sizeof ready);
}

// ---- lies

static bool has_next(void *ctx) {
    const struct ring_server *s = ctx;
    return ring_next(s) != RING_NOTHING || ring_is_called(s);
}

static void lie(struct ring_server *s, unsigned slot, char how, size_t shared_bytes) {
    struct ipc_ring *ring = s->shared;
    struct ipc_result *result = &ring->slots[slot].result;
    memset(result, 0, sizeof *result);
    switch (how) {
    case 'i':
        s->finished += 5;
        break;
    case 'o':
        result->output_bytes = IPC_SLOT_OUTPUT_BYTES + 1;
        break;
    case 'l':
        result->log_bytes = UINT64_MAX;
        break;
    case 'L':
        result->flags = IPC_RESULT_LARGE;
        result->output_bytes = UINT64_MAX;
        break;
    case 'k':
        result->kind = 9999;
        break;
    case 't':
        result->kind = 5;
        memset(result->text, 'x', sizeof result->text);
        break;
    case 'w':
        atomic_store(&ring->slots[slot].output_written, UINT64_MAX);
        break;
    case 'u': // says that it has not begun what it took, and ends
        atomic_store(&ring->slots[slot].state, IPC_SLOT_WAITING);
        _exit(7);
    case 's':
        memset(ring, 0xff, shared_bytes);
        s->finished = UINT32_MAX - 1;
        break;
    default:
        break;
    }
    ring_finish(s);
    // What it has written over its own words would make it stop; it stays until it is killed, which is what the test asks for.
    if (how == 's')
        poll(NULL, 0, STAYS_MS);
}

static int serve(const struct request *r) {
    const struct ipc_layout *l = &r->spawn.layout;
    char *base = map(r->fds[IPC_SPAWN_FD_MEMORY], l->size_bytes);
    struct ring_server s;
    ring_server_init(&s, (struct ipc_ring *)(void *)(base + l->ring_offset), r->fds[IPC_SPAWN_FD_WAKE]);
    say_ready(r, 0);
    for (;;) {
        ring_sleep(&s, RING_WANTS_REQUESTS, has_next, &s);
        if (ring_was_called(&s))
            break;
        unsigned slot = (unsigned)ring_next(&s);
        const struct ipc_invoke *invoke = &s.shared->slots[slot].invoke;
        const char *input = base + l->slots_offset + (size_t)slot * IPC_SLOT_BYTES + invoke->strings_bytes;
        if (invoke->flags & IPC_INVOKE_LARGE)
            input = base + l->payload_offset;
        ring_begin(&s, slot);
        lie(&s, slot, invoke->payload_bytes ? *input : '.', l->size_bytes - l->ring_offset);
    }
    struct ipc_stopped stopped = {.header = {IPC_VERSION, IPC_STOPPED, sizeof stopped, 0}};
    say(r->fds[IPC_SPAWN_FD_CONTROL], &stopped, sizeof stopped);
    return IPC_EXIT_STOPPED;
}

static int prepare(const struct request *r) {
    const struct ipc_spawn *s = &r->spawn;
    char *base = map(r->fds[IPC_SPAWN_FD_MEMORY], s->layout.size_bytes);
    memcpy(base + s->layout.output_offset, map(r->fds[IPC_SPAWN_FD_MODULE], s->module_bytes), s->module_bytes);
    say_ready(r, s->module_bytes);
    return IPC_EXIT_STOPPED;
}

// ---- the zygote

static void announce(const struct request *r, int pid, int pidfd) {
    struct ipc_spawned spawned = {.header = {IPC_VERSION, IPC_SPAWNED, sizeof spawned, 0}, .pid = pid};
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof pidfd)] = {0};
    struct iovec part = {&spawned, sizeof spawned};
    struct msghdr header = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *c = CMSG_FIRSTHDR(&header);
    *c = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof pidfd)};
    memcpy(CMSG_DATA(c), &pidfd, sizeof pidfd);
    if (sendmsg(r->fds[IPC_SPAWN_FD_CONTROL], &header, MSG_NOSIGNAL) < 0)
        _exit(1);
}

static void spawn(const struct request *r) {
    int gate[2], pidfd = -1;
    char go;
    struct clone_args args = {.flags = CLONE_PARENT | CLONE_PIDFD, .pidfd = (uint64_t)(uintptr_t)&pidfd};
    if (pipe(gate))
        _exit(1);
    int pid = (int)syscall(SYS_clone3, &args, sizeof args);
    if (pid == 0) {
        close(gate[1]);
        if (read(gate[0], &go, 1) != 1)
            _exit(1);
        _exit(r->spawn.role == IPC_ROLE_PREPARE ? prepare(r) : serve(r));
    }
    announce(r, pid, pidfd);
    if (write(gate[1], "", 1) != 1)
        _exit(1);
    close(gate[0]);
    close(gate[1]);
    close(pidfd);
    for (int i = 0; i < IPC_SPAWN_FD_COUNT; i++)
        close(r->fds[i]);
}

int main(void) {
    struct request r;
    static const struct ipc_cage none = {.header = {IPC_VERSION, IPC_CAGE, sizeof none, 0}};
    say(IPC_ZYGOTE_FD, &none, sizeof none);
    while (receive(&r) == 0)
        spawn(&r);
    return 0;
}
