// The life of an instance: start, stop, destruction, and what its worker's end means. runtime.h says what is promised; the moves between states
// are instance_state.c, a request is invocation.c, the making create_instance.c.
//
// Holds keep the memory of an instance whose users are gone until its worker is reaped and every callback was made.
#include "runtime/instance.h"

#include "base/clock.h"
#include "base/mem.h"

enum { STARTS_FAILED_MAX = 3 };

// ---- memory

struct instance *instance_new(struct runtime *r, const struct instance_config *config) {
    struct instance *i = NEW(struct instance);
    i->runtime = r;
    i->state = INSTANCE_CREATING;
    i->state_since_us = clock_monotonic_us();
    i->task_id = mem_strdup(config->task_id ? config->task_id : "");
    i->limits = config->limits;
    uuid_new(i->id);
    i->next = r->instances;
    if (i->next)
        i->next->previous = i;
    r->instances = i;
    instance_hold(i);
    return i;
}

void instance_give_back(struct instance *i) {
    struct runtime_shared *s = i->runtime->shared;
    native_code_unref(TAKE(i->code));
    native_unref(s->native, TAKE(i->native));
    if (i->module)
        module_unref(s->modules, TAKE(i->module));
    while (i->volume_count > 0)
        volume_unref(s->volumes, i->volumes[--i->volume_count]);
}

static void instance_free(struct instance *i) {
    struct runtime *r = i->runtime;
    ASSERT(!i->worker && !i->start_waiters && !i->stop_waiters && i->running_count == 0);
    if (i->previous)
        i->previous->next = i->next;
    else
        r->instances = i->next;
    if (i->next)
        i->next->previous = i->previous;
    instance_give_back(i);
    loop_timer_cancel(i->stop_timer);
    loop_timer_cancel(i->deadline_timer);
    free(i->task_id);
    free(i);
}

void instance_hold(struct instance *i) {
    i->holds++;
    i->runtime->holds++;
}

void instance_release(struct instance *i) {
    struct runtime *r = i->runtime;
    ASSERT(i->holds > 0 && r->holds > 0);
    r->holds--;
    if (--i->holds == 0 && i->references == 0)
        instance_free(i);
    runtime_check_closed(r);
}

// ---- waiters: each has a hold

static void wait_in(struct instance *i, struct instance_waiter **list, void (*done)(void *, const struct err *),
                    void *ctx) {
    struct instance_waiter *w = NEW(struct instance_waiter);
    w->done = done;
    w->ctx = ctx;
    while (*list)
        list = &(*list)->next;
    *list = w;
    instance_hold(i);
}

static void answer_all(struct instance *i, struct instance_waiter **list, const struct err *e) {
    for (struct instance_waiter *w = TAKE(*list), *next; w; w = next) {
        next = w->next;
        w->done(w->ctx, e);
        free(w);
        instance_release(i);
    }
}

struct later {
    struct instance *instance;
    void (*done)(void *ctx, const struct err *e);
    void *ctx;
    struct err error;
};

static void answer_now(void *arg) {
    AUTO_FREE struct later *l = arg;
    l->done(l->ctx, l->error.kind == ERR_NONE ? NULL : &l->error);
    instance_release(l->instance);
}

// Callbacks never come from inside a call.
static void answer_later(struct instance *i, void (*done)(void *, const struct err *), void *ctx, const struct err *e) {
    struct later *l = NEW(struct later);
    l->instance = i;
    l->done = done;
    l->ctx = ctx;
    if (e)
        l->error = *e;
    instance_hold(i);
    ASSERT(loop_post(i->runtime->loop, answer_now, l));
}

// ---- the worker's events

static void on_ready(void *ctx, uint64_t module_bytes) {
    (void)module_bytes;
    struct instance *i = ctx;
    if (i->state != INSTANCE_STARTING)
        return; // being stopped
    if (i->code)
        atomic_store(&i->code->starts_failed, 0);
    instance_hold(i);
    instance_move_started(i);
    answer_all(i, &i->start_waiters, NULL);
    instance_release(i);
}

static void on_result(void *ctx, unsigned slot, struct worker_result *result) {
    invocation_answered(ctx, slot, result);
}

static void on_output(void *ctx, unsigned slot, struct span bytes, bool has_head) {
    invocation_output(ctx, slot, bytes, has_head);
}

