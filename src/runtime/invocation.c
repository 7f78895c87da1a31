// One request to an instance: handed to its worker, answered, out of time, cancelled, taken back, or lost with the worker. runtime.h says what is
// promised; the ring is worker_ring.c, what is written to and read from the shared memory worker_memory.c.
#include "runtime/instance.h"

#include "base/clock.h"
#include "base/mem.h"

// An invocation that is over without an answer of the guest's.
struct refusal {
    struct instance *instance;
    void (*done)(void *ctx, struct invocation_result *result, const struct err *e);
    void *ctx;
    bool untouched;
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
    struct invocation_result nothing = {.exit_code = -1, .untouched = r->untouched};
    count_end(r->instance, &r->error);
    r->done(r->ctx, &nothing, &r->error);
    instance_release(r->instance);
}

static struct refusal *new_refusal(struct instance *i,
                                   void (*done)(void *, struct invocation_result *, const struct err *), void *ctx,
                                   const struct err *e) {
    struct refusal *r = NEW(struct refusal);
    *r = (struct refusal){.instance = i, .done = done, .ctx = ctx, .error = *e};
    return r;
}

static void refuse_later(struct instance *i, void (*done)(void *, struct invocation_result *, const struct err *),
                         void *ctx, const struct err *e) {
    struct refusal *r = new_refusal(i, done, ctx, e);
    instance_hold(i);
    ASSERT(loop_post(i->runtime->loop, answer_refusal, r));
}

// ---- those in flight

// Not in flight any more; its hold on the instance goes to the caller.
static struct running_invocation take_out(struct instance *i, unsigned slot) {
    struct running_invocation run = i->running[slot];
    ASSERT(run.runs);
    i->running[slot] = (struct running_invocation){0};
    i->running_count--;
    free(run.execution_id);
    run.execution_id = NULL;
    return run;
}

static void note_idle(struct instance *i) {
    if (i->running_count == 0 && i->state == INSTANCE_RUNNING)
        instance_move_ran(i);
}

// The guest has not seen it: its end is told later, never from inside of a call.
static void end_unseen(struct instance *i, unsigned slot, const struct err *why, bool untouched) {
    struct running_invocation run = take_out(i, slot);
    struct refusal *r = new_refusal(i, run.done, run.ctx, why);
    r->untouched = untouched;
    ASSERT(loop_post(i->runtime->loop, answer_refusal, r));
    note_idle(i);
}

// The newest in flight that is older than `number`; -1: none.
static int newest_before(const struct instance *i, uint64_t number) {
    int found = -1;
    for (int slot = 0; slot < IPC_RING_SLOTS; slot++)
        if (i->running[slot].runs && i->running[slot].number < number &&
            (found < 0 || i->running[slot].number > i->running[found].number))
            found = slot;
    return found;
}

// Newest first, so that who puts each of them at the front of a queue has them in order.
static void take_back(struct instance *i, unsigned keep, const struct err *why) {
    uint64_t number = UINT64_MAX;
    while (i->running_count > keep) {
        int slot = newest_before(i, number);
        if (slot < 0)
            return;
        number = i->running[slot].number;
        if (i->worker && worker_withdraw(i->worker, (unsigned)slot))
            end_unseen(i, (unsigned)slot, why, true);
    }
}

void invocations_take_back(struct instance *i, const struct err *why) {
    take_back(i, 1, why);
}

static void take_back_for_kill(struct instance *i) {
    struct err why = {0};
    err_set(&why, ERR_EXECUTION_TERMINATED, "another invocation ended the worker before this one began");
    take_back(i, 0, &why);
}

// Ends one that is in flight: one that waits is taken back; for one that runs the worker is killed, but not before no other one can
// begin in it. One that has finished meanwhile is about to be told so.
static void end_invocation(struct instance *i, unsigned slot, const struct err *why) {
    if (worker_withdraw(i->worker, slot)) {
        end_unseen(i, slot, why, false);
        return;
    }
    take_back_for_kill(i);
    if (!worker_has_finished(i->worker, slot))
        worker_kill(i->worker, why);
}

// ---- the deadline

static int set_timeout_error(const char *name, uint64_t time_ms, struct err *e) {
    return err_set(e, ERR_EXECUTION_TIMEOUT, "ended at its deadline: %s (%llu ms)", name, (unsigned long long)time_ms);
}

