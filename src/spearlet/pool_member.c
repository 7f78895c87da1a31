// The life of one instance in its pool, as the runtime's callbacks tell it.
//
// What the pool does about it is in instance_pool.c. No callback frees what a caller further up still uses: a member goes
// only when none is due, and a pool only as the last act of the event that emptied it.
#include "spearlet/pool_member.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "spearlet/call_output.h"

#include <inttypes.h>

enum { ATTEMPTS_MAX = 3 };

// ---- going

static void free_member(struct pool_member *m) {
    struct instance_pool *pool = m->pool;
    if (m->previous)
        m->previous->next = m->next;
    else
        pool->members = m->next;
    if (m->next)
        m->next->previous = m->previous;
    pool->total--;
    pool->leaving--;
    instance_unref(m->instance);
    free(m);
    instance_pool_settle(pool);
}

static void on_stopped(void *ctx, const struct err *e) {
    struct pool_member *m = ctx;
    (void)e; // the process is gone all the same
    m->callbacks_due--;
    if (m->callbacks_due == 0)
        free_member(m);
}

// Of a member that is LEAVING. While it is being created there is nothing to stop yet.
static void go_on_leaving(struct pool_member *m) {
    if (m->instance && !m->stop_sent) {
        m->stop_sent = true;
        m->callbacks_due++;
        instance_watch(m->instance, NULL, NULL);
        stop_instance(m->instance, m->grace_ms, on_stopped, m);
    } else if (m->callbacks_due == 0) {
        free_member(m);
    }
}

static void take_from_ready(struct pool_member *m) {
    struct instance_pool *pool = m->pool;
    if (m->ready_previous)
        m->ready_previous->ready_next = m->ready_next;
    else
        pool->ready_first = m->ready_next;
    if (m->ready_next)
        m->ready_next->ready_previous = m->ready_previous;
    else
        pool->ready_last = m->ready_previous;
    m->ready_previous = m->ready_next = NULL;
}

// Out of the lists and counts of its state; into those of LEAVING.
static void set_leaving(struct pool_member *m) {
    if (m->pool->renewing == m)
        m->pool->renewing = NULL;
    if (m->state == MEMBER_READY)
        take_from_ready(m);
    else if (m->state == MEMBER_STARTING && !m->single_use)
        m->pool->starting--;
    if (m->state != MEMBER_BROKEN) {
        m->pool->leaving++;
        instance_slots_give(service_slots(m->pool->loop), m->pool->function);
    }
    m->state = MEMBER_LEAVING;
}

void pool_member_leave(struct pool_member *m, uint64_t grace_ms) {
    if (m->state == MEMBER_LEAVING)
        return;
    set_leaving(m);
    m->grace_ms = grace_ms;
    go_on_leaving(m); // it is not freed in this turn: a stop, or the creation, is still due
}

// ---- workers that die

// The worker ended by itself; one that has answered before is no sign of more to come.
static void note_crash(const struct pool_member *m, const char *reason) {
    struct function *f = m->pool->function;
    if (m->answers > 0)
        return;
    service_count(m->pool->loop, SERVICE_CRASHES, 1);
    uint64_t wait_ms = task_health_crashed(&f->health, clock_monotonic_us(), reason);
    if (wait_ms)
        log_warn("task unhealthy task=%s name=\"%s\" backoff_ms=%" PRIu64 " reason=\"%s\"", f->task->task_id,
                 f->task->name, wait_ms, reason);
}

static void note_answer(struct pool_member *m) {
    const struct task *task = m->pool->function->task;
    m->answers++;
    if (task_health_answered(&m->pool->function->health))
        log_info("task healthy again task=%s name=\"%s\"", task->task_id, task->name);
}

static void discard_broken(void *arg) {
    struct pool_member *m = arg;
    m->callbacks_due--;
    struct instance_pool *pool = m->pool;
    pool_member_leave(m, 0);
    instance_pool_settle(pool);
}

static void on_changed(void *ctx, struct instance *instance, enum instance_state state) {
    struct pool_member *m = ctx;
    (void)instance;
    if (m->state != MEMBER_READY ||
        (state != INSTANCE_UNHEALTHY && state != INSTANCE_ERROR && state != INSTANCE_STOPPED))
        return;
    note_crash(m, "its worker ended while it was idle");
    take_from_ready(m);
    m->state = MEMBER_BROKEN;
    m->pool->leaving++;
    instance_slots_give(service_slots(m->pool->loop), m->pool->function);
    m->callbacks_due++;
    loop_post(m->pool->loop->loop, discard_broken, m); // not from inside the runtime
}

// ---- starting

static void start_failed(struct pool_member *m, const struct err *e) {
    set_leaving(m);
    instance_pool_start_failed(m, e);
    go_on_leaving(m); // the member, and with it the pool, may be gone after this
}