static void answer_start_failed(struct instance *i, const struct err *why) {
    struct err e = *why;
    if (!i->start_waiters)
        return;
    if (e.kind == ERR_NONE)
        err_set(&e, ERR_INSTANCE_STARTUP_FAILED, "the worker ended before it was ready");
    else if (e.kind == ERR_RUNTIME_ERROR)
        e.kind = ERR_INSTANCE_STARTUP_FAILED;
    err_wrap(&e, "starting instance %s", i->id);
    counter_add(&i->runtime->shared->counters.instances_failed, 1);
    answer_all(i, &i->start_waiters, &e);
}

static void start_worker(struct instance *i);

// Native code that cannot be loaded is no reason not to serve: the module itself is as good as ever. A process that ends meanwhile may have been ended
// by somebody; several in a row have another reason.
static bool falls_back(struct instance *i, const struct err *why) {
    if (!i->code || i->state != INSTANCE_STARTING)
        return false;
    bool ended =
        why->kind == ERR_RUNTIME_ERROR && atomic_fetch_add(&i->code->starts_failed, 1) + 1 >= STARTS_FAILED_MAX;
    if (!ended && why->kind != ERR_INVALID_CONFIGURATION)
        return false;
    native_reject(i->runtime->shared->native, i->runtime, i->native, i->code, why);
    return true;
}

// The instance moves first, so that whoever is called back finds it where it is.
static void on_ended(void *ctx, const struct err *why) {
    struct instance *i = ctx;
    bool was_stopping = i->state == INSTANCE_STOPPING;
    struct worker *ended = TAKE(i->worker); // `why` is in it
    if (falls_back(i, why)) {
        start_worker(i);
        worker_free(ended);
        instance_release(i);
        return;
    }
    loop_timer_cancel(TAKE(i->stop_timer));
    if (was_stopping)
        instance_move_stopped(i);
    else if (i->state == INSTANCE_STARTING)
        instance_move_start_failed(i);
    else
        instance_move_unhealthy(i);
    invocations_lost(i, ended, why);
    answer_start_failed(i, why);
    if (was_stopping)
        answer_all(i, &i->stop_waiters, NULL);
    worker_free(ended);
    instance_release(i); // the worker's
}

const struct worker_events instance_worker_events = {
    .ready = on_ready, .output = on_output, .result = on_result, .ended = on_ended};

// ---- start

// Who wants to be alone with the worker, or finds what others left there, has it to himself.
static unsigned depth_of(const struct task_limits *l) {
    return l->isolation_strict || l->instance_reuse ? 1 : IPC_RING_SLOTS;
}

static void start_worker(struct instance *i) {
    const struct task_limits *l = &i->limits;
    native_code_unref(i->code); // of the worker before
    i->code = native_code_take(i->runtime->shared->native, i->native);
    struct worker_config config = {.shared = i->runtime->shared,
                                   .loop = i->runtime->loop,
                                   .pump = i->runtime->pump,
                                   .role = IPC_ROLE_SERVE,
                                   .module_fd = i->code ? i->code->fd : i->module->fd,
                                   .module_bytes = i->code ? i->code->size_bytes : i->module->size_bytes,
                                   .native = i->code != NULL,
                                   .memory_bytes = l->memory_bytes,
                                   .payload_bytes = l->payload_bytes,
                                   .output_bytes = l->output_bytes,
                                   .log_bytes = l->log_bytes,
                                   .open_files = l->open_files,
                                   .keeps_state = l->instance_reuse,
                                   .depth = depth_of(l),
                                   .grants = i->grants,
                                   .grant_count = i->volume_count,
                                   .start_ms = i->runtime->shared->config.start_time_ms,
                                   .events = &instance_worker_events,
                                   .ctx = i};
    instance_hold(i); // until on_ended
    i->worker = worker_start(&config);
}

void start_instance(struct instance *i, void (*done)(void *ctx, const struct err *e), void *ctx) {
    struct err e = {0};
    if (i->runtime->closing) {
        err_set(&e, ERR_INSTANCE_DESTROYED, "instance %s cannot be started: its runtime is closing", i->id);
        answer_later(i, done, ctx, &e);
        return;
    }
    switch (i->state) {
    case INSTANCE_STOPPED:
    case INSTANCE_UNHEALTHY:
    case INSTANCE_ERROR:
        wait_in(i, &i->start_waiters, done, ctx);
        instance_move_starting(i);
        start_worker(i);
        return;
    case INSTANCE_STARTING:
        wait_in(i, &i->start_waiters, done, ctx);
        return;
    case INSTANCE_READY:
    case INSTANCE_RUNNING:
    case INSTANCE_BUSY:
        answer_later(i, done, ctx, NULL);
        return;
    default:
        err_set(&e, ERR_INSTANCE_STARTUP_FAILED, "instance %s cannot be started: it is %s", i->id,
                instance_state_name(i->state));
        answer_later(i, done, ctx, &e);
    }
}

