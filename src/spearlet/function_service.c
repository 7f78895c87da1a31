// Admission and the way back: which loop runs a request, what is counted and recorded about it, and the end of it all.
//
// Loops share the counters here, which are atomic, and nothing else. Next step: instance_pool.c, which decides.
#include "spearlet/function_service.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

enum { GUEST_LOG_LINES_MAX = 200 }; // of one execution, into this program's log

struct function_service {
    struct function_service_config config;
    struct instance_slots slots;
    atomic_int_least64_t gauges[SERVICE_GAUGE_COUNT];
    _Atomic uint64_t admitted, rejected, log_lines, duration_sum_us, durations[SERVICE_DURATION_BUCKETS + 1];
    atomic_size_t active; // submitted and not yet given back
    void (*_Atomic idle)(void *ctx);
    void *idle_ctx;
    // Loop 0 only.
    size_t loops_open;
    void (*closed)(void *ctx);
    void *closed_ctx;
    uint64_t close_grace_ms;
    size_t loop_count;
    struct service_loop loops[];
};

const double service_duration_bounds_s[SERVICE_DURATION_BUCKETS] = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05,
                                                                    0.1,    0.5,   1,      5,     10,   30};

// ---- making

struct opening {
    struct service_loop *loop;
    struct err *error;
    int status;
    uv_sem_t ready;
};

static void open_loop(void *arg) {
    struct opening *opening = arg;
    struct service_loop *l = opening->loop;
    struct runtime_config config = {
        .spearlet_config = &service_settings(l)->node, .shared = l->service->config.runtimes, .loop = l->loop};
    opening->status = runtime_new(&config, &l->runtime, opening->error);
    uv_sem_post(&opening->ready);
}

// On the loop's own thread; loop 0's is the caller's.
static int open_and_wait(struct service_loop *l, struct err *e) {
    struct opening opening = {.loop = l, .error = e};
    ASSERT(uv_sem_init(&opening.ready, 0) == 0);
    if (l->index == 0)
        open_loop(&opening);
    else
        loop_post(l->loop, open_loop, &opening);
    uv_sem_wait(&opening.ready);
    uv_sem_destroy(&opening.ready);
    return opening.status;
}

int function_service_new(const struct function_service_config *config, struct function_service **ret, struct err *e) {
    size_t count = loop_group_count(config->loops);
    ASSERT(count <= FUNCTION_LOOPS_MAX);
    struct function_service *s = mem_calloc(1, sizeof *s + count * sizeof s->loops[0]);
    s->config = *config;
    s->loop_count = count;
    instance_slots_init(&s->slots, config->settings->instances_max);
    for (size_t i = 0; i < count; i++) {
        struct service_loop *l = &s->loops[i];
        *l = (struct service_loop){.service = s, .index = i, .loop = loop_group_at(config->loops, i)};
        string_table_init(&l->pools);
    }
    *ret = s;
    for (size_t i = 0; i < count; i++)
        if (open_and_wait(&s->loops[i], e) < 0)
            return -1;
    return 0;
}

void function_service_free(struct function_service *s) {
    if (!s)
        return;
    for (size_t i = 0; i < s->loop_count; i++)
        string_table_done(&s->loops[i].pools);
    instance_slots_done(&s->slots);
    free(s);
}

// ---- which loop

// Asking the kernel is a system call, and the answer does not change while we run.
static size_t cores(void) {
    static atomic_size_t known;
    size_t count = atomic_load_explicit(&known, memory_order_relaxed);
    if (count == 0) {
        count = uv_available_parallelism();
        atomic_store_explicit(&known, count, memory_order_relaxed);
    }
    return count;
}

size_t function_service_scale_max(const struct task *task) {
    return task->limits.scale_max ? task->limits.scale_max : 2 * cores();
}

size_t function_service_loop_of(const struct function_service *s, const struct function *f, const struct loop *home) {
    size_t index = loop_group_index(s->config.loops, home);
    return function_choose_loop(f, function_service_scale_max(f->task), index, s->loop_count);
}

struct warming {
    struct service_loop *loop;
    struct function *function;
};

static void warm(void *arg) {
    struct warming *w = arg;
    instance_pool_warm(w->loop, w->function);
    function_unref(w->function);
    free(w);
}

