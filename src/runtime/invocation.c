// One request to an instance: handed to its worker, answered, out of time, cancelled, or lost with the worker. runtime.h says what is promised;
// what is written to and read from the shared memory is worker_memory.c.
#include "runtime/instance.h"

#include "base/clock.h"
#include "base/mem.h"

struct refusal {
    struct instance *instance;
    void (*done)(void *ctx, struct invocation_result *result, const struct err *e);
    void *ctx;
    struct err error;
};

static void count_end(struct instance *i, const struct err *e) {
    struct runtime_counters *counters = &i->runtime->shared->counters;
    if (e)
        counter_add(&counters->invocations_failed, 1);
    if (e && e->kind == ERR_EXECUTION_TIMEOUT)
        counter_add(&counters->invocations_timed_out, 1);
}

static void answer_refusal(void *arg) {
    AUTO_FREE struct refusal *r = arg;
    struct invocation_result nothing = {.exit_code = -1};
    count_end(r->instance, &r->error);
    r->done(r->ctx, &nothing, &r->error);
    instance_release(r->instance);
}

static void refuse_later(struct instance *i, void (*done)(void *, struct invocation_result *, const struct err *),
                         void *ctx, const struct err *e) {
    struct refusal *r = NEW(struct refusal);
    r->instance = i;
    r->done = done;
    r->ctx = ctx;
    r->error = *e;
    instance_hold(i);
    ASSERT(loop_post(i->runtime->loop, answer_refusal, r));
}

// ---- the deadline

static int set_timeout_error(const char *name, uint64_t time_ms, struct err *e) {
    return err_set(e, ERR_EXECUTION_TIMEOUT, "ended at its deadline: %s (%llu ms)", name, (unsigned long long)time_ms);
}

static void on_deadline(void *arg);

// A timer counts whole milliseconds and may come a little early: then it is set again.
static void set_deadline_timer(struct instance *i) {
    uint64_t now_us = clock_monotonic_us();
    uint64_t left_us = i->running.deadline_us > now_us ? i->running.deadline_us - now_us : 0;
    i->running.timer = loop_timer_start(i->runtime->loop, (left_us + 999) / 1000, on_deadline, i);
}

static void on_deadline(void *arg) {
    struct instance *i = arg;
    i->running.timer = NULL;
    if (clock_monotonic_us() < i->running.deadline_us) {
        set_deadline_timer(i);
        return;
    }
    struct err why = {0};
    set_timeout_error(i->running.time_name, i->running.time_ms, &why);
    worker_kill(i->worker, &why);
}

static void on_cpu_used_up(void *ctx) {
    struct instance *i = ctx;
    struct err why = {0};
    err_set(&why, ERR_RESOURCE_EXHAUSTED, "limit.cpu_ms (%llu ms) of processor time used up",
            (unsigned long long)i->limits.cpu_ms);
    worker_kill(i->worker, &why);
}

// ---- begin

static const char *time_name(const struct invocation *v) {
    return v->time_name ? v->time_name : "limit.time_ms";
}

static uint64_t time_ms(const struct instance *i, const struct invocation *v) {
    return v->time_name ? v->time_ms : i->limits.time_ms;
}

static int check_invocation(const struct instance *i, const struct invocation *v, struct err *e) {
    if (i->state == INSTANCE_RUNNING)
        return err_set(e, ERR_RESOURCE_EXHAUSTED, "instance %s runs another invocation", i->id);
    if (i->state != INSTANCE_READY)
        return err_set(e, ERR_INSTANCE_NOT_FOUND, "instance %s is not ready: it is %s", i->id,
                       instance_state_name(i->state));
    if (v->deadline_us != 0 && v->deadline_us <= clock_monotonic_us())
        return set_timeout_error(time_name(v), time_ms(i, v), e);
    return 0;
}

