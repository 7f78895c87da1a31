// The queue of a task on one loop: who is let in, until when he waits, and who would wait in vain.
//
// Two ceilings bound it, the task's own (`queue.max`) and the node's (`queue-max`), of which one task may take no more places than it leaves
// free. What is said of the time to come is a lower bound, from the fastest of the last requests: a request is turned away only when it would be
// late even if everybody before it were that fast. Next step: instance_pool.c, which serves the queue.
#include "base/clock.h"
#include "base/mem.h"
#include "spearlet/pool_member.h"

#include <inttypes.h>

enum { RETRY_AFTER_MAX_S = 60 };

// ---- in and out

static void link_first(struct instance_pool *pool, struct function_call *call) {
    call->previous = NULL;
    call->next = pool->queue_first;
    if (call->next)
        call->next->previous = call;
    else
        pool->queue_last = call;
    pool->queue_first = call;
}

static void link_last(struct instance_pool *pool, struct function_call *call) {
    call->previous = pool->queue_last;
    call->next = NULL;
    if (pool->queue_last)
        pool->queue_last->next = call;
    else
        pool->queue_first = call;
    pool->queue_last = call;
}

static void uncount(struct function_call *call, struct service_loop *l) {
    if (!call->is_counted)
        return;
    call->is_counted = false;
    atomic_fetch_sub(&call->function->waiting, 1);
    service_count(l, SERVICE_QUEUED, -1);
}

static void unlink_call(struct instance_pool *pool, struct function_call *call) {
    if (call->previous)
        call->previous->next = call->next;
    else
        pool->queue_first = call->next;
    if (call->next)
        call->next->previous = call->previous;
    else
        pool->queue_last = call->previous;
    call->is_queued = false;
    if (!call->fresh)
        pool->queued--;
}

void pool_queue_take_out(struct instance_pool *pool, struct function_call *call) {
    unlink_call(pool, call);
    uncount(call, pool->loop);
}

void pool_queue_end_waiting(struct function_call *call) {
    loop_timer_cancel(TAKE(call->timer));
    service_count(call->pool->loop, SERVICE_WAITING, -1);
    if (call->is_queued)
        pool_queue_take_out(call->pool, call);
    if (call->member) {
        call->member->call = NULL;
        call->member = NULL;
    }
}

void pool_queue_wait_behind(struct function_call *call) {
    if (!call->is_queued) {
        service_count(call->pool->loop, SERVICE_WAITING, 1);
        return;
    }
    loop_timer_cancel(TAKE(call->timer)); // the runtime watches its deadline
    unlink_call(call->pool, call);
}

void pool_queue_begin(struct function_call *call) {
    service_count(call->pool->loop, SERVICE_WAITING, -1);
    uncount(call, call->pool->loop);
}

void pool_queue_fail(struct function_call *call, const struct err *e) {
    struct service_loop *l = call->pool->loop;
    pool_queue_end_waiting(call);
    call->pool = NULL;
    call->outcome.error = *e;
    service_finish(l, call);
}

void pool_queue_fail_all(struct instance_pool *pool, const struct err *e) {
    while (pool->queue_first)
        pool_queue_fail(pool->queue_first, e);
}

static void on_deadline(void *arg) {
    struct function_call *call = arg;
    struct instance_pool *pool = call->pool;
    struct err e;
    call->timer = NULL;
    err_set(&e, ERR_EXECUTION_TIMEOUT,
            "%s (%" PRIu64 " ms) passed while the request waited for an instance of task \"%s\" "
            "(%zu on this loop: %zu starting, %zu stopping)",
            call->time_name, call->time_ms, pool->function->task->name, pool->total, pool->starting, pool->leaving);
    instance_pool_hold(pool);
    pool_queue_fail(call, &e);
    instance_pool_release(pool);
}

static uint64_t left_us(const struct function_call *call, uint64_t now_us) {
    return call->deadline_us > now_us ? call->deadline_us - now_us : 0;
}

static void begin_waiting(struct instance_pool *pool, struct function_call *call) {
    call->is_queued = true;
    if (!call->fresh)
        pool->queued++;
    service_count(pool->loop, SERVICE_WAITING, 1);
    uint64_t after_ms = (left_us(call, clock_monotonic_us()) + 999) / 1000;
    call->timer = loop_timer_start(pool->loop->loop, after_ms, on_deadline, call);
}

