// How many instances a task has on one loop, and which request each of them serves.
//
// A creation that fails answers everybody who waits with its error and is not tried again until the next request: a
// broken module costs one preparation a request, not a loop of them. When other instances of the task do run, waiting
// goes on instead, and adding one pauses for a second. A node that has all the instances it may have shares them: the pool lines up for one
// (instance_slots.h), idle instances make room at once, and one that is busy does after its turn when another task has none. The queue is
// pool_queue.c. Next step: pool_member.c.
#include "spearlet/instance_pool.h"

#include "base/clock.h"
#include "base/mem.h"
#include "spearlet/pool_member.h"
#include "spearlet/pool_renewal.h"

enum { START_PAUSE_US = 1000 * 1000, TURN_US = 100 * 1000 };
// Requests of a task that is quick wait behind others in a worker: so many that the last one waits BEHIND_US, and up to MOMENT_US even when another
// worker is idle. When one takes longer than OVERDUE_MS all the same, those behind it are taken back.
enum { BEHIND_US = 1000, MOMENT_US = 40, OVERDUE_MS = 5 };

// ---- the pools of a loop

static struct instance_pool *find_pool(struct service_loop *l, struct span task_id) {
    struct string_node *node = string_table_find(&l->pools, task_id);
    return node ? CONTAINER_OF(node, struct instance_pool, node) : NULL;
}

static void on_slot(void *arg);

static struct instance_pool *pool_of(struct service_loop *l, struct function *f) {
    const struct task *task = f->task;
    struct instance_pool *pool = find_pool(l, span_of(task->task_id));
    if (pool)
        return pool;
    size_t loops = service_loop_count(l), max = function_service_scale_max(task);
    size_t min = task->limits.scale_min < max ? task->limits.scale_min : max;
    pool = NEW(struct instance_pool);
    pool->loop = l;
    pool->function = function_ref(f);
    pool->share = function_share(max, l->index, loops);
    pool->keep = function_share(min, l->index, loops);
    pool->slot = (struct slot_waiter){.function = pool->function, .loop = l->loop, .granted = on_slot, .arg = pool};
    string_table_add(&l->pools, &pool->node, span_of(pool->function->task->task_id));
    return pool;
}

static void free_pool(struct instance_pool *pool) {
    struct service_loop *l = pool->loop;
    string_table_remove(&l->pools, &pool->node);
    loop_timer_cancel(pool->idle);
    loop_timer_cancel(pool->overdue);
    function_unref(pool->function);
    free(pool);
    if (l->closing && l->pools.count == 0)
        l->emptied(l);
}

// ---- starting

static bool has_room(const struct instance_pool *pool) {
    return pool->total < pool->share;
}

// Of a task that is unhealthy one worker at a time is tried, when its time has come.
static bool is_held_back(const struct instance_pool *pool, uint64_t now_us) {
    const struct task_health *health = &pool->function->health;
    bool lives = pool->total > pool->leaving;
    return task_health_is_unhealthy(health) && (lives || task_health_wait_ms(health, now_us) > 0);
}

static bool may_start(const struct instance_pool *pool) {
    uint64_t now_us = clock_monotonic_us();
    bool paused = pool->start_pause_us && pool->total > pool->leaving && now_us < pool->start_pause_us;
    return has_room(pool) && !paused && !is_held_back(pool, now_us);
}

// Nothing serves, and nothing will be started for a while. ERR_UNAVAILABLE says why.
static int check_health(const struct instance_pool *pool, uint32_t *ret_retry_after_s, struct err *e) {
    struct task_health *health = &pool->function->health;
    uint64_t now_us = clock_monotonic_us(), wait_ms = task_health_wait_ms(health, now_us);
    if (wait_ms == 0 || pool->total > pool->leaving)
        return 0;
    *ret_retry_after_s = (uint32_t)((wait_ms + 999) / 1000);
    return task_health_refuse(health, now_us, pool->function->task->name, e);
}

// ---- the node's instances

struct idlest {
    struct pool_member *member;
};

static void look_for_idlest(void *ctx, struct string_node *node) {
    struct idlest *found = ctx;
    struct pool_member *m = CONTAINER_OF(node, struct instance_pool, node)->ready_last;
    if (m && (!found->member || m->idle_since_us < found->member->idle_since_us))
        found->member = m;
}

