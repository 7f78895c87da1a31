// What the files of the module parser share (wasm_*.c only). One function per section; each reads the section's contents from `p->reader`,
// whose end is the section's, and reports through it.
#ifndef SPEAR_WORKER_WASM_PARSER_H
#define SPEAR_WORKER_WASM_PARSER_H

#include "worker/wasm_instructions.h"
#include "worker/wasm_module.h"
#include "worker/wasm_reader.h"

struct wasm_parser {
    struct wasm_reader reader;
    const struct wasm_limits *limits;
    struct wasm_output *out;
    size_t *type_offsets; // where each function type stands
    uint32_t type_count;
    uint32_t function_count, imported_function_count, declared_function_count, code_count;
    uint32_t table_count, memory_count, global_count;
    uint64_t local_count; // of all functions
    uint32_t data_count, declared_data_count;
    bool has_declared_data_count;
    struct wasm_decoder decoder;
    bool leaves_traces; // its code, or a global, can change what a reset does not reach
    uint32_t mutable_globals[WASM_RESET_GLOBALS_MAX], mutable_global_count;
    struct {
        size_t section_at, entries_at, section_end; // in the uploaded module
        size_t prepared_at;                         // where the section begins in the prepared one
        uint32_t count;
    } exports;
};

void wasm_read_types(struct wasm_parser *p);
void wasm_read_imports(struct wasm_parser *p);
void wasm_read_functions(struct wasm_parser *p);
void wasm_read_tables(struct wasm_parser *p); // writes its section itself
void wasm_read_memories(struct wasm_parser *p);
void wasm_read_globals(struct wasm_parser *p);
void wasm_read_exports(struct wasm_parser *p);
void wasm_read_start(struct wasm_parser *p);
void wasm_read_elements(struct wasm_parser *p);
void wasm_read_data_count(struct wasm_parser *p);
void wasm_read_code(struct wasm_parser *p);
void wasm_read_data(struct wasm_parser *p);

// The type with that index (checked).
void wasm_signature(const struct wasm_parser *p, uint32_t type_index, struct engine_signature *ret);
// A name that preparation keeps for itself is refused.
void wasm_check_name_is_free(struct wasm_parser *p, struct span name, size_t offset);
// At the end: what a reset has to reach is exported, unless the module leaves traces.
void wasm_write_reset_exports(struct wasm_parser *p);
void wasm_value_type(struct wasm_reader *r, const char *what);
void wasm_write(struct wasm_parser *p, const void *bytes, size_t n);
void wasm_write_u32(struct wasm_parser *p, uint32_t value);

#endif
