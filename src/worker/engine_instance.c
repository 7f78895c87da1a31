// Instances: the module's initial state, calls into it, its memory.
#include "worker/engine_internal.h"

#include "base/mem.h"

static int trap(WasmEdge_Result result, const char *where, struct err *e) {
    uint32_t code = WasmEdge_ResultGetCode(result);
    const char *words = WasmEdge_ResultGetMessage(result);
    if (code == WasmEdge_ErrCode_Unreachable)
        words = "unreachable executed";
    else if (code == WasmEdge_ErrCode_UndefinedElement)
        words = "call through a table index that is out of bounds";
    else if (code == WasmEdge_ErrCode_UninitializedElement)
        words = "call through an empty table entry";
    return err_set(e, ERR_RUNTIME_ERROR, "trap: %s%s", words, where);
}

static int instantiation_failed(WasmEdge_Result result, struct err *e) {
    uint32_t code = WasmEdge_ResultGetCode(result);
    if (code >= WasmEdge_ErrCode_WrongInstanceAddress)
        return trap(result, " in the start function", e);
    return err_set(e, ERR_RUNTIME_ERROR, "the module's initial state cannot be made: %s",
                   WasmEdge_ResultGetMessage(result));
}

// The engine answers a memory it could not reserve with one of no size.
static int check_memory(const struct engine_module *m, WasmEdge_ModuleInstanceContext *state, struct err *e) {
    if (!m->memory_name.Length)
        return 0;
    WasmEdge_MemoryInstanceContext *memory = WasmEdge_ModuleInstanceFindMemory(state, m->memory_name);
    if (memory && WasmEdge_MemoryInstanceGetPageSize(memory) >= m->memory_pages_min &&
        (m->memory_pages_min == 0 || WasmEdge_MemoryInstanceGetPointer(memory, 0, 1)))
        return 0;
    return err_set(e, ERR_RESOURCE_EXHAUSTED, "the guest's memory of %u pages (limit.memory_bytes) could not be had",
                   m->memory_pages_min);
}

int engine_instantiate(struct engine *g, const struct engine_module *m, struct engine_instance **ret, struct err *e) {
    WasmEdge_ModuleInstanceContext *state = NULL;
    WasmEdge_Result result = WasmEdge_ExecutorInstantiate(g->executor, &state, g->store, m->ast);
    int failed = 0;
    if (WasmEdge_ResultGetCode(result) == WasmEdge_ErrCode_Terminated)
        failed = err_set(e, ERR_EXECUTION_TERMINATED, "the guest left in its start function");
    else if (!WasmEdge_ResultOK(result))
        failed = instantiation_failed(result, e);
    else
        failed = check_memory(m, state, e);
    if (failed) {
        WasmEdge_ModuleInstanceDelete(state);
        return -1;
    }
    struct engine_instance *i = NEW(struct engine_instance);
    *i = (struct engine_instance){g, m, state, NULL};
    *ret = i;
    return 0;
}

void engine_instance_free(struct engine_instance *i) {
    if (!i)
        return;
    WasmEdge_ModuleInstanceDelete(i->state);
    engine_snapshot_free(i->snapshot);
    free(i);
}

struct engine_memory *engine_instance_memory(struct engine_instance *i, const struct engine_module *m) {
    return m->memory_name.Length ? (struct engine_memory *)WasmEdge_ModuleInstanceFindMemory(i->state, m->memory_name)
                                 : NULL;
}

int engine_memory_grow(struct engine_instance *i, const struct engine_module *m, uint32_t pages, uint32_t *ret_at,
                       struct err *e) {
    WasmEdge_MemoryInstanceContext *memory = WasmEdge_ModuleInstanceFindMemory(i->state, m->memory_name);
    uint32_t before = WasmEdge_MemoryInstanceGetPageSize(memory);
    if (!WasmEdge_ResultOK(WasmEdge_MemoryInstanceGrowPage(memory, pages)))
        return err_set(e, ERR_RESOURCE_EXHAUSTED, "limit.memory_bytes leaves no room for argv (%u pages of 64 KiB)",
                       pages);
    *ret_at = before * ENGINE_PAGE_BYTES;
    return 0;
}

int engine_call(struct engine_instance *i, struct span function, const struct engine_value *params,
                struct engine_value *results, bool *ret_exited, struct err *e) {
    WasmEdge_FunctionInstanceContext *f =
        WasmEdge_ModuleInstanceFindFunction(i->state, WasmEdge_StringWrap(function.p, (uint32_t)function.n));
    ASSERT(f);
    struct engine_signature s;
    engine_signature_from(WasmEdge_FunctionInstanceGetFunctionType(f), &s);
    ASSERT(s.param_count <= ENGINE_PARAMS_MAX && s.result_count <= ENGINE_PARAMS_MAX);
    WasmEdge_Value in[ENGINE_PARAMS_MAX], out[ENGINE_PARAMS_MAX];
    for (uint32_t n = 0; n < s.param_count; n++)
        in[n] = engine_value_to(&params[n]);
    WasmEdge_Result result = WasmEdge_ExecutorInvoke(i->engine->executor, f, in, s.param_count, out, s.result_count);
    *ret_exited = WasmEdge_ResultGetCode(result) == WasmEdge_ErrCode_Terminated;
    if (*ret_exited)
        return 0;
    if (!WasmEdge_ResultOK(result))
        return trap(result, "", e);
    for (uint32_t n = 0; n < s.result_count; n++)
        results[n] = engine_value_from(out[n], s.results[n]);
    return 0;
}

void *engine_memory_at(struct engine_memory *memory, uint32_t offset, uint64_t n) {
    if (!memory || n > UINT32_MAX)
        return NULL;
    return WasmEdge_MemoryInstanceGetPointer((WasmEdge_MemoryInstanceContext *)memory, offset, (uint32_t)n);
}