// The first request here makes every loop start its part of scale.min.
static void warm_all(struct function_service *s, struct function *f) {
    if (f->task->limits.scale_min == 0 || atomic_exchange(&f->warmed, true))
        return;
    for (size_t i = 0; i < s->loop_count; i++) {
        struct warming *w = NEW(struct warming);
        *w = (struct warming){&s->loops[i], function_ref(f)};
        loop_post(s->loops[i].loop, warm, w);
    }
}

// ---- there and back

static struct service_loop *loop_of_record(struct function_service *s, const struct execution *record) {
    ASSERT(record->loop_index < s->loop_count);
    return &s->loops[record->loop_index];
}

struct carriage {
    struct service_loop *loop;
    struct function_call *call;
};

static void take_in(struct service_loop *l, struct function_call *call) {
    if (call->record->is_cancelled) {
        err_set(&call->outcome.error, ERR_EXECUTION_TERMINATED, "execution %s was cancelled",
                call->record->execution_id);
        service_finish(l, call);
        return;
    }
    call->record->call = call;
    instance_pool_submit(l, call);
}

static void on_carried(void *arg) {
    struct carriage carriage = *(struct carriage *)arg;
    free(arg);
    take_in(carriage.loop, carriage.call);
}

void function_service_submit(struct function_service *s, struct function_call *call) {
    struct service_loop *l = loop_of_record(s, call->record);
    atomic_fetch_add(&s->active, 1);
    atomic_fetch_add_explicit(&call->function->assigned[call->record->loop_index], 1, memory_order_relaxed);
    warm_all(s, call->function);
    if (l->loop == call->home) {
        take_in(l, call);
        return;
    }
    struct carriage *carriage = NEW(struct carriage);
    *carriage = (struct carriage){l, call};
    loop_post(l->loop, on_carried, carriage);
}

static void call_admitted(void *arg) {
    struct function_call *call = arg;
    call->admitted(call);
}

void service_admitted(struct service_loop *l, struct function_call *call) {
    atomic_fetch_add_explicit(&l->service->admitted, 1, memory_order_relaxed);
    if (!call->admitted)
        return;
    if (l->loop == call->home)
        call->admitted(call);
    else
        loop_post(call->home, call_admitted, call);
}

static void call_done(void *arg) {
    struct function_call *call = arg;
    call->done(call);
}

static void give_back(struct service_loop *l, struct function_call *call) {
    struct function_service *s = l->service;
    if (l->loop == call->home)
        call->done(call);
    else
        loop_post(call->home, call_done, call);
    if (atomic_fetch_sub(&s->active, 1) != 1)
        return;
    void (*idle)(void *ctx) = atomic_exchange(&s->idle, NULL);
    if (idle)
        loop_post(s->loops[0].loop, idle, s->idle_ctx);
}

// ---- what is known of an execution

static void log_guest_lines(struct function_service *s, const struct function_call *call) {
    struct span rest = span_make(call->outcome.log, call->outcome.log_bytes), line;
    const char *task = call->function->task->name, *id = call->record->execution_id;
    size_t count = 0;
    while (count < GUEST_LOG_LINES_MAX && span_next(&rest, '\n', &line)) {
        if (line.n == 0)
            continue;
        log_guest_line(task, id, line);
        count++;
    }
    if (rest.n)
        log_guest_line(task, id, SPAN_LITERAL("(more lines are in the execution's record)"));
    atomic_fetch_add_explicit(&s->log_lines, count, memory_order_relaxed);
}

static void log_failure(const struct function_call *call) {
    const struct err *e = &call->outcome.error;
    if (e->kind != ERR_NONE)
        log_warn("execution failed execution_id=%s task=%s kind=%s error=\"%s\"", call->record->execution_id,
                 call->function->task->name, err_kind_info(e->kind)->name, e->text);
}

static enum execution_state state_of(const struct execution_outcome *outcome) {
    switch (outcome->error.kind) {
    case ERR_NONE:
        return EXECUTION_COMPLETED;
    case ERR_EXECUTION_TIMEOUT:
        return EXECUTION_TIMEOUT;
    case ERR_EXECUTION_TERMINATED:
    case ERR_INSTANCE_DESTROYED:
        return EXECUTION_TERMINATED;
    default:
        return EXECUTION_FAILED;
    }
}

