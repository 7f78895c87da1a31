// One request for a function, from its admission to its answer.
//
// The HTTP side makes it, fills it and gives it to function_service_submit. From then on it belongs to the service, which
// calls `done` exactly once, last, on the loop that submitted it; `done` frees it with function_call_free. Everything the
// guest is given is the call's own or the task's; nothing is the exchange's.
#ifndef SPEAR_SPEARLET_FUNCTION_CALL_H
#define SPEAR_SPEARLET_FUNCTION_CALL_H

#include "base/arena.h"
#include "base/loop.h"
#include "spearlet/executions.h"
#include "spearlet/request_body.h"

enum { FUNCTION_CALL_MEMORY_MAX = 2 * 1024 * 1024 };

struct pool_member;

struct function_call {
    struct function *function;
    struct execution *record;
    struct arena memory;
    struct span function_name, params;
    const char *const *args;
    size_t arg_count;
    const char *const *environment;
    size_t environment_count;
    struct span payload;
    struct request_body *body; // that holds the payload
    bool is_async;
    bool fresh; // wants an instance of its own
    uint64_t time_ms, arrived_us, deadline_us;
    const char *time_name; // what time_ms is called: limit.time_ms, or the request's own
    unsigned attempts;     // that ended with a worker which had not taken it
    struct loop *home;
    // An asynchronous call has a place; maybe NULL. Before `done`, on the home loop.
    void (*admitted)(struct function_call *call);
    // Wants the output while it is written, piece by piece, before `done` on the home loop; NULL: whole, in the outcome. A piece is
    // valid during the call; call_output_taken lets the guest go on. Sees outcome.instance_id and has_head.
    void (*output)(struct function_call *call, struct span bytes);
    void (*done)(struct function_call *call);
    void *ctx;

    // How it ended, for `done`. Texts may be taken out of it.
    struct execution_outcome outcome;
    bool rejected; // never admitted: the queue was full, or the node is stopping
    bool has_head; // the output begins with header fields that the guest gave by calls

    // The service's.
    struct instance_pool *pool;            // while it waits or runs
    struct pool_member *member;            // that runs it, or starts for it alone
    struct function_call *previous, *next; // in the pool's queue, or among those its member was given
    bool is_queued;
    bool is_counted;          // in the queue's bound
    bool is_running;          // given to a member
    bool is_large;            // it is given only to a member that has nothing else
    struct loop *runs_on;     // since it is running
    struct loop_timer *timer; // of the deadline, while it waits
};

// Takes references on both.
struct function_call *function_call_new(struct function *f, struct execution *record);
void function_call_free(struct function_call *call);
// Sets the deadline: the task's limit, lowered by `timeout_ms`, which the request calls `name`, unless that is 0.
void function_call_set_deadline(struct function_call *call, uint64_t timeout_ms, const char *name);
// argv from the task. -1 past the memory's ceiling (ERR_INVALID_REQUEST).
int function_call_set_args(struct function_call *call, struct err *e);
// The body becomes the call's, and its bytes the payload.
void function_call_take_payload(struct function_call *call, struct request_body *body);

#endif
