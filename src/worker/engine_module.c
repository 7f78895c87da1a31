// Modules: loading, validating, exports. What is compiled and loaded as native code is in engine_compile.c.
//
// Bytecode only: native code inside a module is never run (ForceInterpreter; the parser has removed it before as well).
#include "worker/engine_internal.h"

#include "base/mem.h"
#include "worker/engine_log.h"
#include "worker/reset_names.h"

// What reset_names.h is about: out of sight of everybody but engine_reset.c.
static void add_reset_export(struct engine_module *m, WasmEdge_String name, enum WasmEdge_ExternalType kind) {
    if (kind == WasmEdge_ExternalType_Function)
        m->is_undoable = true;
    else if (kind == WasmEdge_ExternalType_Memory)
        m->reset_memory = name;
    else if (kind == WasmEdge_ExternalType_Global)
        m->reset_globals[m->reset_global_count++] = name;
}

static void add_export(struct engine_module *m, const WasmEdge_ExportTypeContext *export) {
    WasmEdge_String name = WasmEdge_ExportTypeGetExternalName(export);
    enum WasmEdge_ExternalType kind = WasmEdge_ExportTypeGetExternalType(export);
    if (span_starts_with(span_make(name.Buf, name.Length), RESET_NAME_PREFIX)) {
        add_reset_export(m, name, kind);
    } else if (kind == WasmEdge_ExternalType_Function) {
        struct engine_export *f = &m->functions[m->function_count++];
        f->name = span_make(name.Buf, name.Length);
        engine_signature_from(WasmEdge_ExportTypeGetFunctionType(m->ast, export), &f->signature);
    } else if (kind == WasmEdge_ExternalType_Memory) {
        m->memory_name = name;
        m->memory_pages_min = WasmEdge_MemoryTypeGetLimit(WasmEdge_ExportTypeGetMemoryType(m->ast, export)).Min;
    }
}

static void list_exports(struct engine_module *m) {
    uint32_t count = WasmEdge_ASTModuleListExportsLength(m->ast);
    const WasmEdge_ExportTypeContext **exports = mem_calloc(count, sizeof *exports);
    m->functions = mem_calloc(count, sizeof *m->functions);
    m->reset_globals = mem_calloc(count, sizeof *m->reset_globals);
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
    return engine_module_make(g->config, ast, ret, e);
}

int engine_module_make(WasmEdge_ConfigureContext *config, WasmEdge_ASTModuleContext *ast, struct engine_module **ret,
                       struct err *e) {
    // One per module: a validator that is used again leaks.
    WasmEdge_ValidatorContext *validator = WasmEdge_ValidatorCreate(config);
    WasmEdge_Result result = WasmEdge_ValidatorValidate(validator, ast);
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
    free(m->reset_globals);
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