static void count_duration(struct function_service *s, uint64_t duration_us) {
    size_t bucket = 0;
    while (bucket < SERVICE_DURATION_BUCKETS && (double)duration_us > service_duration_bounds_s[bucket] * 1e6)
        bucket++;
    atomic_fetch_add_explicit(&s->durations[bucket], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&s->duration_sum_us, duration_us, memory_order_relaxed);
}

void service_running(struct service_loop *l, struct function_call *call, const char *instance_id) {
    memcpy(call->outcome.instance_id, instance_id, sizeof call->outcome.instance_id);
    call->outcome.started_ms = clock_unix_ms();
    executions_running(l->service->config.executions, call->record, instance_id, call->outcome.started_ms);
}

static void complete(struct function_service *s, struct function_call *call) {
    struct execution_outcome *outcome = &call->outcome;
    outcome->state = state_of(outcome);
    outcome->completed_ms = clock_unix_ms();
    outcome->duration_us = clock_monotonic_us() - call->arrived_us;
    count_duration(s, outcome->duration_us);
    log_guest_lines(s, call);
    log_failure(call);
}

void service_finish(struct service_loop *l, struct function_call *call) {
    struct function_service *s = l->service;
    atomic_fetch_sub_explicit(&call->function->assigned[l->index], 1, memory_order_relaxed);
    call->record->call = NULL;
    if (call->rejected) {
        atomic_fetch_add_explicit(&s->rejected, 1, memory_order_relaxed);
        executions_forget(s->config.executions, call->record);
    } else {
        complete(s, call);
        executions_finish(s->config.executions, call->record, &call->outcome);
    }
    give_back(l, call);
}

// ---- cancelling

struct cancelling {
    struct service_loop *loop;
    struct loop *asker;
    struct execution *record;
    void (*done)(void *ctx, bool was_active);
    void *ctx;
    bool was_active;
};

static void cancel_told(void *arg) {
    struct cancelling *c = arg;
    c->done(c->ctx, c->was_active);
    execution_unref(c->record);
    free(c);
}

static void cancel_here(void *arg) {
    struct cancelling *c = arg;
    struct function_call *call = c->record->call;
    c->was_active = call || !c->record->is_finished;
    if (call)
        instance_pool_cancel(call);
    else
        c->record->is_cancelled = true; // it is on its way to this loop
    loop_post(c->asker, cancel_told, c);
}

void function_service_cancel(struct function_service *s, struct loop *asker, struct execution *record,
                             void (*done)(void *ctx, bool was_active), void *ctx) {
    struct cancelling *c = NEW(struct cancelling);
    execution_ref(record);
    *c = (struct cancelling){
        .loop = loop_of_record(s, record), .asker = asker, .record = record, .done = done, .ctx = ctx};
    loop_post(c->loop->loop, cancel_here, c);
}

// ---- a task that is gone

static void drop_here(void *arg) {
    struct warming *w = arg;
    instance_pool_drop(w->loop, span_of(w->function->task->task_id));
    function_unref(w->function);
    free(w);
}

void function_service_drop(struct function_service *s, struct function *f) {
    atomic_store(&f->deleted, true);
    for (size_t i = 0; i < s->loop_count; i++) {
        struct warming *w = NEW(struct warming);
        *w = (struct warming){&s->loops[i], function_ref(f)};
        if (!loop_post(s->loops[i].loop, drop_here, w)) {
            function_unref(w->function);
            free(w);
        }
    }
}

// ---- better code

static void renew_here(void *arg) {
    struct service_loop *l = arg;
    if (!l->closing)
        instance_pool_renew_all(l);
}

void function_service_renew(struct function_service *s) {
    for (size_t i = 0; i < s->loop_count; i++)
        (void)loop_post(s->loops[i].loop, renew_here, &s->loops[i]); // a loop that is done has no instances
}

// ---- the end

void function_service_when_idle(struct function_service *s, void (*idle)(void *ctx), void *ctx) {
    s->idle_ctx = ctx;
    atomic_store(&s->idle, idle);
    if (atomic_load(&s->active) > 0)
        return;
    idle = atomic_exchange(&s->idle, NULL);
    if (idle)
        loop_post(s->loops[0].loop, idle, ctx);
}

static void on_loop_closed(void *arg) {
    struct function_service *s = arg;
    if (--s->loops_open == 0)
        s->closed(s->closed_ctx);
}

