// The engine, on WasmEdge's C API (0.14.1 is what was measured). The only file that includes it.
//
// Bytecode only: native code inside a module is never run (ForceInterpreter; the parser has removed it before as well). Proposals: the
// defaults, tail calls, extended constant expressions. Its own WASI is never registered.
#include "worker/engine.h"

#include "base/mem.h"
#include "worker/engine_log.h"

#include <wasmedge/wasmedge.h>

enum { PAGE_BYTES = 65536 };

struct binding {
    const struct engine_host_function *function;
    void *ctx;
};

struct engine {
    WasmEdge_ConfigureContext *config;
    WasmEdge_ExecutorContext *executor;
    WasmEdge_StoreContext *store;
    WasmEdge_ModuleInstanceContext **hosts;
    size_t host_count;
    struct binding *bindings; // one a function
};

struct export {
    struct span name;
    struct engine_signature signature;
};

struct engine_module {
    WasmEdge_ASTModuleContext *ast;
    struct export *functions;
    size_t function_count;
    WasmEdge_String memory_name; // of an exported memory; Length 0: there is none
    uint32_t memory_pages_min;
};

struct engine_instance {
    struct engine *engine;
    WasmEdge_ModuleInstanceContext *state;
};

const char *engine_name(void) {
    return "wasmedge " WASMEDGE_VERSION;
}

// ---- types and values

static enum engine_type type_from(WasmEdge_ValType type) {
    if (WasmEdge_ValTypeIsI32(type))
        return ENGINE_I32;
    if (WasmEdge_ValTypeIsI64(type))
        return ENGINE_I64;
    if (WasmEdge_ValTypeIsF32(type))
        return ENGINE_F32;
    return WasmEdge_ValTypeIsF64(type) ? ENGINE_F64 : ENGINE_OTHER;
}

static WasmEdge_ValType type_to(enum engine_type type) {
    switch (type) {
    case ENGINE_I32:
        return WasmEdge_ValTypeGenI32();
    case ENGINE_I64:
        return WasmEdge_ValTypeGenI64();
    case ENGINE_F32:
        return WasmEdge_ValTypeGenF32();
    case ENGINE_F64:
    case ENGINE_OTHER:
        break;
    }
    ASSERT(type == ENGINE_F64);
    return WasmEdge_ValTypeGenF64();
}

static WasmEdge_Value value_to(const struct engine_value *value) {
    switch (value->type) {
    case ENGINE_I32:
        return WasmEdge_ValueGenI32(value->of.i32);
    case ENGINE_I64:
        return WasmEdge_ValueGenI64(value->of.i64);
    case ENGINE_F32:
        return WasmEdge_ValueGenF32(value->of.f32);
    case ENGINE_F64:
    case ENGINE_OTHER:
        break;
    }
    ASSERT(value->type == ENGINE_F64);
    return WasmEdge_ValueGenF64(value->of.f64);
}

static struct engine_value value_from(WasmEdge_Value value, enum engine_type type) {
    struct engine_value ret = {.type = type};
    if (type == ENGINE_I32)
        ret.of.i32 = WasmEdge_ValueGetI32(value);
    else if (type == ENGINE_I64)
        ret.of.i64 = WasmEdge_ValueGetI64(value);
    else if (type == ENGINE_F32)
        ret.of.f32 = WasmEdge_ValueGetF32(value);
    else if (type == ENGINE_F64)
        ret.of.f64 = WasmEdge_ValueGetF64(value);
    return ret;
}

static void signature_from(const WasmEdge_FunctionTypeContext *type, struct engine_signature *ret) {
    WasmEdge_ValType types[ENGINE_PARAMS_MAX];
    *ret = (struct engine_signature){0};
    ret->param_count = WasmEdge_FunctionTypeGetParametersLength(type);
    ret->result_count = WasmEdge_FunctionTypeGetReturnsLength(type);
    WasmEdge_FunctionTypeGetParameters(type, types, ENGINE_PARAMS_MAX);
    for (uint32_t i = 0; i < ret->param_count && i < ENGINE_PARAMS_MAX; i++)
        ret->params[i] = type_from(types[i]);
    WasmEdge_FunctionTypeGetReturns(type, types, ENGINE_PARAMS_MAX);
    for (uint32_t i = 0; i < ret->result_count && i < ENGINE_PARAMS_MAX; i++)
        ret->results[i] = type_from(types[i]);
}

// ---- host functions

