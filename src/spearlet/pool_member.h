// An instance in its pool: started, ready, running, and on its way out. Shared by instance_pool.c, pool_queue.c, pool_member.c
// and call_output.c only.
//
//   STARTING ─▶ READY ⇄ RUNNING        any ─▶ LEAVING ─▶ freed
//               READY ─▶ BROKEN ─▶ LEAVING   (its worker died while it was idle)
//
// A member is freed when it is LEAVING, its instance has stopped and no callback of the runtime is due any more.
#ifndef SPEAR_SPEARLET_POOL_MEMBER_H
#define SPEAR_SPEARLET_POOL_MEMBER_H

#include "spearlet/function_service.h"
#include "spearlet/service_times.h"

struct instance_pool {
    struct string_node node; // by task id
    struct service_loop *loop;
    struct function *function;
    size_t share, keep; // of scale.max and scale.min
    struct pool_member *members;
    size_t total;                                 // all members
    size_t starting;                              // of them STARTING for whoever waits
    size_t leaving;                               // of them LEAVING or BROKEN
    struct pool_member *ready_first, *ready_last; // the one used last stands first
    struct function_call *queue_first, *queue_last;
    size_t queued;                // calls in the queue that share instances
    struct loop_timer *idle;      // when the first idle instance is due, or earlier
    uint64_t start_pause_us;      // no instance is added before this
    bool has_old_code;            // there is better code than that of some instance, or there may be
    struct pool_member *renewing; // started to take an older one's place, with better code; or NULL
    size_t renewed;               // started so, while those to go were all running: the next of them leave
    bool keep_paused;             // starting one for scale.min failed: not before the next request
    struct slot_waiter slot;      // for one more of the node's instances
    bool in_line;                 // waits for it, or it is on its way
    bool slot_in_hand;            // it has come, and is not used yet
    struct service_times times;
    struct loop_timer *overdue; // looks for requests behind one that takes long
    unsigned holds;             // by who goes on with it; it is not freed before
    bool closing;
};

enum pool_member_state { MEMBER_STARTING, MEMBER_READY, MEMBER_RUNNING, MEMBER_BROKEN, MEMBER_LEAVING };

struct pool_member {
    struct instance_pool *pool;
    struct pool_member *previous, *next;             // pool->members
    struct pool_member *ready_previous, *ready_next; // while READY
    enum pool_member_state state;
    struct instance *instance;  // NULL until it is created
    struct function_call *call; // that it runs, or starts for alone: the first of those it was given
    struct function_call *last_call;
    size_t calls; // it was given
    bool single_use;
    bool stop_sent;
    bool was_idle; // served nobody when it had started
    unsigned callbacks_due;
    uint64_t grace_ms;
    int64_t created_ms;
    uint64_t begun_us, idle_since_us, running_since_us, invocations, answers;
};

// pool_member.c
void pool_member_start(struct instance_pool *pool, struct function_call *only_for); // counts it in the pool
// READY, or just started; or RUNNING and able to take one more, which waits behind the others then.
void pool_member_run(struct pool_member *m, struct function_call *call);
bool pool_member_takes(const struct pool_member *m, const struct function_call *call); // one more, while it runs others
bool pool_member_needs_all(const struct function_call *call);                          // for function_call.is_large
void pool_member_take_back(struct pool_member *m);                // those that wait behind what it runs
void pool_member_leave(struct pool_member *m, uint64_t grace_ms); // harmless when it leaves already
void pool_member_cancel(struct function_call *call);              // that it was given

// pool_queue.c: requests that wait. None of them settles the pool, but a deadline that passes.
// Lets the request wait by the limits of task and node, or not: ERR_RESOURCE_EXHAUSTED says which, and the value.
int pool_queue_admit(struct instance_pool *pool, struct function_call *call, struct err *e);
void pool_queue_add(struct instance_pool *pool, struct function_call *call);
void pool_queue_add_first(struct instance_pool *pool, struct function_call *call); // it waited before
void pool_queue_take_out(struct instance_pool *pool, struct function_call *call);  // its deadline goes on
// It waits no more, whatever comes now: out of the queue, or away from the instance that starts for it alone.
void pool_queue_end_waiting(struct function_call *call);
void pool_queue_fail(struct function_call *call, const struct err *e);
void pool_queue_fail_all(struct instance_pool *pool, const struct err *e);
// It waits behind others in a member: out of the queue, but its place stays counted until pool_queue_begin.
void pool_queue_wait_behind(struct function_call *call);
void pool_queue_begin(struct function_call *call);
// True when the first one would be late for certain: it has been told so.
bool pool_queue_shed_first(struct instance_pool *pool);
// When it is worth asking again, by how long the queue takes to drain.
uint32_t pool_queue_retry_after_s(const struct instance_pool *pool);

// instance_pool.c
// While somebody goes on with a pool that what he calls may empty; release settles it, and is his last call on it.
void instance_pool_hold(struct instance_pool *pool);
void instance_pool_release(struct instance_pool *pool);
void instance_pool_started(struct pool_member *m);
void instance_pool_start_failed(struct pool_member *m, const struct err *e); // the member is LEAVING already
void instance_pool_released(struct pool_member *m);                          // its call is over; it is not LEAVING
void instance_pool_settle(
    struct instance_pool *pool); // something changed: serves, starts, or goes away; last call on it

#endif
