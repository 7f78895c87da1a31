// Native code: made of a prepared module once, in a process that does nothing else, and loaded from then on.
//
// The two must agree: what is compiled interruptible, or with counting, must not meet an executor that is set otherwise. Both are left off, a
// deadline is a SIGKILL and processor time is the kernel's to limit. O1 crashes the compiler on big modules and is not offered.
#include "worker/engine_internal.h"

#include "base/mem.h"

#include <stdio.h>

const char *engine_code_name(void) {
    // The last number is of the settings below: it goes up with each change of them.
    static char name[64];
    snprintf(name, sizeof name, "wasmedge %s, 1", WasmEdge_VersionGet());
    return name;
}

int engine_compile(struct span module, enum engine_level level, const char *path, struct err *e) {
    WasmEdge_LogOff();
    WasmEdge_ConfigureContext *config = engine_config_new();
    WasmEdge_ConfigureCompilerSetOptimizationLevel(config, level == ENGINE_LEVEL_O0
                                                               ? WasmEdge_CompilerOptimizationLevel_O0
                                                               : WasmEdge_CompilerOptimizationLevel_O2);
    WasmEdge_ConfigureCompilerSetOutputFormat(config, WasmEdge_CompilerOutputFormat_Native);
    WasmEdge_ConfigureCompilerSetInterruptible(config, false);
    WasmEdge_CompilerContext *compiler = WasmEdge_CompilerCreate(config);
    if (!compiler) {
        WasmEdge_ConfigureDelete(config);
        return err_set(e, ERR_NOT_SUPPORTED, "%s was built without its compiler", engine_name());
    }
    WasmEdge_Result result = WasmEdge_CompilerCompileFromBuffer(compiler, (const uint8_t *)module.p, module.n, path);
    WasmEdge_CompilerDelete(compiler);
    WasmEdge_ConfigureDelete(config);
    if (!WasmEdge_ResultOK(result))
        return err_set(e, ERR_RUNTIME_ERROR, "%s (%s)", WasmEdge_ResultGetMessage(result), engine_name());
    return 0;
}

int engine_load_native(struct engine *g, const char *path, struct engine_module **ret, struct err *e) {
    (void)g;
    WasmEdge_ASTModuleContext *ast = NULL;
    WasmEdge_ConfigureContext *config = engine_config_new(); // the engine's own forbids native code
    WasmEdge_LoaderContext *loader = WasmEdge_LoaderCreate(config);
    WasmEdge_Result result = WasmEdge_LoaderParseFromFile(loader, &ast, path);
    WasmEdge_LoaderDelete(loader);
    int failed = WasmEdge_ResultOK(result)
                     ? engine_module_make(config, ast, ret, e)
                     : err_set(e, ERR_INVALID_CONFIGURATION, "native code that cannot be loaded: %s (%s)",
                               WasmEdge_ResultGetMessage(result), engine_name());
    WasmEdge_ConfigureDelete(config);
    return failed;
}
