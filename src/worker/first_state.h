// The instance that serves a worker's invocations, each of which finds the module's first state.
//
// The first invocation makes it, so that whatever the module's start does (its start function, and `_initialize` of a reactor) happens
// under an invocation's deadline and output. Once that went well, the state for the next one is made off the request's way, after the answer: the instance is
// put back where the module allows it, else a new one is made. What the start asks of an invocation (arguments, environment, time, random bytes,
// output) is asked anew each time: a start function that asks is run by the invocation, and so is such an `_initialize`.
#ifndef SPEAR_WORKER_FIRST_STATE_H
#define SPEAR_WORKER_FIRST_STATE_H

#include "ipc/worker_protocol.h"
#include "worker/engine.h"

// Begins as all zero bytes.
struct first_state {
    struct engine *engine;
    const struct engine_module *module;
    struct engine_instance *instance; // NULL: the next invocation makes it
    enum ipc_state source;            // of what `instance` holds: IPC_STATE_NONE … IPC_STATE_RESET
    bool is_reactor;                  // exports _initialize and no _start
    bool is_initialized;              // `instance` has run it, or needs not to
    bool is_tried;                    // an invocation has run the whole start, and it went well
    bool start_asks, initialize_asks; // … for something of an invocation's
    bool remembers_initialized;       // what `instance` can be put back to is after _initialize
};

void first_state_init(struct first_state *f, struct engine *engine, const struct engine_module *module);
// For an invocation: f->instance is there, its start done. -1 as engine_instantiate and engine_call; an exit in _initialize is 0.
int first_state_have(struct first_state *f, struct err *e);
// After an invocation: the first state again, for the next one. `f->instance` may be any or NULL.
void first_state_renew(struct first_state *f);

#endif
