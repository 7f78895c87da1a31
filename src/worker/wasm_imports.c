// Imports, resolved by module, name and type against the host's table, so that what is missing is told when a task is created
// and not when it first calls it.
#include "base/buf.h"
#include "worker/signature.h"
#include "worker/wasm_parser.h"

#include <stdio.h>

enum { KIND_FUNCTION, KIND_TABLE, KIND_MEMORY, KIND_GLOBAL };

struct import {
    struct span module, name;
    size_t offset;
    char module_text[NAME_TEXT], name_text[NAME_TEXT];
};

// Modules that other toolchains' output imports from, and what to do about it.
static const struct {
    const char *module, *advice;
} strangers[] = {
    {"env", "the module was built for Emscripten or a browser, or links against symbols that nothing defines: rebuild "
            "it with wasi-sdk (clang "
            "--target=wasm32-wasi) or cargo --target wasm32-wasip1"},
    {"wbg", "the module was built by wasm-bindgen for a browser: rebuild it for wasm32-wasip1"},
    {"__wbindgen_placeholder__", "the module was built by wasm-bindgen for a browser: rebuild it for wasm32-wasip1"},
    {"gojs", "the module was built by Go for a browser: rebuild it with GOOS=wasip1"},
    {"go", "the module was built by Go for a browser: rebuild it with GOOS=wasip1"},
    {"wasi", "threads are not supported: rebuild without them"},
};

static const char *advice_for(struct span module) {
    for (size_t i = 0; i < sizeof strangers / sizeof strangers[0]; i++)
        if (span_equal_text(module, strangers[i].module))
            return strangers[i].advice;
    return "the host's modules are wasi_snapshot_preview1, wasi_unstable and spear";
}

// "time_now_ms() -> (i64), log(i32, i32, i32) -> (i32)": what the module has, as far as it fits. False when it has nothing.
static bool list_functions(const struct wasm_limits *limits, struct span module, struct buf *out) {
    char signature[SIGNATURE_TEXT];
    bool any = false;
    for (size_t i = 0; i < limits->function_count; i++) {
        const struct engine_host_function *f = &limits->functions[i];
        if (!span_equal_text(module, f->module))
            continue;
        signature_text(&f->signature, signature);
        if (buf_printf(out, "%s%s%s", any ? ", " : "", f->name, signature))
            break;
        any = true;
    }
    return any;
}

static void fail_unknown(struct wasm_parser *p, const struct import *import) {
    struct buf has;
    buf_init(&has, 400);
    if (list_functions(p->limits, import->module, &has))
        wasm_fail(&p->reader, import->offset, "unknown import \"%s\".\"%s\"; \"%s\" has %s%s", import->module_text,
                  import->name_text, import->module_text, buf_text(&has), has.full ? ", ..." : "");
    else
        wasm_fail(&p->reader, import->offset, "unknown import \"%s\".\"%s\": %s", import->module_text,
                  import->name_text, advice_for(import->module));
    buf_done(&has);
}

static const struct engine_host_function *find(const struct wasm_limits *limits, const struct import *import) {
    for (size_t i = 0; i < limits->function_count; i++) {
        const struct engine_host_function *f = &limits->functions[i];
        if (span_equal_text(import->name, f->name) && span_equal_text(import->module, f->module))
            return f;
    }
    return NULL;
}

static void check_function(struct wasm_parser *p, const struct import *import) {
    struct wasm_reader *r = &p->reader;
    uint32_t type_index = wasm_u32(r, "type index");
    if (!r->failed && type_index >= p->type_count)
        wasm_fail(r, import->offset, "import \"%s\".\"%s\" has type %u, but there are %u types", import->module_text,
                  import->name_text, type_index, p->type_count);
    if (r->failed)
        return;
    const struct engine_host_function *host = find(p->limits, import);
    if (!host) {
        fail_unknown(p, import);
        return;
    }
    struct engine_signature found;
    wasm_signature(p, type_index, &found);
    if (!signature_equal(&found, &host->signature)) {
        char found_text[SIGNATURE_TEXT], host_text[SIGNATURE_TEXT];
        signature_text(&found, found_text);
        signature_text(&host->signature, host_text);
        wasm_fail(r, import->offset, "import \"%s\".\"%s\" has type %s, the host's is %s", import->module_text,
                  import->name_text, found_text, host_text);
    }
}

static void read_import(struct wasm_parser *p) {
    static const char *const kinds[] = {"function", "table", "memory", "global"};
    struct wasm_reader *r = &p->reader;
    struct import import = {.offset = r->at};
    import.module = wasm_name(r, "the import's module");
    import.name = wasm_name(r, "the import's name");
    uint8_t kind = wasm_u8(r, "the import's kind");
    if (r->failed)
        return;
    name_text(import.module, import.module_text);
    name_text(import.name, import.name_text);
    if (kind == KIND_FUNCTION)
        check_function(p, &import);
    else if (kind <= KIND_GLOBAL)
        wasm_fail(r, import.offset,
                  "import \"%s\".\"%s\" is a %s: modules may import functions only (a module brings its own %s)",
                  import.module_text, import.name_text, kinds[kind], kinds[kind]);
    else
        wasm_fail(r, import.offset, "import \"%s\".\"%s\" is of unknown kind %u", import.module_text, import.name_text,
                  kind);
}

void wasm_read_imports(struct wasm_parser *p) {
    struct wasm_reader *r = &p->reader;
    uint32_t count = wasm_count(r, WASM_IMPORTS_MAX, "imports");
    for (uint32_t i = 0; i < count && !r->failed; i++)
        read_import(p);
    p->imported_function_count = count;
    p->function_count = count;
}
