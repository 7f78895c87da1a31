// An instance in its pool: started, ready, running, and on its way out. Shared by instance_pool.c, pool_member.c and
// call_output.c only.
//
//   STARTING ─▶ READY ⇄ RUNNING        any ─▶ LEAVING ─▶ freed
//               READY ─▶ BROKEN ─▶ LEAVING   (its worker died while it was idle)
//
// A member is freed when it is LEAVING, its instance has stopped and no callback of the runtime is due any more.
#ifndef SPEAR_SPEARLET_POOL_MEMBER_H
#define SPEAR_SPEARLET_POOL_MEMBER_H

#include "spearlet/function_service.h"

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
    size_t queued;           // calls in the queue that share instances
    struct loop_timer *idle; // when the first idle instance is due, or earlier
    uint64_t start_pause_us; // no instance is added before this
    bool keep_paused;        // starting one for scale.min failed: not before the next request
    bool closing;
};

enum pool_member_state { MEMBER_STARTING, MEMBER_READY, MEMBER_RUNNING, MEMBER_BROKEN, MEMBER_LEAVING };

struct pool_member {
    struct instance_pool *pool;
    struct pool_member *previous, *next;             // pool->members
    struct pool_member *ready_previous, *ready_next; // while READY
    enum pool_member_state state;
    struct instance *instance;  // NULL until it is created
    struct function_call *call; // that it runs, or starts for alone
    bool single_use;
    bool stop_sent;
    bool was_idle; // served nobody when it had started
    unsigned callbacks_due;
    uint64_t grace_ms;
    int64_t created_ms;
    uint64_t begun_us, idle_since_us, invocations;
};

// pool_member.c
void pool_member_start(struct instance_pool *pool, struct function_call *only_for); // counts it in the pool
void pool_member_run(struct pool_member *m, struct function_call *call);            // READY or just started
void pool_member_leave(struct pool_member *m, uint64_t grace_ms);                   // harmless when it leaves already
void pool_member_cancel(struct pool_member *m);                                     // what it runs

// instance_pool.c
void instance_pool_started(struct pool_member *m);
void instance_pool_start_failed(struct pool_member *m, const struct err *e); // the member is LEAVING already
void instance_pool_again(struct instance_pool *pool,
                         struct function_call *call); // to the head of the queue; settle it afterwards
void instance_pool_released(struct pool_member *m);   // its call is over; it is not LEAVING
void instance_pool_settle(
    struct instance_pool *pool); // something changed: serves, starts, or goes away; last call on it

#endif
