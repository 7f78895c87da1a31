// Types and functions: the sections that say which function has which type.
#include "base/mem.h"
#include "worker/wasm_parser.h"

#define NO_GC_ADVICE                                                                                                   \
    "rebuild it from a language that compiles to plain WebAssembly (C, C++, Rust, Go, AssemblyScript), not Kotlin, "   \
    "Dart, Java or OCaml with WasmGC"

enum { FUNCTION_TYPE = 0x60, GC_FORM_FIRST = 0x4e };
enum {
    TYPE_I32 = 0x7f,
    TYPE_I64 = 0x7e,
    TYPE_F32 = 0x7d,
    TYPE_F64 = 0x7c,
    TYPE_V128 = 0x7b,
    TYPE_FUNCREF = 0x70,
    TYPE_EXTERNREF = 0x6f,
    TYPE_EXNREF = 0x69,
    TYPE_NOEXN = 0x74,
    TYPE_GC_FIRST = 0x63,
    TYPE_GC_LAST = 0x73
};

// Reference types of proposals that are off (their binary formats: gc, exception handling).
static const char *type_proposal(uint8_t type) {
    if (type == TYPE_EXNREF || type == TYPE_NOEXN)
        return "of the exception handling proposal, which is not supported: rebuild the module with -fno-exceptions";
    if (type >= TYPE_GC_FIRST && type <= TYPE_GC_LAST)
        return "of the garbage collection proposal, which is not supported: " NO_GC_ADVICE;
    return "unknown";
}

void wasm_value_type(struct wasm_reader *r, const char *what) {
    size_t start = r->at;
    uint8_t type = wasm_u8(r, what);
    if (r->failed || type == TYPE_FUNCREF || type == TYPE_EXTERNREF || (type >= TYPE_V128 && type <= TYPE_I32))
        return;
    wasm_fail(r, start, "%s 0x%02x is %s", what, type, type_proposal(type));
}

static void read_value_types(struct wasm_reader *r, const char *what) {
    uint32_t count = wasm_count(r, WASM_TYPE_VALUES_MAX, what);
    for (uint32_t i = 0; i < count && !r->failed; i++)
        wasm_value_type(r, "value type");
}

void wasm_read_types(struct wasm_parser *p) {
    struct wasm_reader *r = &p->reader;
    uint32_t count = wasm_count(r, WASM_TYPES_MAX, "types");
    p->type_offsets = mem_calloc(count, sizeof *p->type_offsets);
    for (uint32_t i = 0; i < count && !r->failed; i++) {
        size_t start = r->at;
        uint8_t form = wasm_u8(r, "type");
        if (!r->failed && form != FUNCTION_TYPE)
            wasm_fail(r, start, "type form 0x%02x is not a function's (0x60)%s", form,
                      form >= GC_FORM_FIRST && form < FUNCTION_TYPE
                          ? ": it belongs to the garbage collection proposal, which is not supported: " NO_GC_ADVICE
                          : "");
        p->type_offsets[i] = r->at;
        read_value_types(r, "params");
        read_value_types(r, "results");
    }
    p->type_count = r->failed ? 0 : count;
}

static enum engine_type engine_type_of(uint8_t type) {
    switch (type) {
    case TYPE_I32:
        return ENGINE_I32;
    case TYPE_I64:
        return ENGINE_I64;
    case TYPE_F32:
        return ENGINE_F32;
    case TYPE_F64:
        return ENGINE_F64;
    default:
        return ENGINE_OTHER;
    }
}

static uint32_t signature_types(struct wasm_reader *r, enum engine_type *ret_types) {
    uint32_t count = wasm_u32(r, "types");
    for (uint32_t i = 0; i < count && !r->failed; i++) {
        uint8_t type = wasm_u8(r, "type");
        if (i < ENGINE_PARAMS_MAX)
            ret_types[i] = engine_type_of(type);
    }
    return count;
}

void wasm_signature(const struct wasm_parser *p, uint32_t type_index, struct engine_signature *ret) {
    ASSERT(type_index < p->type_count);
    // It was read once already, so it can be read again; the section's end is not needed for that.
    struct wasm_reader again = {
        .base = p->reader.base, .at = p->type_offsets[type_index], .end = p->reader.end, .section = "type section"};
    *ret = (struct engine_signature){0};
    ret->param_count = signature_types(&again, ret->params);
    ret->result_count = signature_types(&again, ret->results);
}

void wasm_read_functions(struct wasm_parser *p) {
    struct wasm_reader *r = &p->reader;
    uint32_t count = wasm_count(r, WASM_FUNCTIONS_MAX, "functions");
    for (uint32_t i = 0; i < count && !r->failed; i++) {
        size_t start = r->at;
        uint32_t type_index = wasm_u32(r, "type index");
        if (!r->failed && type_index >= p->type_count)
            wasm_fail(r, start, "function %u has type %u, but there are %u types", i, type_index, p->type_count);
    }
    p->declared_function_count = count;
    p->function_count += count;
}