static struct pool_member *idlest_of(struct service_loop *l) {
    struct idlest found = {0};
    string_table_each(&l->pools, look_for_idlest, &found);
    return found.member;
}

void instance_pool_make_room(struct service_loop *l) {
    if (!instance_slots_wanted(service_slots(l)))
        return;
    struct pool_member *idlest = idlest_of(l);
    if (idlest)
        pool_member_leave(idlest, service_settings(l)->node.stop_grace_ms);
}

static bool take_slot(struct instance_pool *pool) {
    if (pool->slot_in_hand) {
        pool->slot_in_hand = false;
        return true;
    }
    return instance_slots_take(service_slots(pool->loop), pool->function);
}

// There is one for it now, or as soon as an idle instance has made room.
static bool can_take_slot(struct instance_pool *pool) {
    struct instance_slots *slots = service_slots(pool->loop);
    return instance_slots_free(slots) || (!instance_slots_wanted(slots) && idlest_of(pool->loop));
}

static bool needs_slot(const struct instance_pool *pool) {
    if (pool->closing || !pool->queue_first)
        return false;
    return pool->queue_first->fresh ? has_room(pool) : pool->starting < pool->queued && may_start(pool);
}

static void on_slot(void *arg) {
    struct instance_pool *pool = arg;
    instance_slots_arrived(service_slots(pool->loop), &pool->slot);
    pool->in_line = false;
    pool->slot_in_hand = true;
    instance_pool_settle(pool);
}

// After everything that could be had was taken: waits for what is still missing, or no longer.
static void line_up(struct instance_pool *pool) {
    struct instance_slots *slots = service_slots(pool->loop);
    if (pool->slot_in_hand) {
        pool->slot_in_hand = false;
        instance_slots_give(slots, pool->function);
    }
    if (!needs_slot(pool)) {
        pool->in_line = pool->in_line && !instance_slots_leave(slots, &pool->slot);
    } else if (!pool->in_line) {
        pool->in_line = true;
        instance_slots_wait(slots, &pool->slot);
        instance_pool_make_room(pool->loop);
        service_make_room_elsewhere(pool->loop);
    }
}

// ---- serving

// For a call that wants an instance of its own.
static bool serve_fresh(struct instance_pool *pool, struct function_call *call) {
    if (!has_room(pool)) {
        if (pool->ready_last && pool->leaving == 0)
            pool_member_leave(pool->ready_last, service_settings(pool->loop)->node.stop_grace_ms);
        return false;
    }
    if (!take_slot(pool))
        return false;
    pool_queue_take_out(pool, call);
    pool_member_start(pool, call); // its deadline goes on
    return true;
}

static bool is_overdue(const struct pool_member *m, uint64_t now_us) {
    return m->state == MEMBER_RUNNING && now_us - m->running_since_us >= OVERDUE_MS * 1000;
}

// Where instances are scarce, or are being renewed, each one is free after every request, so that it can go.
static bool may_wait_behind(struct instance_pool *pool, const struct function_call *call) {
    bool must_pause = pool->has_old_code || instance_slots_wanted(service_slots(pool->loop));
    return !must_pause && !call->is_large && service_times_knows_guest(&pool->times);
}

// The one with the fewest requests that can take one more, and is quick enough; NULL: none.
static struct pool_member *find_busy(struct instance_pool *pool, const struct function_call *call) {
    uint64_t now_us = clock_monotonic_us();
    struct pool_member *found = NULL;
    if (!may_wait_behind(pool, call))
        return NULL;
    for (struct pool_member *m = pool->members; m; m = m->next) {
        bool is_better = !found || m->calls < found->calls;
        if (is_better && pool_member_takes(m, call) && !is_overdue(m, now_us) &&
            service_times_guest_us(&pool->times, m->calls) <= BEHIND_US)
            found = m;
    }
    return found;
}

// To wake an idle one costs more than to wait a moment behind a busy one, which is awake.
static struct pool_member *find_member(struct instance_pool *pool, const struct function_call *call) {
    struct pool_member *busy = find_busy(pool, call);
    if (busy && service_times_guest_us(&pool->times, busy->calls) <= MOMENT_US)
        return busy;
    return pool->ready_first ? pool->ready_first : busy;
}

