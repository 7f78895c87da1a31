// Prepares a module in a worker process of role prepare: neither we nor anything else here ever parses guest bytes.
//
// ready (the prepared bytes lie in the worker's memory) ─▶ ended (the process is gone) ─▶ copied and sealed (thread pool) ─▶ done.
#include "runtime/module_prepare.h"

#include "base/mem.h"
#include "runtime/memory_file.h"
#include "runtime/worker.h"

#include <unistd.h>

// Preparation may add to a module (exported globals, a memory's maximum), but not much.
enum { PREPARED_GROWTH_BYTES = 1024 * 1024 };

struct preparation {
    struct loop *loop;
    struct worker *worker;
    uint64_t prepare_ms;
    bool ready;
    int fd; // of the copy
    uint64_t size_bytes;
    struct err error;
    module_prepared *done;
    void *ctx;
};

static void finish(void *arg) {
    AUTO_FREE struct preparation *p = arg;
    worker_free(p->worker);
    bool failed = p->error.kind != ERR_NONE;
    if (failed && p->fd >= 0)
        close(p->fd);
    p->done(p->ctx, failed ? -1 : p->fd, failed ? 0 : p->size_bytes, failed ? &p->error : NULL);
}

static void copy(void *arg) {
    struct preparation *p = arg;
    uint64_t offset;
    int from = worker_output(p->worker, &offset);
    if (memory_file_new("spear-prepared", &p->fd, &p->error) == 0 &&
        memory_file_copy(p->fd, from, offset, p->size_bytes, &p->error) == 0)
        (void)memory_file_seal(p->fd, &p->error);
}

static void on_ready(void *ctx, uint64_t module_bytes) {
    struct preparation *p = ctx;
    p->ready = true;
    p->size_bytes = module_bytes;
}

// What the process did not live to judge is InstanceCreationFailed, so that it can be told from a module that is refused.
static void judge_end(struct preparation *p, const struct err *why) {
    p->error = *why;
    if (why->kind == ERR_NONE && !p->ready)
        err_set(&p->error, ERR_INSTANCE_CREATION_FAILED, "the preparing process ended without an answer");
    else if (why->kind == ERR_INSTANCE_STARTUP_FAILED && worker_pid(p->worker) != 0)
        err_set(&p->error, ERR_INSTANCE_CREATION_FAILED, "preparing the module took longer than %llu ms",
                (unsigned long long)p->prepare_ms);
    else if (why->kind != ERR_INVALID_CONFIGURATION && why->kind != ERR_NONE)
        err_wrap(&p->error, "preparing the module");
    if (p->error.kind == ERR_RUNTIME_ERROR)
        p->error.kind = ERR_INSTANCE_CREATION_FAILED;
}

static void on_ended(void *ctx, const struct err *why) {
    struct preparation *p = ctx;
    judge_end(p, why);
    if (p->error.kind == ERR_NONE)
        loop_work(p->loop, copy, finish, p);
    else
        finish(p);
}

static const struct worker_events events = {.ready = on_ready, .ended = on_ended};

struct preparation *module_prepare(struct runtime_shared *shared, struct loop *loop, int raw_fd, uint64_t raw_bytes,
                                   uint64_t memory_bytes, module_prepared *done, void *ctx) {
    struct preparation *p = NEW(struct preparation);
    p->loop = loop;
    p->fd = -1;
    p->prepare_ms = shared->config.prepare_time_ms;
    p->done = done;
    p->ctx = ctx;
    struct worker_config config = {.shared = shared,
                                   .loop = loop,
                                   .role = IPC_ROLE_PREPARE,
                                   .module_fd = raw_fd,
                                   .module_bytes = raw_bytes,
                                   .memory_bytes = memory_bytes,
                                   .output_bytes = raw_bytes + PREPARED_GROWTH_BYTES,
                                   .start_ms = shared->config.prepare_time_ms,
                                   .events = &events,
                                   .ctx = p};
    p->worker = worker_start(&config);
    return p;
}

void module_prepare_cancel(struct preparation *p) {
    struct err why = {0};
    err_set(&why, ERR_EXECUTION_TERMINATED, "a preparation was given up, since the runtime closes");
    if (p->worker)
        worker_kill(p->worker, &why);
}
