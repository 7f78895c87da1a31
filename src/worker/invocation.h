// Role serve: a loaded module, and one invocation of it at a time, each from the module's initial state.
#ifndef SPEAR_WORKER_INVOCATION_H
#define SPEAR_WORKER_INVOCATION_H

#include "worker/engine.h"
#include "worker/first_state.h"
#include "worker/output_stream.h"
#include "worker/response_head.h"
#include "worker/shared.h"
#include "worker/wasi_table.h"

// Begins as all zero bytes.
struct server {
    const struct shared *shared;
    struct ring_server ring;
    struct engine *engine;
    struct engine_module *module;
    struct first_state state;    // and its instance
    struct guest guest;          // what host functions work on
    struct output_stream stream; // of its output, when that is streamed
    struct response_head head;   // of its answer, when it is given by calls
    struct wasi_table table;     // its descriptors
    struct wasi_grant grants[IPC_GRANTS_MAX];
    size_t grant_count;
    unsigned slot;           // of the running invocation
    struct guest_area reply; // where its typed results go
    struct span *strings;    // args and environment of the running invocation
    size_t strings_capacity;
    bool keeps_state;  // instance.reuse: an instance that returned normally serves the next invocation too
    bool spoiled;      // the last invocation left it in no state to be used again
    uint64_t renew_us; // what the last server_clean took for the state
    bool is_kept;      // the instance is that of an earlier invocation, as that one left it
};

enum { INVOCATION_EXIT_TRAP = 134, INVOCATION_EXIT_OTHER = 1 }; // exit codes of guests that had none to give

// `shared` and `spawn` outlive the server. ERR_INVALID_CONFIGURATION when the engine refuses the module.
int server_init(struct server *s, const struct shared *shared, const struct ipc_spawn *spawn, struct err *e);
// Runs the slot's invocation and fills its whole result, whatever the guest did. -1 only for a malformed message.
int server_invoke(struct server *s, unsigned slot, struct err *e);
// Takes down what the last invocation left, unless its state is to be kept, and makes the state for the next one. Call it after the answer is sent.
void server_clean(struct server *s);

#endif
