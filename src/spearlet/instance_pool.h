// The instances of one task on one loop, and the requests that wait for them.
//
// A request takes a ready instance, else one is started while the loop's share of scale.max allows, else it waits, first
// come first served, until its deadline. Everything here runs on the pool's loop.
#ifndef SPEAR_SPEARLET_INSTANCE_POOL_H
#define SPEAR_SPEARLET_INSTANCE_POOL_H

#include "runtime/runtime.h"
#include "spearlet/function_call.h"

struct function_service;

// What a loop has of the service.
struct service_loop {
    struct function_service *service;
    size_t index;
    struct loop *loop;
    struct runtime *runtime;
    struct string_table pools; // by task id
    bool closing;
    void (*emptied)(struct service_loop *l); // when closing and the last pool has gone
};

// A request for the task: it will be finished (service_finish), now or later.
void instance_pool_submit(struct service_loop *l, struct function_call *call);
// Somebody waits for an instance of the node: the idlest one of this loop goes.
void instance_pool_make_room(struct service_loop *l);
// Starts what scale.min wants on this loop.
void instance_pool_warm(struct service_loop *l, struct function *f);
// There is better code for some task: instances move to it, one after the other (pool_renewal.h).
void instance_pool_renew_all(struct service_loop *l);
// Ends the call with ExecutionTerminated; a running guest is killed.
void instance_pool_cancel(struct function_call *call);
// The task is gone: who waits is told, and every instance stops.
void instance_pool_drop(struct service_loop *l, struct span task_id);
// Every pool goes: who waits gets ERR_UNAVAILABLE, instances stop. Calls l->emptied when none is left, maybe at once.
void instance_pool_close_all(struct service_loop *l, uint64_t grace_ms);

struct instance_view {
    const char *instance_id; // "" while it is being created
    const struct task *task;
    enum instance_state state;
    const char *module_digest;
    enum runtime_code code;
    int pid;
    size_t loop_index;
    int64_t created_ms;
    uint64_t invocations, idle_ms;
    const char *execution_id; // NULL unless it runs one
};
void instance_pool_each(struct service_loop *l, void (*each)(void *ctx, const struct instance_view *view), void *ctx);

#endif
