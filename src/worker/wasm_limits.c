// Tables, memories and globals: how much a module asks for at its start, and how far it may grow.
#include "worker/wasm_parser.h"

#include <stdio.h>

enum { LIMIT_HAS_MAXIMUM = 1, LIMIT_SHARED = 2, LIMIT_64 = 4 };
enum { TYPE_FUNCREF = 0x70, TYPE_EXTERNREF = 0x6f };

struct limit {
    uint32_t minimum, maximum;
    bool has_maximum;
};

static void read_limit(struct wasm_reader *r, const char *what, struct limit *ret) {
    size_t start = r->at;
    uint8_t flags = wasm_u8(r, "limits");
    if (flags & LIMIT_64)
        wasm_fail(r, start, "%s with 64-bit addresses (memory64) is not supported: rebuild it for wasm32", what);
    else if (flags & LIMIT_SHARED)
        wasm_fail(r, start,
                  "shared %s (threads) is not supported: rebuild it without -pthread (not for wasm32-wasip1-threads)",
                  what);
    else if (flags > LIMIT_HAS_MAXIMUM)
        wasm_fail(r, start, "%s limits have unknown flags 0x%02x", what, flags);
    *ret = (struct limit){.has_maximum = flags & LIMIT_HAS_MAXIMUM};
    ret->minimum = wasm_u32(r, "minimum");
    ret->maximum = ret->has_maximum ? wasm_u32(r, "maximum") : 0;
    if (!r->failed && ret->has_maximum && ret->maximum < ret->minimum)
        wasm_fail(r, start, "%s minimum %u is above its maximum %u", what, ret->minimum, ret->maximum);
}

// "128 MiB", "70000 bytes"
static void size_text(uint64_t bytes, char ret_text[32]) {
    static const struct {
        const char *unit;
        uint64_t bytes;
    } units[] = {{"GiB", 1u << 30}, {"MiB", 1u << 20}, {"KiB", 1u << 10}};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (bytes && bytes % units[i].bytes == 0) {
            snprintf(ret_text, 32, "%llu %s", (unsigned long long)(bytes / units[i].bytes), units[i].unit);
            return;
        }
    }
    snprintf(ret_text, 32, "%llu bytes", (unsigned long long)bytes);
}

void wasm_read_memories(struct wasm_parser *p) {
    struct wasm_reader *r = &p->reader;
    uint32_t count = wasm_count(r, 1, "memories");
    for (uint32_t i = 0; i < count && !r->failed; i++) {
        size_t start = r->at;
        struct limit limit;
        read_limit(r, "memory", &limit);
        uint64_t minimum_bytes = (uint64_t)limit.minimum * WASM_PAGE_BYTES;
        if (!r->failed && (limit.minimum > WASM_MEMORY_PAGES_MAX || limit.maximum > WASM_MEMORY_PAGES_MAX))
            wasm_fail(r, start, "a memory of more than %d pages (4 GiB)", WASM_MEMORY_PAGES_MAX);
        if (!r->failed && minimum_bytes > p->limits->memory_bytes) {
            char wanted[32], allowed[32];
            size_text(minimum_bytes, wanted);
            size_text(p->limits->memory_bytes, allowed);
            wasm_fail(r, start, "memory minimum %s is above limit.memory_bytes %s", wanted, allowed);
        }
    }
    p->memory_count = count;
}

static void read_table(struct wasm_reader *r, uint8_t *ret_type, struct limit *ret) {
    size_t start = r->at;
    *ret_type = wasm_u8(r, "table type");
    if (!r->failed && *ret_type != TYPE_FUNCREF && *ret_type != TYPE_EXTERNREF)
        wasm_fail(r, start, "table type 0x%02x is neither funcref (0x70) nor externref (0x6f)", *ret_type);
    read_limit(r, "table", ret);
    if (!r->failed && ret->minimum > WASM_TABLE_ENTRIES_MAX)
        wasm_fail(r, start, "table minimum of %u entries, at most %d are allowed", ret->minimum,
                  WASM_TABLE_ENTRIES_MAX);
    if (!ret->has_maximum || ret->maximum > WASM_TABLE_ENTRIES_MAX)
        ret->maximum = WASM_TABLE_ENTRIES_MAX;
}

// Bytes of value as LEB128.
static uint32_t u32_bytes(uint32_t value) {
    uint32_t n = 1;
    while (value >>= 7)
        n++;
    return n;
}

static void write_tables(struct wasm_parser *p, const uint8_t *types, const struct limit *limits, uint32_t count) {
    uint32_t size = u32_bytes(count);
    for (uint32_t i = 0; i < count; i++)
        size += 2 + u32_bytes(limits[i].minimum) + u32_bytes(limits[i].maximum);
    wasm_write(p, "\4", 1);
    wasm_write_u32(p, size);
    wasm_write_u32(p, count);
    for (uint32_t i = 0; i < count; i++) {
        wasm_write(p, &types[i], 1);
        wasm_write(p, "\1", 1);
        wasm_write_u32(p, limits[i].minimum);
        wasm_write_u32(p, limits[i].maximum);
    }
}

void wasm_read_tables(struct wasm_parser *p) {
    struct wasm_reader *r = &p->reader;
    uint8_t types[WASM_TABLES_MAX];
    struct limit limits[WASM_TABLES_MAX];
    uint32_t count = wasm_count(r, WASM_TABLES_MAX, "tables");
    for (uint32_t i = 0; i < count && !r->failed; i++)
        read_table(r, &types[i], &limits[i]);
    p->table_count = count;
    if (!r->failed)
        write_tables(p, types, limits, count);
}

// A mutable reference cannot be put back through the engine's interface, so a module with one leaves traces.
static void read_global(struct wasm_parser *p, uint32_t index) {
    struct wasm_reader *r = &p->reader;
    uint8_t type = wasm_u8(r, "global type"), is_mutable = wasm_u8(r, "global mutability");
    size_t value_bytes = wasm_constant_bytes(&p->decoder, span_make(r->base + r->at, wasm_left(r)));
    if (value_bytes == 0 || (is_mutable && (type == TYPE_FUNCREF || type == TYPE_EXTERNREF ||
                                            p->mutable_global_count == WASM_RESET_GLOBALS_MAX)))
        p->leaves_traces = true;
    else if (is_mutable)
        p->mutable_globals[p->mutable_global_count++] = index;
    r->at += value_bytes;
}

void wasm_read_globals(struct wasm_parser *p) {
    struct wasm_reader *r = &p->reader;
    p->global_count = wasm_count(r, WASM_GLOBALS_MAX, "globals");
    for (uint32_t i = 0; i < p->global_count && !p->leaves_traces && !r->failed; i++)
        read_global(p, i);
    r->at = r->end; // what was not understood is the engine's to judge
}
