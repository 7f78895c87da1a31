// The engine behind the worker: about a dozen functions. A second engine is one more file that implements them.
//
// One thread. An engine_module is loaded and validated once; an engine_instance is the module's initial state, made anew per invocation (or kept). Host
// functions come from host_module tables (worker/host.h), whose functions get the instance's memory through engine_memory.
#ifndef SPEAR_WORKER_ENGINE_H
#define SPEAR_WORKER_ENGINE_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

enum engine_type { ENGINE_I32, ENGINE_I64, ENGINE_F32, ENGINE_F64, ENGINE_OTHER };

struct engine_value {
    enum engine_type type;
    union {
        int32_t i32;
        int64_t i64;
        float f32;
        double f64;
    } of;
};

enum { ENGINE_PARAMS_MAX = 16 };
struct engine_signature {
    enum engine_type params[ENGINE_PARAMS_MAX], results[ENGINE_PARAMS_MAX];
    uint32_t param_count,
        result_count; // more than ENGINE_PARAMS_MAX of either: the export cannot be called from outside
};

// A function that the host gives to guests. `ctx` is the one of engine_new. Sets *ret_exit to leave the guest (proc_exit).
struct engine_memory;
typedef void engine_host_fn(void *ctx, struct engine_memory *memory, const struct engine_value *params,
                            struct engine_value *results, bool *ret_exit);
struct engine_host_function {
    const char *module, *name;
    struct engine_signature signature;
    engine_host_fn *fn;
    bool
        needs_no_invocation; // it tells the same whenever it is called: it may be called before there is an invocation (engine_set_ahead)
};

struct engine;
struct engine_module;
struct engine_instance;

// Once per process (the zygote does it before it forks): loads what is costly.
void engine_warm_up(void);
const char *engine_name(void); // "wasmedge 0.14.1"
// What native code is bound to beside the processor: the engine's version, and a number that changes with how it is told to compile.
const char *engine_code_name(void);

int engine_new(const struct engine_host_function *functions, size_t function_count, void *ctx,
               uint64_t memory_max_bytes, struct engine **ret, struct err *e);
void engine_free(struct engine *g);
// Loads and validates prepared bytes (always as bytecode: native code in a module is never run). ERR_INVALID_CONFIGURATION with the engine's words.
int engine_load(struct engine *g, struct span module, struct engine_module **ret, struct err *e);
// As engine_load, but only to know: on refusal *ret_offset is where in the bytes the fault is, or -1, and e says more. Slower; writes to stdout meanwhile are lost.
int engine_check(struct engine *g, struct span module, int64_t *ret_offset, struct err *e);
// Compiles prepared bytes into the shared library `path`, with temporary files beside it. Once per process: a second time may crash. Not interruptible
// and without counting, as engine_load_native has it run. ERR_RUNTIME_ERROR with the engine's words.
enum engine_level { ENGINE_LEVEL_O0, ENGINE_LEVEL_O2 };
int engine_compile(struct span module, enum engine_level level, const char *path, struct err *e);
// As engine_load, of a file that engine_compile has made. It is machine code and runs as it is: only from a place that no guest can write to.
int engine_load_native(struct engine *g, const char *path, struct engine_module **ret, struct err *e);
void engine_module_free(struct engine_module *m);
// The exported function's signature; false when there is no such export, or it is not a function.
bool engine_export(const struct engine_module *m, struct span name, struct engine_signature *ret);
// Calls f for each exported function.
void engine_each_export(const struct engine_module *m,
                        void (*f)(void *ctx, struct span name, const struct engine_signature *signature), void *ctx);
// The initial state (data and element segments, start function). A start function that traps is ERR_RUNTIME_ERROR naming the trap; a memory that could not be had
// is ERR_RESOURCE_EXHAUSTED naming limit.memory_bytes; a start function that left through a host function is ERR_EXECUTION_TERMINATED.
int engine_instantiate(struct engine *g, const struct engine_module *m, struct engine_instance **ret, struct err *e);
void engine_instance_free(struct engine_instance *i);
// Makes state for an invocation that is not there yet: while set, a guest that calls a host function that needs one is left at that call, before anything
// is done, and engine_met_invocation tells. Setting it, or not, forgets what was met.
void engine_set_ahead(struct engine *g, bool is_ahead);
bool engine_met_invocation(const struct engine *g);
// Remembers the instance's state as it is: memory, every mutable global. False when it cannot be put back: the module's code may change more than that, or the
// system does not allow it. Once an instance.
bool engine_remember(struct engine_instance *i);
// Puts the instance back to the remembered state, growth of its memory included, whatever an invocation did and however it ended. False when there is none, or it
// cannot be: the instance is of no use then but to be freed.
bool engine_reset(struct engine_instance *i);
// Calls an export with values that fit its signature. 0 on a normal return or when a host function left the guest (*ret_exited); ERR_RUNTIME_ERROR with the trap.
int engine_call(struct engine_instance *i, struct span function, const struct engine_value *params,
                struct engine_value *results, bool *ret_exited, struct err *e);
// The instance's exported memory, or NULL. Valid until the instance is freed.
struct engine_memory *engine_instance_memory(struct engine_instance *i, const struct engine_module *m);
// Adds pages of 64 KiB to the exported memory; *ret_at is the first new byte. ERR_RESOURCE_EXHAUSTED past limit.memory_bytes.
int engine_memory_grow(struct engine_instance *i, const struct engine_module *m, uint32_t pages, uint32_t *ret_at,
                       struct err *e);
// [offset, offset + n) of the calling guest's memory, or NULL when it is not wholly inside (or the guest has no memory).
void *engine_memory_at(struct engine_memory *memory, uint32_t offset, uint64_t n);

#endif