static void on_overdue(void *arg) {
    struct instance_pool *pool = arg;
    uint64_t now_us = clock_monotonic_us();
    bool any = false;
    pool->overdue = NULL;
    for (struct pool_member *m = pool->members; m; m = m->next) {
        if (m->calls > 1 && is_overdue(m, now_us))
            pool_member_take_back(m); // they come back later, not from inside of this call
        else
            any |= m->calls > 1;
    }
    if (any)
        pool->overdue = loop_timer_start(pool->loop->loop, OVERDUE_MS, on_overdue, pool);
}

static void run_behind(struct pool_member *m, struct function_call *call) {
    struct instance_pool *pool = m->pool;
    pool_member_run(m, call);
    if (!pool->overdue)
        pool->overdue = loop_timer_start(pool->loop->loop, OVERDUE_MS, on_overdue, pool);
}

static bool serve(struct instance_pool *pool, struct function_call *call) {
    if (call->fresh)
        return serve_fresh(pool, call);
    struct pool_member *m = find_member(pool, call);
    if (!m)
        return false;
    if (pool_queue_shed_first(pool))
        return true;
    if (m->state == MEMBER_RUNNING) {
        run_behind(m, call);
        return true;
    }
    pool_queue_end_waiting(call);
    pool_member_run(m, call);
    return true;
}

// What scale.min wants is started while the node has room; nobody has to make some for it.
static void start_missing(struct instance_pool *pool) {
    while (pool->starting < pool->queued && may_start(pool) && take_slot(pool))
        pool_member_start(pool, NULL);
    while (pool->total - pool->leaving < pool->keep && !pool->keep_paused && may_start(pool) && take_slot(pool))
        pool_member_start(pool, NULL);
}

void instance_pool_hold(struct instance_pool *pool) {
    pool->holds++;
}

static void fail_unhealthy(struct instance_pool *pool) {
    uint32_t retry_after_s;
    struct err e;
    if (check_health(pool, &retry_after_s, &e) == 0)
        return;
    for (struct function_call *call = pool->queue_first; call; call = call->next)
        call->outcome.retry_after_s = retry_after_s;
    pool_queue_fail_all(pool, &e);
}

void instance_pool_release(struct instance_pool *pool) {
    while (!pool->closing && pool->queue_first && serve(pool, pool->queue_first))
        continue;
    if (!pool->closing && pool->queue_first)
        fail_unhealthy(pool);
    if (!pool->closing)
        start_missing(pool);
    if (!pool->closing && pool->has_old_code)
        pool_renewal_look(pool);
    line_up(pool);
    if (--pool->holds == 0 && pool->total == 0 && !pool->queue_first && !pool->in_line)
        free_pool(pool);
}

void instance_pool_settle(struct instance_pool *pool) {
    instance_pool_hold(pool);
    instance_pool_release(pool);
}

// ---- what members tell

static void on_idle(void *arg);

static void watch_idle(struct instance_pool *pool) {
    struct pool_member *m = pool->ready_last;
    if (!m || pool->idle || pool->closing || pool->total - pool->leaving <= pool->keep)
        return;
    uint64_t due_us = m->idle_since_us + pool->function->task->limits.scale_idle_ms * 1000;
    uint64_t now_us = clock_monotonic_us();
    uint64_t after_ms = due_us > now_us ? (due_us - now_us + 999) / 1000 : 0;
    pool->idle = loop_timer_start(pool->loop->loop, after_ms, on_idle, pool);
}

static void on_idle(void *arg) {
    struct instance_pool *pool = arg;
    uint64_t idle_us = pool->function->task->limits.scale_idle_ms * 1000;
    uint64_t now_us = clock_monotonic_us();
    pool->idle = NULL;
    while (pool->ready_last && pool->ready_last->idle_since_us + idle_us <= now_us &&
           pool->total - pool->leaving > pool->keep)
        pool_member_leave(pool->ready_last, service_settings(pool->loop)->node.stop_grace_ms);
    watch_idle(pool);
}

static void make_ready(struct pool_member *m) {
    struct instance_pool *pool = m->pool;
    m->state = MEMBER_READY;
    m->ready_next = pool->ready_first;
    if (m->ready_next)
        m->ready_next->ready_previous = m;
    else
        pool->ready_last = m;
    pool->ready_first = m;
}