static void on_started(void *ctx, const struct err *e) {
    struct pool_member *m = ctx;
    m->callbacks_due--;
    if (m->state == MEMBER_LEAVING) {
        go_on_leaving(m);
    } else if (e) {
        note_crash(m, e->text);
        start_failed(m, e);
    } else {
        instance_pool_started(m);
    }
}

static void on_created(void *ctx, struct instance *instance, const struct err *e) {
    struct pool_member *m = ctx;
    m->callbacks_due--;
    m->instance = instance;
    if (m->state == MEMBER_LEAVING) {
        go_on_leaving(m);
    } else if (e) {
        if (e->kind == ERR_INSTANCE_CREATION_FAILED || e->kind == ERR_INSTANCE_STARTUP_FAILED)
            note_crash(m, e->text);
        start_failed(m, e);
    } else {
        instance_watch(instance, on_changed, m);
        m->callbacks_due++;
        start_instance(instance, on_started, m);
    }
}

static struct pool_member *new_member(struct instance_pool *pool, struct function_call *only_for) {
    struct pool_member *m = NEW(struct pool_member);
    m->pool = pool;
    m->call = only_for;
    m->single_use = only_for != NULL;
    m->created_ms = clock_unix_ms();
    m->begun_us = clock_monotonic_us();
    m->next = pool->members;
    if (m->next)
        m->next->previous = m;
    pool->members = m;
    pool->total++;
    if (only_for)
        only_for->member = m;
    else
        pool->starting++;
    return m;
}

void pool_member_start(struct instance_pool *pool, struct function_call *only_for) {
    const struct task *task = pool->function->task;
    struct pool_member *m = new_member(pool, only_for);
    struct artifact_snapshot artifact = {task->executable.uri, task->executable.checksum_sha256};
    struct instance_config config = {.task_id = task->task_id, .artifact = &artifact, .limits = task->limits};
    m->callbacks_due++;
    create_instance(pool->loop->runtime, &config, on_created, m);
}

// ---- running

// A trap and a limit have an exit code, too, of the worker's choice; this text stands only for the guest's own.
static bool is_own_exit(const struct err *e) {
    return !e || (e->kind == ERR_RUNTIME_ERROR && span_starts_with(span_of(e->text), "the guest exited with code "));
}

static void take_result(struct function_call *call, struct invocation_result *result, const struct err *e) {
    struct execution_outcome *outcome = &call->outcome;
    outcome->ran = true;
    outcome->exited = is_own_exit(e);
    if (e)
        outcome->error = *e;
    outcome->exit_code = result->exit_code;
    outcome->output = TAKE(result->output);
    outcome->output_bytes = outcome->output ? result->output_bytes : 0;
    outcome->log = TAKE(result->log);
    outcome->log_bytes = outcome->log ? result->log_bytes : 0;
    outcome->log_cut = result->log_cut;
    outcome->streamed = call->output != NULL;
    if (!call->output) // else its pieces said so, on the loop that reads it
        call->has_head = result->has_head;
    if (result->results_json.n) {
        outcome->results = mem_dup(result->results_json.p, result->results_json.n);
        outcome->results_bytes = result->results_json.n;
    }
    outcome->instantiate_us = result->instantiate_us;
    outcome->run_us = result->run_us;
    outcome->code = result->code;
}

static void on_output(void *ctx, struct span bytes, bool has_head) {
    call_output_give(ctx, bytes, has_head);
}

static bool worker_lives(const struct pool_member *m) {
    enum instance_state state = instance_state(m->instance);
    return state == INSTANCE_READY || state == INSTANCE_RUNNING;
}

// It served a call, which is no longer its own.
static void go_on(struct pool_member *m) {
    if (m->state == MEMBER_LEAVING)
        go_on_leaving(m);
    else if (m->single_use || !worker_lives(m))
        pool_member_leave(m, m->single_use ? service_settings(m->pool->loop)->node.stop_grace_ms : 0);
    else if (m->calls == 0)
        instance_pool_released(m);
    else
        instance_pool_settle(m->pool);
}

// The worker died before it could begin the call, or the call was taken back from behind another one.
static void try_again(struct pool_member *m, struct function_call *call, const struct err *e) {
    struct instance_pool *pool = m->pool;
    call->attempts += e->kind == ERR_RUNTIME_ERROR;
    call->is_running = false;
    call->outcome.instance_id[0] = '\0';
    call->outcome.started_ms = 0;
    pool_queue_add_first(pool, call);
    go_on(m);
    instance_pool_settle(pool); // it is still there: the call is in its queue, or with one of its members
}