static WasmEdge_Result call_host(void *this, void *data, const WasmEdge_CallingFrameContext *frame,
                                 const WasmEdge_Value *params, const uint32_t param_count, WasmEdge_Value *returns,
                                 const uint32_t return_count) {
    (void)data, (void)param_count, (void)return_count;
    const struct binding *b = this;
    const struct engine_signature *s = &b->function->signature;
    struct engine_value in[ENGINE_PARAMS_MAX], out[ENGINE_PARAMS_MAX] = {{0}};
    for (uint32_t i = 0; i < s->param_count; i++)
        in[i] = value_from(params[i], s->params[i]);
    bool leaves = false;
    b->function->fn(b->ctx, (struct engine_memory *)WasmEdge_CallingFrameGetMemoryInstance(frame, 0), in, out, &leaves);
    if (leaves)
        return WasmEdge_Result_Terminate;
    for (uint32_t i = 0; i < s->result_count; i++)
        returns[i] = value_to(&out[i]);
    return WasmEdge_Result_Success;
}

void *engine_memory_at(struct engine_memory *memory, uint32_t offset, uint64_t n) {
    if (!memory || n > UINT32_MAX)
        return NULL;
    return WasmEdge_MemoryInstanceGetPointer((WasmEdge_MemoryInstanceContext *)memory, offset, (uint32_t)n);
}

static void add_host_function(WasmEdge_ModuleInstanceContext *host, struct binding *binding) {
    const struct engine_signature *s = &binding->function->signature;
    WasmEdge_ValType params[ENGINE_PARAMS_MAX], results[ENGINE_PARAMS_MAX];
    for (uint32_t i = 0; i < s->param_count; i++)
        params[i] = type_to(s->params[i]);
    for (uint32_t i = 0; i < s->result_count; i++)
        results[i] = type_to(s->results[i]);
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
        g->bindings[i] = (struct binding){&functions[i], ctx};
        add_host_function(host, &g->bindings[i]);
    }
    g->hosts = mem_realloc(g->hosts, (g->host_count + 1) * sizeof *g->hosts);
    g->hosts[g->host_count++] = host;
    ASSERT(WasmEdge_ResultOK(WasmEdge_ExecutorRegisterImport(g->executor, g->store, host)));
    return i - first;
}

// ---- the engine

int engine_new(const struct engine_host_function *functions, size_t function_count, void *ctx,
               uint64_t memory_max_bytes, struct engine **ret, struct err *e) {
    if (memory_max_bytes < PAGE_BYTES)
        return err_set(e, ERR_INVALID_CONFIGURATION, "limit.memory_bytes %llu is less than one page of 65536",
                       (unsigned long long)memory_max_bytes);
    WasmEdge_LogOff();
    struct engine *g = NEW(struct engine);
    uint64_t pages = memory_max_bytes / PAGE_BYTES;
    g->config = WasmEdge_ConfigureCreate();
    WasmEdge_ConfigureAddProposal(g->config, WasmEdge_Proposal_TailCall);
    WasmEdge_ConfigureAddProposal(g->config, WasmEdge_Proposal_ExtendedConst);
    WasmEdge_ConfigureSetForceInterpreter(g->config, true);
    WasmEdge_ConfigureSetMaxMemoryPage(g->config, (uint32_t)(pages < PAGE_BYTES ? pages : PAGE_BYTES));
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
    if (!engine_new(NULL, 0, NULL, PAGE_BYTES, &g, NULL) &&
        !engine_load(g, span_make(module, sizeof module - 1), &m, NULL) && !engine_instantiate(g, m, &i, NULL))
        engine_call(i, span_of("f"), NULL, NULL, &exited, NULL);
    ASSERT(i);
    engine_instance_free(i);
    engine_module_free(m);
    engine_free(g);
}

// ---- modules

static void add_export(struct engine_module *m, const WasmEdge_ExportTypeContext *export) {
    WasmEdge_String name = WasmEdge_ExportTypeGetExternalName(export);
    enum WasmEdge_ExternalType kind = WasmEdge_ExportTypeGetExternalType(export);
    if (kind == WasmEdge_ExternalType_Function) {
        struct export *f = &m->functions[m->function_count++];
        f->name = span_make(name.Buf, name.Length);
        signature_from(WasmEdge_ExportTypeGetFunctionType(m->ast, export), &f->signature);
    } else if (kind == WasmEdge_ExternalType_Memory) {
        m->memory_name = name;
        m->memory_pages_min = WasmEdge_MemoryTypeGetLimit(WasmEdge_ExportTypeGetMemoryType(m->ast, export)).Min;
    }
}

static void list_exports(struct engine_module *m) {
    uint32_t count = WasmEdge_ASTModuleListExportsLength(m->ast);
    const WasmEdge_ExportTypeContext **exports = mem_calloc(count, sizeof *exports);
    m->functions = mem_calloc(count, sizeof *m->functions);
    count = WasmEdge_ASTModuleListExports(m->ast, exports, count);
    for (uint32_t i = 0; i < count; i++)
        add_export(m, exports[i]);
    free(exports);
}

