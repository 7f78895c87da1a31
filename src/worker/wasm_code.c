// Function bodies and segments: how many, how large, how many locals, and whether an instruction is among them that a reset cannot undo.
#include "worker/wasm_parser.h"

enum { INSTRUCTION_END = 0x0b };

static void read_locals(struct wasm_parser *p, uint32_t function) {
    struct wasm_reader *r = &p->reader;
    size_t start = r->at;
    uint64_t total = 0;
    uint32_t groups = wasm_count(r, WASM_LOCALS_MAX, "groups of locals");
    for (uint32_t i = 0; i < groups && !r->failed; i++) {
        total += wasm_u32(r, "locals");
        if (total > WASM_LOCALS_MAX)
            wasm_fail(r, start, "function %u has %llu locals or more, at most %d are allowed", function,
                      (unsigned long long)total, WASM_LOCALS_MAX);
        wasm_value_type(r, "local type");
    }
    p->local_count += total;
    if (p->local_count > WASM_LOCALS_TOTAL_MAX)
        wasm_fail(r, start, "more than %d locals in all functions together", WASM_LOCALS_TOTAL_MAX);
}

static void read_body(struct wasm_parser *p, uint32_t function) {
    struct wasm_reader *r = &p->reader;
    size_t start = r->at, section_end = r->end;
    uint32_t size = wasm_u32(r, "function body");
    if (!r->failed && size > WASM_BODY_BYTES_MAX)
        wasm_fail(r, start, "function %u has a body of %u bytes, at most %d are allowed", function, size,
                  WASM_BODY_BYTES_MAX);
    else if (!r->failed && size > wasm_left(r))
        wasm_fail(r, start, "function %u has a body of %u bytes, but only %zu are left", function, size, wasm_left(r));
    if (r->failed)
        return;
    r->end = r->at + size;
    read_locals(p, function);
    if (!r->failed && (wasm_left(r) == 0 || r->base[r->end - 1] != INSTRUCTION_END))
        wasm_fail(r, start, "function %u does not end with the instruction `end`", function);
    if (!r->failed && !p->leaves_traces)
        p->leaves_traces = !wasm_code_is_undoable(&p->decoder, span_make(r->base + r->at, wasm_left(r)));
    r->at = r->end;
    r->end = section_end;
    if (r->failed)
        r->at = section_end;
}

void wasm_read_code(struct wasm_parser *p) {
    struct wasm_reader *r = &p->reader;
    p->code_count = wasm_count(r, WASM_FUNCTIONS_MAX, "function bodies");
    for (uint32_t i = 0; i < p->code_count && !r->failed; i++)
        read_body(p, p->imported_function_count + i);
}

void wasm_read_elements(struct wasm_parser *p) {
    struct wasm_reader *r = &p->reader;
    wasm_count(r, WASM_SEGMENTS_MAX, "element segments");
    r->at = r->end; // offsets are instructions: the engine's
}

void wasm_read_data_count(struct wasm_parser *p) {
    struct wasm_reader *r = &p->reader;
    p->declared_data_count = wasm_u32(r, "data count");
    p->has_declared_data_count = true;
}

void wasm_read_data(struct wasm_parser *p) {
    struct wasm_reader *r = &p->reader;
    p->data_count = wasm_count(r, WASM_SEGMENTS_MAX, "data segments");
    r->at = r->end; // offsets are instructions: the engine's
}