// Others wait for an instance: an idle one goes at once; a busy one when it has had its turn, and they have too few.
static bool must_yield(const struct pool_member *m, uint64_t now_us) {
    const struct instance_pool *pool = m->pool;
    struct instance_slots *slots = service_slots(pool->loop);
    if (!instance_slots_wanted(slots))
        return false;
    bool had_its_turn = m->invocations > 0 && now_us - m->begun_us >= TURN_US;
    return !pool->queue_first || (had_its_turn && instance_slots_should_yield(slots, pool->function));
}

void instance_pool_released(struct pool_member *m) {
    struct instance_pool *pool = m->pool;
    if (pool_renewal_released(m)) {
        instance_pool_settle(pool);
        return;
    }
    make_ready(m);
    m->idle_since_us = clock_monotonic_us();
    if (must_yield(m, m->idle_since_us)) {
        pool_member_leave(m, service_settings(pool->loop)->node.stop_grace_ms);
    } else if (!pool->queue_first) {
        m->was_idle = true;
        watch_idle(pool);
    }
    instance_pool_settle(pool);
}

void instance_pool_started(struct pool_member *m) {
    struct instance_pool *pool = m->pool;
    pool->start_pause_us = 0;
    pool->keep_paused = false;
    if (!m->single_use)
        pool->starting--;
    if (m->single_use && m->call) {
        struct function_call *call = m->call;
        pool_queue_end_waiting(call);
        pool_member_run(m, call);
        return;
    }
    m->single_use = false; // whom it was for has gone: anybody's
    pool_renewal_started(m);
    instance_pool_released(m);
}

void instance_pool_start_failed(struct pool_member *m, const struct err *e) {
    struct instance_pool *pool = m->pool;
    service_count(pool->loop, SERVICE_STARTS_FAILED, 1);
    pool->keep_paused = true;
    if (m->single_use) {
        if (m->call)
            pool_queue_fail(m->call, e);
        return;
    }
    bool others_serve = pool->total > pool->leaving + pool->starting;
    if (others_serve)
        pool->start_pause_us = clock_monotonic_us() + START_PAUSE_US;
    else
        pool_queue_fail_all(pool, e);
}

// ---- requests

// An instance is, or will be, started for it.
static bool is_covered(struct instance_pool *pool, const struct function_call *call) {
    return (may_start(pool) && can_take_slot(pool)) || (!call->fresh && pool->starting > pool->queued);
}

static void reject(struct service_loop *l, struct function_call *call, const struct err *e) {
    call->rejected = true;
    call->pool = NULL;
    call->outcome.error = *e;
    service_finish(l, call);
}

static void submit(struct instance_pool *pool, struct function_call *call) {
    struct err e;
    call->pool = pool;
    call->is_large = pool_member_needs_all(call);
    pool->keep_paused = false;
    bool is_first = !pool->queue_first && !call->fresh;
    struct pool_member *m = is_first ? find_member(pool, call) : NULL;
    if (m && m->state == MEMBER_READY) {
        service_admitted(pool->loop, call);
        pool_member_run(m, call);
        return;
    }
    struct pool_member *busy = m;
    instance_pool_hold(pool);
    if (check_health(pool, &call->outcome.retry_after_s, &e) < 0) {
        service_count(pool->loop, SERVICE_REFUSED_UNHEALTHY, 1);
        reject(pool->loop, call, &e);
    } else if ((busy || !is_covered(pool, call)) && pool_queue_admit(pool, call, &e) < 0) {
        call->outcome.retry_after_s = pool_queue_retry_after_s(pool);
        reject(pool->loop, call, &e);
    } else if (busy) {
        service_admitted(pool->loop, call);
        run_behind(busy, call);
    } else {
        service_admitted(pool->loop, call);
        pool_queue_add(pool, call);
    }
    instance_pool_release(pool);
}

void instance_pool_submit(struct service_loop *l, struct function_call *call) {
    struct err e;
    if (l->closing) {
        err_set(&e, ERR_UNAVAILABLE, "this node is stopping");
        reject(l, call, &e);
    } else if (atomic_load(&call->function->deleted)) {
        err_set(&e, ERR_TASK_NOT_FOUND, "task %s was deleted", call->function->task->task_id);
        reject(l, call, &e);
    } else {
        submit(pool_of(l, call->function), call);
    }
}

void instance_pool_warm(struct service_loop *l, struct function *f) {
    if (!l->closing && !atomic_load(&f->deleted))
        instance_pool_settle(pool_of(l, f));
}

