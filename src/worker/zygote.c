// The spawn loop. Single-threaded, and it holds nothing of any guest, so every clone starts clean.
//
// A worker is made the child of the zygote's own parent (CLONE_PARENT): it outlives the zygote, and spearlet reaps it. A pipe holds it back
// until its pidfd is on its way, so that ipc_spawned is the first message spearlet sees.
#include "worker/zygote.h"

#include "base/mem.h"
#include "worker/cage.h"
#include "worker/engine.h"
#include "worker/guest_stack.h"
#include "worker/process.h"
#include "worker/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static struct cage cage;

// As fork(), but the child's parent is ours.
static int clone_sibling(int *ret_pidfd) {
    struct clone_args args = {.flags = CLONE_PARENT | CLONE_PIDFD | cage_clone_flags(&cage),
                              .pidfd = (uint64_t)(uintptr_t)ret_pidfd};
    return (int)syscall(SYS_clone3, &args, sizeof args);
}

static void run_child(const struct ipc_spawn *spawn, struct channel_fds *fds, int gate) __attribute__((noreturn));
static void run_child(const struct ipc_spawn *spawn, struct channel_fds *fds, int gate) {
    char go;
    if (read(gate, &go, 1) != 1)
        _exit(IPC_EXIT_FAILED);
    struct err e;
    if (process_become_worker(spawn, &cage, fds, &e)) {
        channel_send_failed(fds->fds[IPC_SPAWN_FD_CONTROL], &e);
        _exit(IPC_EXIT_FAILED);
    }
    _exit(worker_run(spawn));
}

static void announce(int control, int pid, int pidfd, int gate) {
    struct ipc_spawned message = {.header = channel_header(IPC_SPAWNED, sizeof message, 0), .pid = pid};
    // Not sent: spearlet is gone or does not listen, and the child ends at the closed gate.
    if (channel_send(control, &message, sizeof message, pidfd) == 0 && write(gate, "", 1) != 1)
        kill(pid, SIGKILL);
}

static int spawn_worker(const struct ipc_spawn *spawn, struct channel_fds *fds, struct err *e) {
    int gate[2], pidfd = -1;
    if (pipe2(gate, O_CLOEXEC))
        return err_set_sys(e, ERR_RESOURCE_EXHAUSTED, errno, "cannot start a worker: pipe");
    int pid = clone_sibling(&pidfd);
    int saved = errno;
    if (pid == 0) {
        close(gate[1]);
        run_child(spawn, fds, gate[0]);
    }
    close(gate[0]);
    if (pid > 0)
        announce(fds->fds[IPC_SPAWN_FD_CONTROL], pid, pidfd, gate[1]);
    close(gate[1]);
    mem_close_fd(&pidfd);
    if (pid > 0)
        return 0;
    bool exhausted = saved == EAGAIN || saved == ENOMEM;
    return err_set_sys(e, exhausted ? ERR_RESOURCE_EXHAUSTED : ERR_RUNTIME_ERROR, saved,
                       "cannot start a worker: clone");
}

static int check(const union channel_message *message, const struct channel_fds *fds, struct err *e) {
    if (message->header.type != IPC_SPAWN)
        return err_set(e, ERR_INTERNAL, "malformed message: type %u on the spawn socket", message->header.type);
    if (message->spawn.role > IPC_ROLE_COMPILE)
        return err_set(e, ERR_INTERNAL, "malformed message: unknown role %u", message->spawn.role);
    uint32_t grants = message->spawn.grant_count;
    if (grants > IPC_GRANTS_MAX)
        return err_set(e, ERR_INTERNAL, "malformed message: %u grants, at most %d are possible", grants,
                       IPC_GRANTS_MAX);
    if (fds->count != IPC_SPAWN_FD_COUNT + 2 * (size_t)grants)
        return err_set(e, ERR_INTERNAL, "malformed message: %zu descriptors, %u were expected", fds->count,
                       IPC_SPAWN_FD_COUNT + 2 * grants);
    return 0;
}

// False when the spawn socket is closed.
static bool serve_one(void) {
    union channel_message message;
    struct channel_fds fds;
    struct err e;
    enum channel_outcome outcome = channel_receive(IPC_ZYGOTE_FD, &message, &fds, &e);
    if (outcome == CHANNEL_CLOSED)
        return false;
    int failed = outcome == CHANNEL_MALFORMED || check(&message, &fds, &e) || spawn_worker(&message.spawn, &fds, &e);
    if (failed && fds.count)
        channel_send_failed(fds.fds[IPC_SPAWN_FD_CONTROL], &e);
    channel_fds_close(&fds);
    return true;
}

static void announce_cage(void) {
    struct ipc_cage message = {.header = channel_header(IPC_CAGE, sizeof message, 0),
                               .features = cage.features,
                               .flags = cage_has_wider_filter() ? IPC_CAGE_SANITIZER : 0};
    memcpy(message.reasons, cage.reasons, sizeof message.reasons);
    channel_send(IPC_ZYGOTE_FD, &message, sizeof message, -1); // not sent: spearlet is gone, which the loop notices
}

static int start(uint32_t wanted, uint32_t required, struct err *e) {
    if (process_become_zygote(e) || guest_stack_reserve(e))
        return -1;
    engine_warm_up();
    tzset(); // the engine's log asks for local time, which is a file
    return cage_prepare(&cage, wanted, required, e);
}

int zygote_run(uint32_t cage_wanted, uint32_t cage_required) {
    struct err e;
    if (start(cage_wanted, cage_required, &e)) {
        fprintf(stderr, "spear-worker: %s\n", e.text);
        channel_send_failed(IPC_ZYGOTE_FD, &e);
        return IPC_EXIT_FAILED;
    }
    announce_cage();
    while (serve_one()) {
    }
    return IPC_EXIT_STOPPED;
}
