// The roles of a worker: prepare and compile answer once and end; serve answers invocations until it is told to stop.
#include "worker/worker.h"

#include "base/clock.h"
#include "worker/channel.h"
#include "worker/compile.h"
#include "worker/guest_stack.h"
#include "worker/invocation.h"
#include "worker/prepare.h"
#include "worker/process.h"

#include <stdio.h>

static int fail(const struct err *e) {
    channel_send_failed(PROCESS_FD_CONTROL, e);
    return IPC_EXIT_FAILED;
}

static int send_ready(uint64_t module_bytes, uint64_t start_us) {
    struct ipc_ready message = {.header = channel_header(IPC_READY, sizeof message, 0),
                                .module_bytes = module_bytes,
                                .elapsed_us = clock_monotonic_us() - start_us};
    snprintf(message.engine, sizeof message.engine, "%s", engine_code_name());
    return channel_send(PROCESS_FD_CONTROL, &message, sizeof message, -1);
}

static int run_prepare(const struct ipc_spawn *spawn, const struct shared *shared, uint64_t start_us) {
    struct err e;
    uint64_t module_bytes;
    if (prepare_module(shared, &spawn->limits, &module_bytes, &e))
        return fail(&e);
    return send_ready(module_bytes, start_us) ? IPC_EXIT_ORPHANED : IPC_EXIT_STOPPED;
}

static int run_compile(const struct ipc_spawn *spawn, const struct shared *shared, uint64_t start_us) {
    struct err e;
    if (compile_module(shared, spawn, &e))
        return fail(&e);
    return send_ready(0, start_us) ? IPC_EXIT_ORPHANED : IPC_EXIT_STOPPED;
}

static int stop(uint64_t id) {
    struct ipc_stopped message = {.header = channel_header(IPC_STOPPED, sizeof message, id)};
    channel_send(PROCESS_FD_CONTROL, &message, sizeof message, -1);
    return IPC_EXIT_STOPPED;
}

// -1 to go on, else the exit status. The answer goes out before the guest's state is taken down.
static int answer(struct server *server, int slot) {
    struct err e;
    if (slot < 0) {
        err_set(&e, ERR_INTERNAL, "malformed message: no such slot in the ring");
        return fail(&e);
    }
    if (!ring_begin(&server->ring, (unsigned)slot)) {
        ring_finish(&server->ring); // it was taken back
        return -1;
    }
    if (server_invoke(server, (unsigned)slot, &e))
        return fail(&e);
    ring_finish(&server->ring);
    server_clean(server);
    return -1;
}

// What spearlet has to say besides invocations.
static int read_control(void) {
    union channel_message message;
    struct err e;
    switch (channel_receive(PROCESS_FD_CONTROL, &message, NULL, &e)) {
    case CHANNEL_CLOSED:
        return IPC_EXIT_ORPHANED;
    case CHANNEL_MALFORMED:
        return fail(&e);
    case CHANNEL_MESSAGE:
        break;
    }
    if (message.header.type == IPC_STOP)
        return stop(message.header.id);
    err_set(&e, ERR_INTERNAL, "malformed message: type %u on a control socket", message.header.type);
    return fail(&e);
}

static bool is_wanted(void *ctx) {
    const struct ring_server *ring = ctx;
    return ring_next(ring) != RING_NOTHING || ring_is_called(ring);
}

static int serve(void *ctx) {
    struct server *server = ctx;
    struct ring_server *ring = &server->ring;
    for (int status;;) {
        ring_sleep(ring, RING_WANTS_REQUESTS, is_wanted, ring);
        int slot = ring_next(ring); // what is there is done before a stop
        status = slot == RING_NOTHING && ring_was_called(ring) ? read_control() : answer(server, slot);
        if (status >= 0)
            return status;
    }
}

static int run_serve(const struct ipc_spawn *spawn, const struct shared *shared, uint64_t start_us) {
    static struct server server; // host functions keep pointers into it
    struct err e;
    if (server_init(&server, shared, spawn, &e))
        return fail(&e);
    if (send_ready(0, start_us))
        return IPC_EXIT_ORPHANED;
    return guest_stack_run(serve, &server);
}

int worker_run(const struct ipc_spawn *spawn) {
    uint64_t start_us = clock_monotonic_us();
    struct shared shared;
    struct err e;
    if (shared_map(spawn, &shared, &e))
        return fail(&e);
    if (spawn->role == IPC_ROLE_PREPARE)
        return run_prepare(spawn, &shared, start_us);
    if (spawn->role == IPC_ROLE_COMPILE)
        return run_compile(spawn, &shared, start_us);
    return run_serve(spawn, &shared, start_us);
}
