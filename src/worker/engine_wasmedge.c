// The engine, on WasmEdge's C API: its configuration and the host functions it gives to guests. Modules are in engine_module.c, instances in
// engine_instance.c.
//
// Proposals: the defaults, tail calls, extended constant expressions. Its own WASI is never registered.
#include "worker/engine_internal.h"

#include "base/mem.h"

const char *engine_name(void) {
    return "wasmedge " WASMEDGE_VERSION;
}

WasmEdge_ConfigureContext *engine_config_new(void) {
    WasmEdge_ConfigureContext *config = WasmEdge_ConfigureCreate();
    WasmEdge_ConfigureAddProposal(config, WasmEdge_Proposal_TailCall);
    WasmEdge_ConfigureAddProposal(config, WasmEdge_Proposal_ExtendedConst);
    return config;
}

// ---- host functions

static WasmEdge_Result call_host(void *this, void *data, const WasmEdge_CallingFrameContext *frame,
                                 const WasmEdge_Value *params, const uint32_t param_count, WasmEdge_Value *returns,
                                 const uint32_t return_count) {
    (void)data, (void)param_count, (void)return_count;
    const struct engine_binding *b = this;
    const struct engine_signature *s = &b->function->signature;
    if (b->engine->is_ahead && !b->function->needs_no_invocation) {
        b->engine->met_invocation = true;
        return WasmEdge_Result_Terminate;
    }
    struct engine_value in[ENGINE_PARAMS_MAX], out[ENGINE_PARAMS_MAX] = {{0}};
    for (uint32_t i = 0; i < s->param_count; i++)
        in[i] = engine_value_from(params[i], s->params[i]);
    bool leaves = false;
    b->function->fn(b->ctx, (struct engine_memory *)WasmEdge_CallingFrameGetMemoryInstance(frame, 0), in, out, &leaves);
    if (leaves)
        return WasmEdge_Result_Terminate;
    for (uint32_t i = 0; i < s->result_count; i++)
        returns[i] = engine_value_to(&out[i]);
    return WasmEdge_Result_Success;
}

static void add_host_function(WasmEdge_ModuleInstanceContext *host, struct engine_binding *binding) {
    const struct engine_signature *s = &binding->function->signature;
    WasmEdge_ValType params[ENGINE_PARAMS_MAX], results[ENGINE_PARAMS_MAX];
    for (uint32_t i = 0; i < s->param_count; i++)
        params[i] = engine_type_to(s->params[i]);
    for (uint32_t i = 0; i < s->result_count; i++)
        results[i] = engine_type_to(s->results[i]);
    WasmEdge_FunctionTypeContext *type = WasmEdge_FunctionTypeCreate(params, s->param_count, results, s->result_count);
    WasmEdge_FunctionInstanceContext *f = WasmEdge_FunctionInstanceCreateBinding(type, call_host, binding, NULL, 0);
    WasmEdge_ModuleInstanceAddFunction(
        host, WasmEdge_StringWrap(binding->function->name, (uint32_t)strlen(binding->function->name)), f);
    WasmEdge_FunctionTypeDelete(type);
}

// One host module: the functions from `first` on that name the same module. Returns how many those are.
static size_t add_host_module(struct engine *g, const struct engine_host_function *functions, size_t count,
                              size_t first, void *ctx) {
    const char *name = functions[first].module;
    WasmEdge_ModuleInstanceContext *host =
        WasmEdge_ModuleInstanceCreate(WasmEdge_StringWrap(name, (uint32_t)strlen(name)));
    size_t i = first;
    for (; i < count && strcmp(functions[i].module, name) == 0; i++) {
        g->bindings[i] = (struct engine_binding){g, &functions[i], ctx};
        add_host_function(host, &g->bindings[i]);
    }
    g->hosts = mem_realloc(g->hosts, (g->host_count + 1) * sizeof *g->hosts);
    g->hosts[g->host_count++] = host;
    ASSERT(WasmEdge_ResultOK(WasmEdge_ExecutorRegisterImport(g->executor, g->store, host)));
    return i - first;
}

void engine_set_ahead(struct engine *g, bool is_ahead) {
    g->is_ahead = is_ahead;
    g->met_invocation = false;
}

bool engine_met_invocation(const struct engine *g) {
    return g->met_invocation;
}

// ---- the engine

int engine_new(const struct engine_host_function *functions, size_t function_count, void *ctx,
               uint64_t memory_max_bytes, struct engine **ret, struct err *e) {
    if (memory_max_bytes < ENGINE_PAGE_BYTES)
        return err_set(e, ERR_INVALID_CONFIGURATION, "limit.memory_bytes %llu is less than one page of 65536",
                       (unsigned long long)memory_max_bytes);
    WasmEdge_LogOff();
    struct engine *g = NEW(struct engine);
    uint64_t pages = memory_max_bytes / ENGINE_PAGE_BYTES;
    g->config = engine_config_new();
    WasmEdge_ConfigureSetForceInterpreter(g->config, true);
    WasmEdge_ConfigureSetMaxMemoryPage(g->config, (uint32_t)(pages < ENGINE_PAGE_BYTES ? pages : ENGINE_PAGE_BYTES));
    g->executor = WasmEdge_ExecutorCreate(g->config, NULL);
    g->store = WasmEdge_StoreCreate();
    g->bindings = mem_calloc(function_count, sizeof *g->bindings);
    for (size_t i = 0; i < function_count;)
        i += add_host_module(g, functions, function_count, i, ctx);
    *ret = g;
    return 0;
}

void engine_free(struct engine *g) {
    if (!g)
        return;
    WasmEdge_ExecutorDelete(g->executor);
    WasmEdge_StoreDelete(g->store);
    for (size_t i = 0; i < g->host_count; i++)
        WasmEdge_ModuleInstanceDelete(g->hosts[i]);
    WasmEdge_ConfigureDelete(g->config);
    free(g->hosts);
    free(g->bindings);
    free(g);
}

void engine_warm_up(void) {
    // The smallest module with a function, from load to call: what the library sets up at first use is then shared by every worker.
    static const char module[] = "\0asm\1\0\0\0\1\4\1\x60\0\0\3\2\1\0\7\5\1\1f\0\0\12\4\1\2\0\13";
    struct engine *g = NULL;
    struct engine_module *m = NULL;
    struct engine_instance *i = NULL;
    bool exited;
    if (!engine_new(NULL, 0, NULL, ENGINE_PAGE_BYTES, &g, NULL) &&
        !engine_load(g, span_make(module, sizeof module - 1), &m, NULL) && !engine_instantiate(g, m, &i, NULL))
        engine_call(i, span_of("f"), NULL, NULL, &exited, NULL);
    ASSERT(i);
    engine_instance_free(i);
    engine_module_free(m);
    engine_free(g);
    engine_reset_try();
}