void pool_queue_add(struct instance_pool *pool, struct function_call *call) {
    link_last(pool, call);
    begin_waiting(pool, call);
}

void pool_queue_add_first(struct instance_pool *pool, struct function_call *call) {
    link_first(pool, call);
    begin_waiting(pool, call);
}

// ---- who would be late

static uint64_t ms(uint64_t us) {
    return us / 1000;
}

bool pool_queue_shed_first(struct instance_pool *pool) {
    struct function_call *call = pool->queue_first;
    uint64_t now_us = clock_monotonic_us(), fastest_us = service_times_fastest_us(&pool->times, now_us);
    struct err e;
    if (!call || call->fresh || left_us(call, now_us) >= fastest_us)
        return false;
    err_set(&e, ERR_EXECUTION_TIMEOUT,
            "not begun: of %s (%" PRIu64 " ms) %" PRIu64
            " ms were left after waiting, and the fastest of the last %u requests took %" PRIu64 " ms",
            call->time_name, call->time_ms, ms(left_us(call, now_us)), service_times_count(&pool->times),
            ms(fastest_us));
    service_count(pool->loop, SERVICE_SHED_WAITING, 1);
    pool_queue_fail(call, &e);
    return true;
}

// Everybody before it has to be served, by no more instances than this loop may have, and then itself.
static int check_time(struct instance_pool *pool, const struct function_call *call, struct err *e) {
    uint64_t now_us = clock_monotonic_us(), fastest_us = service_times_fastest_us(&pool->times, now_us);
    uint64_t least_us = (pool->queued / (pool->share ? pool->share : 1) + 1) * fastest_us;
    if (call->fresh || least_us <= left_us(call, now_us))
        return 0;
    service_count(pool->loop, SERVICE_SHED_ADMISSION, 1);
    return err_set(e, ERR_RESOURCE_EXHAUSTED,
                   "the request would be late: of %s (%" PRIu64 " ms) %" PRIu64
                   " ms are left, %zu requests of task \"%s\" wait before it, and "
                   "the fastest of the last %u took %" PRIu64 " ms",
                   call->time_name, call->time_ms, ms(left_us(call, now_us)), pool->queued, pool->function->task->name,
                   service_times_count(&pool->times), ms(fastest_us));
}

// ---- who is let in

static int queue_is_full(const struct function_call *call, struct err *e) {
    const struct task *task = call->function->task;
    return err_set(e, ERR_RESOURCE_EXHAUSTED, "the queue of task \"%s\" is full: queue.max = %" PRIu32 " requests wait",
                   task->name, task->limits.queue_max);
}

static int node_is_full(const struct function_call *call, size_t of_task, size_t of_node, size_t max, struct err *e) {
    return err_set(e, ERR_RESOURCE_EXHAUSTED,
                   "the node's queue has no place for task \"%s\": of queue-max = %zu places %zu are taken, %zu of "
                   "them by this task, which may "
                   "take no more than it leaves free",
                   call->function->task->name, max, of_node, of_task);
}

int pool_queue_admit(struct instance_pool *pool, struct function_call *call, struct err *e) {
    struct service_loop *l = pool->loop;
    size_t node_max = service_settings(l)->queue_max;
    if (check_time(pool, call, e) < 0)
        return -1;
    size_t of_task = atomic_fetch_add(&call->function->waiting, 1);
    size_t of_node = service_enter_queue(l);
    call->is_counted = true;
    if (of_task >= call->function->task->limits.queue_max)
        queue_is_full(call, e);
    else if (of_node >= node_max || of_task >= node_max - of_node)
        node_is_full(call, of_task, of_node, node_max, e);
    else
        return 0;
    uncount(call, l);
    return -1;
}

uint32_t pool_queue_retry_after_s(const struct instance_pool *pool) {
    size_t serving = pool->total > pool->leaving ? pool->total - pool->leaving : 1;
    uint64_t drained_us = pool->queued * service_times_mean_us(&pool->times) / serving;
    uint64_t seconds = (drained_us + 999999) / 1000000;
    return seconds < 1 ? 1 : seconds > RETRY_AFTER_MAX_S ? RETRY_AFTER_MAX_S : (uint32_t)seconds;
}