static void on_deadline(void *arg);

// One timer serves all: it stays when an invocation ends before its deadline, and finds the next one when it fires. It counts whole
// milliseconds and may come a little early: then it is set again.
static void watch_deadline(struct instance *i, uint64_t deadline_us) {
    uint64_t now_us = clock_monotonic_us();
    uint64_t left_us = deadline_us > now_us ? deadline_us - now_us : 0;
    if (deadline_us == 0 || (i->deadline_timer && i->deadline_timer_us <= deadline_us))
        return;
    loop_timer_cancel(i->deadline_timer);
    i->deadline_timer_us = deadline_us;
    i->deadline_timer = loop_timer_start(i->runtime->loop, (left_us + 999) / 1000, on_deadline, i);
}

static void on_deadline(void *arg) {
    struct instance *i = arg;
    struct err why = {0};
    i->deadline_timer = NULL;
    if (!i->worker)
        return;
    for (unsigned slot = 0; slot < IPC_RING_SLOTS; slot++) {
        const struct running_invocation *run = &i->running[slot];
        if (!run->runs || run->deadline_us == 0)
            continue;
        if (clock_monotonic_us() < run->deadline_us) {
            watch_deadline(i, run->deadline_us);
            continue;
        }
        set_timeout_error(run->time_name, run->time_ms, &why);
        end_invocation(i, slot, &why);
    }
}

// ---- the processor's time

static int oldest(const struct instance *i) {
    int found = -1;
    for (int slot = 0; slot < IPC_RING_SLOTS; slot++)
        if (i->running[slot].runs && (found < 0 || i->running[slot].number < i->running[found].number))
            found = slot;
    return found;
}

static void on_cpu_used_up(void *ctx) {
    struct instance *i = ctx;
    struct err why = {0};
    int slot = oldest(i);
    err_set(&why, ERR_RESOURCE_EXHAUSTED, "limit.cpu_ms (%llu ms) of processor time used up",
            (unsigned long long)i->limits.cpu_ms);
    if (slot >= 0 && i->worker)
        end_invocation(i, (unsigned)slot, &why);
}

// Of the one that runs, which is the oldest: from when that is known.
static void watch_cpu(struct instance *i) {
    cpu_limit_stop(TAKE(i->cpu));
    if (i->limits.cpu_ms != 0 && i->running_count > 0 && i->worker)
        i->cpu = cpu_limit_start(i->runtime->loop, worker_pid(i->worker), i->limits.cpu_ms, on_cpu_used_up, i);
}

// ---- begin

static const char *time_name(const struct invocation *v) {
    return v->time_name ? v->time_name : "limit.time_ms";
}

static uint64_t time_ms(const struct instance *i, const struct invocation *v) {
    return v->time_name ? v->time_ms : i->limits.time_ms;
}

size_t instance_room(const struct instance *i) {
    if (i->state != INSTANCE_READY && i->state != INSTANCE_RUNNING)
        return 0;
    return worker_room(i->worker);
}

static int check_invocation(const struct instance *i, const struct invocation *v, struct err *e) {
    if (i->state != INSTANCE_READY && i->state != INSTANCE_RUNNING)
        return err_set(e, ERR_INSTANCE_NOT_FOUND, "instance %s is not ready: it is %s", i->id,
                       instance_state_name(i->state));
    if (worker_room(i->worker) == 0 || (i->running_count > 0 && invocation_is_large(v)))
        return err_set(e, ERR_RESOURCE_EXHAUSTED, "instance %s runs another invocation", i->id);
    if (v->deadline_us != 0 && v->deadline_us <= clock_monotonic_us())
        return set_timeout_error(time_name(v), time_ms(i, v), e);
    return 0;
}

