// A build without an engine (-Dwasmedge=disabled): modules are fetched and checked as ever, instances reach the serving state, and every
// invocation answers NotSupported and names the feature. Takes the place of worker_process.c, worker_host.c and module_prepare.c.
#include "base/mem.h"
#include "runtime/module_prepare.h"
#include "runtime/worker.h"
#include "runtime/worker_host.h"

#include <errno.h>
#include <fcntl.h>

struct worker {
    struct worker_config config;
    bool ready, busy, ending;
    struct err end;
};

struct preparation {
    int fd;
    uint64_t size_bytes;
    struct err error;
    module_prepared *done;
    void *ctx;
};

struct worker_host {
    char nothing;
};

bool runtime_has_engine(void) {
    return false;
}

// ---- preparation: the bytes as they are

static void prepared(void *arg) {
    AUTO_FREE struct preparation *p = arg;
    p->done(p->ctx, p->fd, p->size_bytes, p->fd < 0 ? &p->error : NULL);
}

struct preparation *module_prepare(struct runtime_shared *shared, struct loop *loop, int raw_fd, uint64_t raw_bytes,
                                   uint64_t memory_bytes, module_prepared *done, void *ctx) {
    (void)shared, (void)memory_bytes;
    struct preparation *p = NEW(struct preparation);
    p->size_bytes = raw_bytes;
    p->done = done;
    p->ctx = ctx;
    p->fd = fcntl(raw_fd, F_DUPFD_CLOEXEC, 0);
    if (p->fd < 0)
        err_set_sys(&p->error, ERR_RESOURCE_EXHAUSTED, errno, "a descriptor for the module cannot be had");
    ASSERT(loop_post(loop, prepared, p));
    return p;
}

void module_prepare_cancel(struct preparation *p) {
    (void)p; // it is done in a moment
}

// ---- a worker without a process

static void say_ready(void *arg) {
    struct worker *w = arg;
    if (w->ending)
        return;
    w->ready = true;
    w->config.events->ready(w->config.ctx, w->config.module_bytes);
}

static void say_ended(void *arg) {
    struct worker *w = arg;
    w->config.events->ended(w->config.ctx, &w->end);
}

static void say_result(void *arg) {
    struct worker *w = arg;
    struct worker_result result = {
        .answer = {.exit_code = -1},
        .kind = ERR_NOT_SUPPORTED,
        .text = "this build of spearlet has no WebAssembly engine; build it with -Dwasmedge=enabled"};
    w->busy = false;
    w->config.events->result(w->config.ctx, 0, &result);
}

static void end(struct worker *w, const struct err *why) {
    if (w->ending)
        return;
    w->ending = true;
    if (why)
        w->end = *why;
    ASSERT(loop_post(w->config.loop, say_ended, w));
}

struct worker *worker_start(const struct worker_config *config) {
    struct worker *w = NEW(struct worker);
    w->config = *config;
    ASSERT(loop_post(config->loop, say_ready, w));
    return w;
}

void worker_free(struct worker *w) {
    free(w);
}

unsigned worker_room(const struct worker *w) {
    return w->ready && !w->busy && !w->ending;
}

int worker_invoke(struct worker *w, const struct invocation *invocation, unsigned *ret_slot, struct err *e) {
    (void)invocation, (void)e;
    w->busy = true;
    *ret_slot = 0;
    ASSERT(loop_post(w->config.loop, say_result, w));
    return 0;
}

bool worker_withdraw(struct worker *w, unsigned slot) {
    (void)w, (void)slot;
    return false;
}

bool worker_has_finished(const struct worker *w, unsigned slot) {
    (void)w, (void)slot;
    return false;
}

bool invocation_is_large(const struct invocation *invocation) {
    (void)invocation;
    return false;
}

void worker_stop(struct worker *w) {
    end(w, NULL);
}

void worker_kill(struct worker *w, const struct err *why) {
    end(w, why);
}

bool worker_leftover(const struct worker *w, unsigned slot, struct worker_leftover *ret) {
    (void)w, (void)slot, (void)ret;
    return false;
}

int worker_pid(const struct worker *w) {
    (void)w;
    return 0;
}

void worker_output_taken(struct worker *w, unsigned slot, uint64_t bytes) {
    (void)w, (void)slot, (void)bytes;
}

// ---- no rings

struct worker_pump {
    char nothing;
};

struct worker_pump *worker_pump_new(struct loop *loop) {
    (void)loop;
    return NEW(struct worker_pump);
}

void worker_pump_free(struct worker_pump *p) {
    free(p);
}

int worker_output(const struct worker *w, uint64_t *ret_offset) {
    (void)w;
    *ret_offset = 0;
    return -1;
}

// ---- no zygote

int worker_host_new(const struct spearlet_config *config, struct runtime_counters *counters, struct worker_host **ret,
                    struct err *e) {
    (void)config, (void)counters, (void)e;
    *ret = NEW(struct worker_host);
    return 0;
}

void worker_host_free(struct worker_host *h) {
    free(h);
}

void worker_host_warm_up(struct worker_host *h) {
    (void)h;
}

int worker_host_pid(struct worker_host *h) {
    (void)h;
    return 0;
}

int worker_host_wait_cage(struct worker_host *h, struct ipc_cage *ret, struct err *e) {
    (void)h, (void)e;
    *ret = (struct ipc_cage){0};
    return 0;
}

bool worker_host_cage(struct worker_host *h, struct ipc_cage *ret) {
    (void)h;
    *ret = (struct ipc_cage){0};
    return true;
}
