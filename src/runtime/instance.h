// The inside of an instance and of a runtime, for the files that make them up: instance.c (life), instance_state.c (moves), invocation.c (one
// request), create_instance.c, runtime.c. Everything is bound to the runtime's loop.
#ifndef SPEAR_RUNTIME_INSTANCE_H
#define SPEAR_RUNTIME_INSTANCE_H

#include "base/digest.h"
#include "base/id.h"
#include "runtime/cpu_limit.h"
#include "runtime/module_store.h"
#include "runtime/native_store.h"
#include "runtime/shared.h"
#include "runtime/volume_store.h"
#include "runtime/worker.h"

struct runtime {
    struct runtime_shared *shared;
    struct loop *loop;
    struct artifact_source *source;
    struct worker_pump *pump;
    bool configured;
    struct instance *instances; // all there are
    unsigned holds;             // of all of them together: what must end before the runtime is closed
    uv_async_t *keep_alive;     // keeps the loop running
    bool closing, finishing, closed;
    void (*close_done)(void *ctx);
    void *close_ctx;
};

struct instance_waiter {
    struct instance_waiter *next;
    void (*done)(void *ctx, const struct err *e);
    void *ctx;
};

// In flight: it runs, or waits behind others in the worker's ring.
struct running_invocation {
    bool runs;
    uint64_t number; // in the order in which they were given
    char *execution_id;
    uint64_t begun_us, deadline_us, time_ms;
    const char *time_name;
    void (*output)(void *ctx, struct span bytes, bool has_head); // NULL: gathered
    void (*done)(void *ctx, struct invocation_result *result, const struct err *e);
    void *ctx;
};

struct instance {
    struct runtime *runtime;
    struct instance *previous, *next; // of the runtime
    unsigned references;              // the users'
    unsigned holds;                   // ours: creation, worker, waiters, posts
    enum instance_state state;
    uint64_t state_since_us;
    char id[UUID_TEXT + 1];
    char *task_id;
    char digest[SHA256_HEX + 1];
    struct task_limits limits;
    struct module *module;
    struct native *native;                   // of it; NULL: aot=off
    struct native_code *code;                // that its worker runs, or ran; NULL: the interpreter
    struct volume *volumes[TASK_GRANTS_MAX]; // of limits.grants
    struct worker_grant grants[TASK_GRANTS_MAX];
    size_t volume_count;
    struct worker *worker;
    struct instance_waiter *start_waiters, *stop_waiters;
    struct loop_timer *stop_timer;
    uint64_t stop_until_us, stop_grace_ms;
    struct running_invocation running[IPC_RING_SLOTS]; // by slot
    unsigned running_count;
    uint64_t invocation_number;        // of the newest
    struct cpu_limit *cpu;             // of the oldest
    struct loop_timer *deadline_timer; // due at the first deadline, or earlier
    uint64_t deadline_timer_us;        // when it is due
    void (*changed)(void *ctx, struct instance *instance, enum instance_state state);
    void *changed_ctx;
};

// ---- instance.c
struct instance *instance_new(struct runtime *r,
                              const struct instance_config *config); // creating, one hold, no reference
void instance_give_back(struct instance *i);                         // its module and its volumes
void instance_hold(struct instance *i);
void instance_release(struct instance *i); // may free it, and complete the runtime's closing
extern const struct worker_events instance_worker_events;

// ---- instance_state.c: the legal moves
void instance_move_created(struct instance *i);
void instance_move_creation_failed(struct instance *i);
void instance_move_starting(struct instance *i);
void instance_move_started(struct instance *i);
void instance_move_start_failed(struct instance *i);
void instance_move_running(struct instance *i);
void instance_move_ran(struct instance *i);
void instance_move_unhealthy(struct instance *i);
void instance_move_stopping(struct instance *i);
void instance_move_stopped(struct instance *i);

// ---- invocation.c
// The worker answered. The move back to ready is done here.
void invocation_answered(struct instance *i, unsigned slot, struct worker_result *result);
// A piece of its streamed output came.
void invocation_output(struct instance *i, unsigned slot, struct span bytes, bool has_head);
// Those behind the oldest that have not begun are done, later, without having begun.
void invocations_take_back(struct instance *i, const struct err *why);
// The worker is gone. Called after the instance moved on.
void invocations_lost(struct instance *i, const struct worker *ended, const struct err *why);

// ---- runtime.c
void runtime_check_closed(struct runtime *r);

#endif