static void on_runtime_closed(void *ctx) {
    struct service_loop *l = ctx;
    l->runtime = NULL;
    loop_post(l->service->loops[0].loop, on_loop_closed, l->service);
}

static void on_emptied(struct service_loop *l) {
    if (!l->runtime) // it could not be made
        on_runtime_closed(l);
    else
        runtime_close(l->runtime, l->service->close_grace_ms, on_runtime_closed, l);
}

static void close_here(void *arg) {
    struct service_loop *l = arg;
    l->emptied = on_emptied;
    instance_pool_close_all(l, l->service->close_grace_ms);
}

void function_service_close(struct function_service *s, uint64_t grace_ms, void (*done)(void *ctx), void *ctx) {
    s->closed = done;
    s->closed_ctx = ctx;
    s->close_grace_ms = grace_ms;
    s->loops_open = s->loop_count;
    for (size_t i = 0; i < s->loop_count; i++)
        loop_post(s->loops[i].loop, close_here, &s->loops[i]);
}

// ---- what can be seen

struct tour {
    struct function_service *service;
    struct loop *asker;
    size_t next;
    void (*each)(void *ctx, const struct instance_view *view);
    void (*done)(void *ctx);
    void *ctx;
};

static void end_tour(void *arg) {
    struct tour *tour = arg;
    tour->done(tour->ctx);
    free(tour);
}

static void visit_here(void *arg) {
    struct tour *tour = arg;
    struct function_service *s = tour->service;
    instance_pool_each(&s->loops[tour->next++], tour->each, tour->ctx);
    if (tour->next < s->loop_count)
        loop_post(s->loops[tour->next].loop, visit_here, tour);
    else
        loop_post(tour->asker, end_tour, tour);
}

void function_service_each_instance(struct function_service *s, struct loop *asker,
                                    void (*each)(void *ctx, const struct instance_view *view), void (*done)(void *ctx),
                                    void *ctx) {
    struct tour *tour = NEW(struct tour);
    *tour = (struct tour){.service = s, .asker = asker, .each = each, .done = done, .ctx = ctx};
    loop_post(s->loops[0].loop, visit_here, tour);
}

// ---- counters

void service_count(struct service_loop *l, enum service_gauge gauge, int change) {
    atomic_fetch_add_explicit(&l->service->gauges[gauge], change, memory_order_relaxed);
}

size_t service_enter_queue(struct service_loop *l) {
    return (size_t)atomic_fetch_add(&l->service->gauges[SERVICE_QUEUED], 1);
}

struct instance_slots *service_slots(const struct service_loop *l) {
    return &l->service->slots;
}

static void make_room_here(void *arg) {
    instance_pool_make_room(arg);
}

void service_make_room_elsewhere(const struct service_loop *l) {
    struct function_service *s = l->service;
    for (size_t i = 0; i < s->loop_count; i++)
        if (i != l->index)
            loop_post(s->loops[i].loop, make_room_here, &s->loops[i]);
}

const struct spearlet_settings *service_settings(const struct service_loop *l) {
    return l->service->config.settings;
}

size_t service_loop_count(const struct service_loop *l) {
    return l->service->loop_count;
}

static uint64_t gauge(const struct function_service *s, enum service_gauge which) {
    int64_t value = atomic_load_explicit(&s->gauges[which], memory_order_relaxed);
    return value > 0 ? (uint64_t)value : 0;
}

void function_service_stats(struct function_service *s, struct function_service_stats *ret) {
    *ret = (struct function_service_stats){
        .running = gauge(s, SERVICE_RUNNING),
        .waiting = gauge(s, SERVICE_WAITING),
        .queued = gauge(s, SERVICE_QUEUED),
        .instances = instance_slots_used(&s->slots),
        .starts_failed = gauge(s, SERVICE_STARTS_FAILED),
        .shed_admission = gauge(s, SERVICE_SHED_ADMISSION),
        .shed_waiting = gauge(s, SERVICE_SHED_WAITING),
        .crashes = gauge(s, SERVICE_CRASHES),
        .refused_unhealthy = gauge(s, SERVICE_REFUSED_UNHEALTHY),
        .admitted = s->admitted,
        .rejected = s->rejected,
        .log_lines = s->log_lines,
        .duration_sum_us = s->duration_sum_us,
    };
    for (size_t i = 0; i <= SERVICE_DURATION_BUCKETS; i++)
        ret->durations[i] = s->durations[i];
}
