// Imports, resolved by module, name and type against the host's table, so that what is missing is told when a task is created
// and not when it first calls it.
#include "base/buf.h"
#include "worker/signature.h"
#include "worker/wasm_parser.h"
#include "worker/wasm_strangers.h"

#include <stdio.h>

enum { KIND_FUNCTION, KIND_TABLE, KIND_MEMORY, KIND_GLOBAL, KIND_TAG };
enum { LIMIT_SHARED = 2 };

struct import {
    struct span module, name;
    size_t offset;
    char module_text[NAME_TEXT], name_text[NAME_TEXT];
};

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

// WASI's 46 functions would drown the advice, so a list is for our own module only.
static void fail_unknown(struct wasm_parser *p, const struct import *import) {
    struct buf has;
    buf_init(&has, 400);
    if (span_equal_text(import->module, "spear") && list_functions(p->limits, import->module, &has))
        wasm_fail(&p->reader, import->offset,
                  "unknown import \"spear\".\"%s\": this node does not have it, \"spear\" has %s%s", import->name_text,
                  buf_text(&has), has.full ? ", ..." : "");
    else
        wasm_fail(&p->reader, import->offset, "unknown import \"%s\".\"%s\": %s", import->module_text,
                  import->name_text, wasm_stranger_advice(import->module, import->name));
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

// Tables, memories, globals and tags: what the next byte says of threads counts more than where it comes from.
static void refuse_kind(struct wasm_parser *p, const struct import *import, uint8_t kind) {
    static const char *const kinds[] = {"function", "table", "memory", "global"};
    struct wasm_reader *r = &p->reader;
    if (kind == KIND_MEMORY && wasm_left(r) > 0 && r->base[r->at] & LIMIT_SHARED)
        wasm_fail(r, import->offset,
                  "import \"%s\".\"%s\" is a shared memory: threads are not supported, rebuild the module without them "
                  "(-pthread, wasm32-wasip1-threads)",
                  import->module_text, import->name_text);
    else if (kind <= KIND_GLOBAL)
        wasm_fail(r, import->offset, "import \"%s\".\"%s\" is a %s: modules may import functions only; %s",
                  import->module_text, import->name_text, kinds[kind],
                  wasm_stranger_advice(import->module, import->name));
    else if (kind == KIND_TAG)
        wasm_fail(r, import->offset,
                  "import \"%s\".\"%s\" is a tag: exception handling is not supported, rebuild the module without it "
                  "(-fno-exceptions)",
                  import->module_text, import->name_text);
    else
        wasm_fail(r, import->offset, "import \"%s\".\"%s\" is of unknown kind %u", import->module_text,
                  import->name_text, kind);
}

static void read_import(struct wasm_parser *p) {
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
    else
        refuse_kind(p, &import, kind);
}

void wasm_read_imports(struct wasm_parser *p) {
    struct wasm_reader *r = &p->reader;
    uint32_t count = wasm_count(r, WASM_IMPORTS_MAX, "imports");
    for (uint32_t i = 0; i < count && !r->failed; i++)
        read_import(p);
    p->imported_function_count = count;
    p->function_count = count;
}