void invoke(struct instance *i, const struct invocation *v,
            void (*done)(void *ctx, struct invocation_result *result, const struct err *e), void *ctx) {
    struct err e = {0};
    struct running_invocation *run = &i->running;
    counter_add(&i->runtime->shared->counters.invocations, 1);
    if (check_invocation(i, v, &e) < 0 || worker_invoke(i->worker, run->id + 1, v, &e) < 0) {
        refuse_later(i, done, ctx, &e);
        return;
    }
    run->runs = true;
    run->id++;
    run->execution_id = mem_strdup(v->execution_id ? v->execution_id : "");
    run->begun_us = clock_monotonic_us();
    run->deadline_us = v->deadline_us;
    run->time_name = time_name(v);
    run->time_ms = time_ms(i, v);
    run->output = v->output;
    run->done = done;
    run->ctx = ctx;
    if (v->deadline_us != 0)
        set_deadline_timer(i);
    run->cpu = cpu_limit_start(i->runtime->loop, worker_pid(i->worker), i->limits.cpu_ms, on_cpu_used_up, i);
    instance_hold(i);
    instance_move_running(i);
}

bool cancel_invocation(struct instance *i, const char *execution_id) {
    if (!i->running.runs || strcmp(i->running.execution_id, execution_id) != 0 || !i->worker)
        return false;
    struct err why = {0};
    err_set(&why, ERR_EXECUTION_TERMINATED, "execution %s was cancelled", execution_id);
    worker_kill(i->worker, &why);
    return true;
}

// ---- streamed output

void invocation_output(struct instance *i, struct span bytes, bool has_head) {
    if (i->running.runs && i->running.output)
        i->running.output(i->running.ctx, bytes, has_head);
}

void invocation_output_taken(struct instance *i, const char *execution_id, uint64_t bytes) {
    if (i->running.runs && strcmp(i->running.execution_id, execution_id) == 0 && i->worker)
        worker_output_taken(i->worker, bytes);
}

// ---- end

// Frees what the callback did not take.
static void finish(struct instance *i, struct invocation_result *result, const struct err *e) {
    struct running_invocation run = i->running;
    i->running.runs = false;
    i->running.execution_id = NULL;
    i->running.timer = NULL;
    i->running.cpu = NULL;
    loop_timer_cancel(run.timer);
    cpu_limit_stop(run.cpu);
    free(run.execution_id);
    count_end(i, e);
    run.done(run.ctx, result, e);
    free(result->output);
    free(result->log);
    instance_release(i);
}

static char *copy(struct span s) {
    char *p = mem_alloc(s.n + 1);
    if (s.n > 0)
        memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    return p;
}

void invocation_answered(struct instance *i, const struct worker_result *r) {
    AUTO_FREE char *reply = copy(r->results_json);
    struct invocation_result result = {.exit_code = r->exit_code,
                                       .output = copy(r->output),
                                       .output_bytes = r->output.n,
                                       .log = copy(r->log),
                                       .log_bytes = r->log.n,
                                       .log_cut = r->log_cut,
                                       .has_head = r->has_head,
                                       .results_json = span_make(reply, r->results_json.n),
                                       .instantiate_us = r->instantiate_us,
                                       .run_us = r->run_us};
    struct err e = {0};
    if (r->kind != ERR_NONE)
        err_set(&e, r->kind, "%s", r->text);
    if (i->state == INSTANCE_RUNNING)
        instance_move_ran(i);
    finish(i, &result, r->kind == ERR_NONE ? NULL : &e);
}

void invocation_lost(struct instance *i, const struct worker *ended, const struct err *why) {
    struct invocation_result result = {.exit_code = -1};
    struct worker_leftover left;
    struct err e = *why;
    if (!i->running.runs)
        return;
    if (worker_leftover(ended, &left)) {
        result.output = copy(left.output);
        result.output_bytes = left.output.n;
        result.log = copy(left.log);
        result.log_bytes = left.log.n;
        result.log_cut = left.log_cut;
        result.has_head = left.has_head;
        result.run_us = clock_monotonic_us() - i->running.begun_us;
    } else {
        result.untouched = why->kind == ERR_RUNTIME_ERROR;
    }
    if (e.kind == ERR_NONE)
        err_set(&e, ERR_EXECUTION_TERMINATED, "the worker ended without an answer");
    finish(i, &result, &e);
}