// What it means for the requests to come: how long one keeps an instance, and whether workers live.
static void note_end(struct pool_member *m, const struct function_call *call, const struct invocation_result *result,
                     const struct err *e) {
    uint64_t now_us = clock_monotonic_us();
    bool lives = worker_lives(m);
    if (m->call != call)
        return; // it was only waiting
    if (!e || (e->kind == ERR_RUNTIME_ERROR && lives))
        service_times_note(&m->pool->times, now_us, now_us - m->running_since_us);
    if (!e)
        service_times_note_guest(&m->pool->times, result->instantiate_us + result->run_us);
    if (lives)
        note_answer(m);
    else if (e && e->kind == ERR_RUNTIME_ERROR && instance_state(m->instance) == INSTANCE_UNHEALTHY)
        note_crash(m, e->text);
}

// ---- the calls of a member

static void link_call(struct pool_member *m, struct function_call *call) {
    call->previous = m->last_call;
    call->next = NULL;
    if (m->last_call)
        m->last_call->next = call;
    else
        m->call = call;
    m->last_call = call;
    m->calls++;
    call->member = m;
}

static void unlink_call(struct pool_member *m, struct function_call *call) {
    if (call->previous)
        call->previous->next = call->next;
    else
        m->call = call->next;
    if (call->next)
        call->next->previous = call->previous;
    else
        m->last_call = call->previous;
    m->calls--;
    call->member = NULL;
}

// How long it waited, and how much of that was this instance's start.
static void note_waiting(struct function_call *call, const struct pool_member *m, uint64_t now_us) {
    uint64_t waited_us = now_us - call->arrived_us;
    uint64_t since_us = m->begun_us > call->arrived_us ? m->begun_us : call->arrived_us;
    call->outcome.start_us = !m->was_idle && m->invocations == 0 ? now_us - since_us : 0;
    call->outcome.queue_us = waited_us - call->outcome.start_us;
}

// It is the first of those the member was given.
static void begin_call(struct pool_member *m, struct function_call *call) {
    m->running_since_us = clock_monotonic_us();
    note_waiting(call, m, m->running_since_us);
    m->invocations++;
    service_count(m->pool->loop, SERVICE_RUNNING, 1);
    service_running(m->pool->loop, call, instance_id(m->instance));
}

static void end_call(struct pool_member *m, struct function_call *call) {
    bool was_first = m->call == call;
    unlink_call(m, call);
    if (!was_first) {
        pool_queue_begin(call); // it waits no more
        return;
    }
    service_count(m->pool->loop, SERVICE_RUNNING, -1);
    if (m->call) {
        pool_queue_begin(m->call);
        begin_call(m, m->call);
    }
}

static void on_invoked(void *ctx, struct invocation_result *result, const struct err *e) {
    struct function_call *call = ctx;
    struct pool_member *m = call->member;
    struct service_loop *l = m->pool->loop;
    m->callbacks_due--;
    note_end(m, call, result, e);
    end_call(m, call);
    if (result->untouched && !m->pool->closing && call->attempts < ATTEMPTS_MAX) {
        try_again(m, call, e);
        return;
    }
    take_result(call, result, e);
    call->pool = NULL;
    go_on(m);
    service_finish(l, call); // last: whoever waits has the instance by now
}

bool pool_member_takes(const struct pool_member *m, const struct function_call *call) {
    return m->state == MEMBER_RUNNING && !m->single_use && !call->is_large && instance_room(m->instance) > 0;
}

static struct invocation invocation_of(const struct function_call *call) {
    return (struct invocation){.execution_id = call->record->execution_id,
                               .invocation_id = call->record->invocation_id,
                               .function = call->function_name,
                               .params_json = call->params,
                               .args = call->args,
                               .arg_count = call->arg_count,
                               .environment = call->environment,
                               .environment_count = call->environment_count,
                               .payload = call->payload,
                               .deadline_us = call->deadline_us,
                               .time_name = call->time_name,
                               .time_ms = call->time_ms,
                               .output = call->output ? on_output : NULL};
}

bool pool_member_needs_all(const struct function_call *call) {
    struct invocation invocation = invocation_of(call);
    return invocation_is_large(&invocation);
}

void pool_member_run(struct pool_member *m, struct function_call *call) {
    struct invocation invocation = invocation_of(call);
    if (m->state == MEMBER_READY)
        take_from_ready(m);
    m->state = MEMBER_RUNNING;
    if (m->call)
        pool_queue_wait_behind(call); // before the links that it had there are used here
    link_call(m, call);
    call->is_running = true;
    call->runs_on = m->pool->loop->loop;
    m->callbacks_due++;
    if (m->call == call)
        begin_call(m, call);
    invoke(m->instance, &invocation, on_invoked, call);
}

void pool_member_take_back(struct pool_member *m) {
    take_back_invocations(m->instance);
}

void pool_member_cancel(struct function_call *call) {
    cancel_invocation(call->member->instance, call->record->execution_id);
}
