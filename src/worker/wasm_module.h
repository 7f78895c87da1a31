// Preparation of an uploaded module: our own parser, before the engine sees a byte.
//
// Checks magic, version, the order, sizes and counts of sections, imports (by module, name and type against the host's table), exports (unique,
// in range), limits of memory and tables, sizes and locals of functions. Instructions are the engine's to
// validate; it only looks which there are. Time and memory are linear in the module's size; nothing recurses.
//
// What comes out is the module without its custom sections (the engine would run native code from one), with every table's
// maximum brought down to WASM_TABLE_ENTRIES_MAX, so that table.grow beyond it answers -1, and, where everything that its code can do can be undone from
// outside, with exports for that (reset_names.h).
#ifndef SPEAR_WORKER_WASM_MODULE_H
#define SPEAR_WORKER_WASM_MODULE_H

#include "worker/engine.h"

enum {
    WASM_TYPES_MAX = 10000,
    WASM_TYPE_VALUES_MAX = 1000, // params, or results, of one type
    WASM_IMPORTS_MAX = 10000,
    WASM_FUNCTIONS_MAX = 100000,
    WASM_LOCALS_MAX = 50000, // of one function
    WASM_LOCALS_TOTAL_MAX = 10000000,
    WASM_BODY_BYTES_MAX = 8 * 1024 * 1024,
    WASM_TABLES_MAX = 16,
    WASM_TABLE_ENTRIES_MAX = 100000,
    WASM_GLOBALS_MAX = 100000,
    WASM_EXPORTS_MAX = 10000,
    WASM_RESET_GLOBALS_MAX = 256, // with more mutable globals a module is instantiated anew instead
    WASM_SEGMENTS_MAX = 100000,   // data, or element
    WASM_PAGE_BYTES = 65536,
    WASM_MEMORY_PAGES_MAX = 65536
};

struct wasm_limits {
    uint64_t memory_bytes;                        // limit.memory_bytes
    const struct engine_host_function *functions; // what modules may import
    size_t function_count;
};

enum { WASM_OUTPUT_EXTRA_BYTES = 32 * 1024, WASM_SECTIONS_MAX = 12 };
struct wasm_output {
    uint8_t *p;
    size_t n, capacity; // a prepared module is at most WASM_OUTPUT_EXTRA_BYTES longer than the uploaded one
    struct {
        size_t prepared, uploaded; // where the section begins
    } sections[WASM_SECTIONS_MAX];
    size_t section_count;
};

// ERR_INVALID_CONFIGURATION with section, offset, what was found and what is allowed; ERR_RESOURCE_EXHAUSTED when `out` is too small.
int wasm_prepare(struct span module, const struct wasm_limits *limits, struct wasm_output *out, struct err *e);
// Where the byte at that offset of the prepared module stood in the uploaded one.
size_t wasm_uploaded_offset(const struct wasm_output *out, size_t prepared_offset);

#endif
