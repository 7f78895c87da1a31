// What the files of the engine share (engine_*.c only): WasmEdge's C API (0.14.1 is what was measured) and what stands behind the opaque types of
// engine.h. The one place that includes the API; version differences are settled here.
#ifndef SPEAR_WORKER_ENGINE_INTERNAL_H
#define SPEAR_WORKER_ENGINE_INTERNAL_H

#include "worker/engine.h"

#include <wasmedge/wasmedge.h>

enum { ENGINE_PAGE_BYTES = 65536 };

struct engine_binding {
    struct engine *engine;
    const struct engine_host_function *function;
    void *ctx;
};

struct engine {
    WasmEdge_ConfigureContext *config;
    WasmEdge_ExecutorContext *executor;
    WasmEdge_StoreContext *store;
    WasmEdge_ModuleInstanceContext **hosts;
    size_t host_count;
    struct engine_binding *bindings; // one a function
    bool is_ahead, met_invocation;   // see engine_set_ahead
};

struct engine_export {
    struct span name;
    struct engine_signature signature;
};

struct engine_module {
    WasmEdge_ASTModuleContext *ast;
    struct engine_export *functions;
    size_t function_count;
    WasmEdge_String memory_name; // of an exported memory; Length 0: there is none
    uint32_t memory_pages_min;
    bool is_undoable; // preparation found no code whose effect a reset could not reach
    WasmEdge_String reset_memory, *reset_globals;
    size_t reset_global_count;
};

struct engine_instance {
    struct engine *engine;
    const struct engine_module *module;
    WasmEdge_ModuleInstanceContext *state;
    struct engine_snapshot *snapshot; // NULL: none was taken
};

// Accepts NULL.
void engine_snapshot_free(struct engine_snapshot *s);
// Tries out on a module of our own whether a reset does all it has to; until that went well, nothing can be reset. Kept by a fork.
void engine_reset_try(void);

// The proposals that a module may use, for loading and compiling alike; the caller deletes it.
WasmEdge_ConfigureContext *engine_config_new(void);
// Validates what was loaded and makes a module of it, or deletes it.
int engine_module_make(WasmEdge_ConfigureContext *config, WasmEdge_ASTModuleContext *ast, struct engine_module **ret,
                       struct err *e);

// Types and values as the API has them. The types are those a signature can have: anything but ENGINE_OTHER.
enum engine_type engine_type_from(WasmEdge_ValType type);
WasmEdge_ValType engine_type_to(enum engine_type type);
WasmEdge_Value engine_value_to(const struct engine_value *value);
struct engine_value engine_value_from(WasmEdge_Value value, enum engine_type type);
void engine_signature_from(const WasmEdge_FunctionTypeContext *type, struct engine_signature *ret);

#endif