int engine_load(struct engine *g, struct span module, struct engine_module **ret, struct err *e) {
    if (module.n > UINT32_MAX)
        return err_set(e, ERR_INVALID_CONFIGURATION, "a module of %zu bytes", module.n);
    WasmEdge_ASTModuleContext *ast = NULL;
    WasmEdge_LoaderContext *loader = WasmEdge_LoaderCreate(g->config);
    WasmEdge_Result result =
        WasmEdge_LoaderParseFromBuffer(loader, &ast, (const uint8_t *)module.p, (uint32_t)module.n);
    WasmEdge_LoaderDelete(loader);
    if (!WasmEdge_ResultOK(result))
        return err_set(e, ERR_INVALID_CONFIGURATION, "malformed module: %s (%s)", WasmEdge_ResultGetMessage(result),
                       engine_name());
    // One per module: a validator that is used again leaks.
    WasmEdge_ValidatorContext *validator = WasmEdge_ValidatorCreate(g->config);
    result = WasmEdge_ValidatorValidate(validator, ast);
    WasmEdge_ValidatorDelete(validator);
    if (!WasmEdge_ResultOK(result)) {
        WasmEdge_ASTModuleDelete(ast);
        return err_set(e, ERR_INVALID_CONFIGURATION, "invalid module: %s (%s)", WasmEdge_ResultGetMessage(result),
                       engine_name());
    }
    struct engine_module *m = NEW(struct engine_module);
    m->ast = ast;
    list_exports(m);
    *ret = m;
    return 0;
}

int engine_check(struct engine *g, struct span module, int64_t *ret_offset, struct err *e) {
    struct engine_module *m = NULL;
    struct engine_log log;
    struct engine_fault fault;
    struct err refusal;
    char text[ENGINE_LOG_BYTES];
    engine_log_begin(&log);
    WasmEdge_LogSetErrorLevel();
    int failed = engine_load(g, module, &m, &refusal);
    WasmEdge_LogOff();
    engine_log_end(&log, text);
    engine_module_free(m);
    if (!failed)
        return 0;
    engine_log_parse(span_of(text), &fault);
    *ret_offset = fault.offset;
    return err_set(e, refusal.kind, "%s%s%s", refusal.text, fault.detail[0] ? ": " : "", fault.detail);
}

void engine_module_free(struct engine_module *m) {
    if (!m)
        return;
    WasmEdge_ASTModuleDelete(m->ast);
    free(m->functions);
    free(m);
}

bool engine_export(const struct engine_module *m, struct span name, struct engine_signature *ret) {
    for (size_t i = 0; i < m->function_count; i++) {
        if (span_equal(m->functions[i].name, name)) {
            *ret = m->functions[i].signature;
            return true;
        }
    }
    return false;
}

void engine_each_export(const struct engine_module *m,
                        void (*f)(void *ctx, struct span name, const struct engine_signature *signature), void *ctx) {
    for (size_t i = 0; i < m->function_count; i++)
        f(ctx, m->functions[i].name, &m->functions[i].signature);
}

// ---- instances

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
    *i = (struct engine_instance){g, state};
    *ret = i;
    return 0;
}

void engine_instance_free(struct engine_instance *i) {
    if (!i)
        return;
    WasmEdge_ModuleInstanceDelete(i->state);
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
    *ret_at = before * 65536;
    return 0;
}

int engine_call(struct engine_instance *i, struct span function, const struct engine_value *params,
                struct engine_value *results, bool *ret_exited, struct err *e) {
    WasmEdge_FunctionInstanceContext *f =
        WasmEdge_ModuleInstanceFindFunction(i->state, WasmEdge_StringWrap(function.p, (uint32_t)function.n));
    ASSERT(f);
    struct engine_signature s;
    signature_from(WasmEdge_FunctionInstanceGetFunctionType(f), &s);
    ASSERT(s.param_count <= ENGINE_PARAMS_MAX && s.result_count <= ENGINE_PARAMS_MAX);
    WasmEdge_Value in[ENGINE_PARAMS_MAX], out[ENGINE_PARAMS_MAX];
    for (uint32_t n = 0; n < s.param_count; n++)
        in[n] = value_to(&params[n]);
    WasmEdge_Result result = WasmEdge_ExecutorInvoke(i->engine->executor, f, in, s.param_count, out, s.result_count);
    *ret_exited = WasmEdge_ResultGetCode(result) == WasmEdge_ErrCode_Terminated;
    if (*ret_exited)
        return 0;
    if (!WasmEdge_ResultOK(result))
        return trap(result, "", e);
    for (uint32_t n = 0; n < s.result_count; n++)
        results[n] = value_from(out[n], s.results[n]);
    return 0;
}