static void renew(void *ctx, struct string_node *node) {
    struct instance_pool *pool = CONTAINER_OF(node, struct instance_pool, node);
    (void)ctx;
    pool->has_old_code = true;
    if (!pool->closing)
        pool_renewal_look(pool); // frees no pool: who leaves is still to be stopped
}

void instance_pool_renew_all(struct service_loop *l) {
    string_table_each(&l->pools, renew, NULL);
}

void instance_pool_cancel(struct function_call *call) {
    struct instance_pool *pool = call->pool;
    struct err e;
    if (call->is_running) {
        pool_member_cancel(call);
        return;
    }
    err_set(&e, ERR_EXECUTION_TERMINATED, "execution %s was cancelled while it waited", call->record->execution_id);
    instance_pool_hold(pool);
    pool_queue_fail(call, &e);
    instance_pool_release(pool);
}

// ---- the end of a pool

static void close_pool(struct instance_pool *pool, uint64_t grace_ms, const struct err *e) {
    instance_pool_hold(pool);
    pool->closing = true;
    pool_queue_fail_all(pool, e);
    loop_timer_cancel(TAKE(pool->idle));
    for (struct pool_member *m = pool->members, *next; m; m = next) {
        next = m->next;
        if (m->call && !m->call->is_running)
            pool_queue_fail(m->call, e);
        if (m->state != MEMBER_BROKEN) // one that is broken leaves by itself
            pool_member_leave(m, grace_ms);
    }
    instance_pool_release(pool);
}

void instance_pool_drop(struct service_loop *l, struct span task_id) {
    struct instance_pool *pool = find_pool(l, task_id);
    struct err e;
    if (!pool)
        return;
    err_set(&e, ERR_TASK_NOT_FOUND, "task %s was deleted", pool->function->task->task_id);
    close_pool(pool, service_settings(l)->node.stop_grace_ms, &e);
}

struct closing {
    uint64_t grace_ms;
    struct err error;
};

static void close_one(void *ctx, struct string_node *node) {
    struct closing *closing = ctx;
    close_pool(CONTAINER_OF(node, struct instance_pool, node), closing->grace_ms, &closing->error);
}

void instance_pool_close_all(struct service_loop *l, uint64_t grace_ms) {
    struct closing closing = {.grace_ms = grace_ms};
    err_set(&closing.error, ERR_UNAVAILABLE, "this node is stopping");
    string_table_each(&l->pools, close_one, &closing);
    l->closing = true; // from now on the last pool that goes says so
    if (l->pools.count == 0)
        l->emptied(l);
}

// ---- what can be seen

struct visit {
    void (*each)(void *ctx, const struct instance_view *view);
    void *ctx;
    uint64_t now_us;
};

static void visit_member(const struct visit *visit, const struct pool_member *m) {
    bool is_idle = m->state == MEMBER_READY;
    struct instance_view view = {
        .instance_id = m->instance ? instance_id(m->instance) : "",
        .task = m->pool->function->task,
        .state = m->instance ? instance_state(m->instance) : INSTANCE_CREATING,
        .module_digest = m->instance ? instance_module_digest(m->instance) : "",
        .code = m->instance ? instance_code(m->instance) : RUNTIME_CODE_INTERPRETER,
        .pid = m->instance ? instance_pid(m->instance) : 0,
        .loop_index = m->pool->loop->index,
        .created_ms = m->created_ms,
        .invocations = m->invocations,
        .idle_ms = is_idle && m->idle_since_us < visit->now_us ? (visit->now_us - m->idle_since_us) / 1000 : 0,
        .execution_id = m->state == MEMBER_RUNNING && m->call ? m->call->record->execution_id : NULL,
    };
    visit->each(visit->ctx, &view);
}

static void visit_pool(void *ctx, struct string_node *node) {
    struct instance_pool *pool = CONTAINER_OF(node, struct instance_pool, node);
    for (struct pool_member *m = pool->members; m; m = m->next)
        visit_member(ctx, m);
}

void instance_pool_each(struct service_loop *l, void (*each)(void *ctx, const struct instance_view *view), void *ctx) {
    struct visit visit = {each, ctx, clock_monotonic_us()};
    string_table_each(&l->pools, visit_pool, &visit);
}