// ---- stop

static void kill_stopping(struct instance *i, enum err_kind kind) {
    struct err why = {0};
    if (!i->worker)
        return;
    if (kind == ERR_INSTANCE_DESTROYED)
        err_set(&why, kind, "instance %s was destroyed while it ran", i->id);
    else
        err_set(&why, kind, "instance %s was stopped; the grace period was %llu ms", i->id,
                (unsigned long long)i->stop_grace_ms);
    worker_kill(i->worker, &why);
}

static void on_grace_over(void *arg) {
    struct instance *i = arg;
    i->stop_timer = NULL;
    kill_stopping(i, ERR_EXECUTION_TERMINATED);
}

// The shortest grace period that anybody gave counts.
static void set_grace(struct instance *i, uint64_t grace_ms) {
    uint64_t until_us = clock_monotonic_us() + grace_ms * 1000;
    if (i->stop_timer && until_us >= i->stop_until_us)
        return;
    loop_timer_cancel(TAKE(i->stop_timer));
    i->stop_until_us = until_us;
    i->stop_grace_ms = grace_ms;
    if (grace_ms == 0)
        kill_stopping(i, ERR_EXECUTION_TERMINATED);
    else
        i->stop_timer = loop_timer_start(i->runtime->loop, grace_ms, on_grace_over, i);
}

static void begin_stop(struct instance *i, uint64_t grace_ms) {
    bool starting = i->state == INSTANCE_STARTING;
    struct err why = {0};
    err_set(&why, ERR_EXECUTION_TERMINATED, "instance %s was stopped before the invocation began", i->id);
    instance_move_stopping(i);
    invocations_take_back(i, &why);
    if (!starting)
        worker_stop(i->worker);
    set_grace(i, starting ? 0 : grace_ms); // nothing is lost with a worker that only starts
}

void stop_instance(struct instance *i, uint64_t grace_ms, void (*done)(void *ctx, const struct err *e), void *ctx) {
    switch (i->state) {
    case INSTANCE_STARTING:
    case INSTANCE_READY:
    case INSTANCE_RUNNING:
        wait_in(i, &i->stop_waiters, done, ctx);
        begin_stop(i, grace_ms);
        return;
    case INSTANCE_STOPPING:
        wait_in(i, &i->stop_waiters, done, ctx);
        set_grace(i, grace_ms);
        return;
    case INSTANCE_UNHEALTHY: // has no worker any more
    case INSTANCE_ERROR:
        instance_move_stopping(i);
        instance_move_stopped(i);
        break;
    default:
        break;
    }
    answer_later(i, done, ctx, NULL);
}

// ---- references

struct instance *instance_ref(struct instance *i) {
    i->references++;
    return i;
}

void instance_unref(struct instance *i) {
    if (!i)
        return;
    ASSERT(i->references > 0);
    if (--i->references > 0)
        return;
    instance_hold(i);
    i->changed = NULL;
    if (i->worker) {
        if (i->state != INSTANCE_STOPPING)
            instance_move_stopping(i);
        kill_stopping(i, ERR_INSTANCE_DESTROYED);
    }
    instance_release(i);
}

// ---- looks

enum instance_state instance_state(const struct instance *i) {
    return i->state;
}

const char *instance_id(const struct instance *i) {
    return i->id;
}

const char *instance_task_id(const struct instance *i) {
    return i->task_id;
}

const char *instance_module_digest(const struct instance *i) {
    return i->digest;
}

enum runtime_code instance_code(const struct instance *i) {
    return i->code ? i->code->tier : RUNTIME_CODE_INTERPRETER;
}

bool instance_is_outdated(const struct instance *i) {
    return i->native && i->worker && native_tier(i->native) > instance_code(i);
}

int instance_pid(const struct instance *i) {
    return i->worker ? worker_pid(i->worker) : 0;
}

void instance_watch(struct instance *i,
                    void (*changed)(void *ctx, struct instance *instance, enum instance_state state), void *ctx) {
    i->changed = changed;
    i->changed_ctx = ctx;
}