void invoke(struct instance *i, const struct invocation *v,
            void (*done)(void *ctx, struct invocation_result *result, const struct err *e), void *ctx) {
    struct err e = {0};
    unsigned slot;
    counter_add(&i->runtime->shared->counters.invocations, 1);
    if (check_invocation(i, v, &e) < 0 || worker_invoke(i->worker, v, &slot, &e) < 0) {
        refuse_later(i, done, ctx, &e);
        return;
    }
    i->running[slot] = (struct running_invocation){.runs = true,
                                                   .number = ++i->invocation_number,
                                                   .execution_id = mem_strdup(v->execution_id ? v->execution_id : ""),
                                                   .begun_us = clock_monotonic_us(),
                                                   .deadline_us = v->deadline_us,
                                                   .time_name = time_name(v),
                                                   .time_ms = time_ms(i, v),
                                                   .output = v->output,
                                                   .done = done,
                                                   .ctx = ctx};
    watch_deadline(i, v->deadline_us);
    if (i->native && instance_code(i) != RUNTIME_CODE_NATIVE)
        native_count_use(i->native);
    instance_hold(i);
    if (i->running_count++ > 0)
        return;
    watch_cpu(i);
    instance_move_running(i);
}

static int find(const struct instance *i, const char *execution_id) {
    for (int slot = 0; i->worker && slot < IPC_RING_SLOTS; slot++)
        if (i->running[slot].runs && strcmp(i->running[slot].execution_id, execution_id) == 0)
            return slot;
    return -1;
}

bool cancel_invocation(struct instance *i, const char *execution_id) {
    struct err why = {0};
    int slot = find(i, execution_id);
    if (slot < 0)
        return false;
    err_set(&why, ERR_EXECUTION_TERMINATED, "execution %s was cancelled", execution_id);
    end_invocation(i, (unsigned)slot, &why);
    return true;
}

void take_back_invocations(struct instance *i) {
    struct err why = {0};
    err_set(&why, ERR_EXECUTION_TERMINATED, "the invocation was taken back before it began");
    invocations_take_back(i, &why);
}

// ---- streamed output

void invocation_output(struct instance *i, unsigned slot, struct span bytes, bool has_head) {
    const struct running_invocation *run = &i->running[slot];
    if (run->runs && run->output)
        run->output(run->ctx, bytes, has_head);
}

void invocation_output_taken(struct instance *i, const char *execution_id, uint64_t bytes) {
    int slot = find(i, execution_id);
    if (slot >= 0)
        worker_output_taken(i->worker, (unsigned)slot, bytes);
}

// ---- end

static void finish(struct instance *i, const struct running_invocation *run, struct invocation_result *result,
                   const struct err *e) {
    count_end(i, e);
    run->done(run->ctx, result, e);
    instance_release(i);
}

void invocation_answered(struct instance *i, unsigned slot, struct worker_result *r) {
    struct err e = {0};
    struct running_invocation run = take_out(i, slot);
    if (r->kind != ERR_NONE)
        err_set(&e, r->kind, "%s", r->text);
    r->answer.code = instance_code(i);
    watch_cpu(i);
    note_idle(i);
    finish(i, &run, &r->answer, r->kind == ERR_NONE ? NULL : &e);
}

static char *copy(struct span s) {
    char *p = mem_alloc(s.n + 1);
    if (s.n > 0)
        memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    return p;
}

static void lose(struct instance *i, unsigned slot, const struct worker *ended, const struct err *why) {
    struct invocation_result result = {.exit_code = -1, .code = instance_code(i)};
    struct worker_leftover left;
    struct running_invocation run = take_out(i, slot);
    if (worker_leftover(ended, slot, &left)) {
        result.output = copy(left.output);
        result.output_bytes = left.output.n;
        result.log = copy(left.log);
        result.log_bytes = left.log.n;
        result.log_cut = left.log_cut;
        result.has_head = left.has_head;
        result.run_us = clock_monotonic_us() - run.begun_us;
    } else {
        result.untouched = why->kind == ERR_RUNTIME_ERROR;
    }
    finish(i, &run, &result, why);
    free(result.output);
    free(result.log);
}

// Newest first, as above.
void invocations_lost(struct instance *i, const struct worker *ended, const struct err *why) {
    struct err e = *why;
    loop_timer_cancel(TAKE(i->deadline_timer));
    cpu_limit_stop(TAKE(i->cpu));
    if (e.kind == ERR_NONE)
        err_set(&e, ERR_EXECUTION_TERMINATED, "the worker ended without an answer");
    for (int slot; (slot = newest_before(i, UINT64_MAX)) >= 0;)
        lose(i, (unsigned)slot, ended, &e);
}
