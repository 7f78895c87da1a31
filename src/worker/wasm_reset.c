// Makes a module's state reachable: exports of its memory, of every mutable global, and the mark, under the names of reset_names.h.
//
// That is done last, when the code has been looked at, by moving what follows the export section. A module without exports has nothing to call,
// so it gets none.
#include "worker/reset_names.h"
#include "worker/signature.h"
#include "worker/wasm_parser.h"

#include <stdio.h>

enum { SECTION_EXPORT = 7, KIND_FUNCTION = 0, KIND_MEMORY = 2, KIND_GLOBAL = 3 };
enum { NAME_BYTES = 32, U32_BYTES_MAX = 5, HEADER_BYTES_MAX = 1 + 2 * U32_BYTES_MAX };
enum { ADDED_MAX = WASM_RESET_GLOBALS_MAX + 2, ADDED_BYTES_MAX = ADDED_MAX * NAME_BYTES };
_Static_assert(ADDED_BYTES_MAX + HEADER_BYTES_MAX <= WASM_OUTPUT_EXTRA_BYTES / 2, "tables may grow a little, too");

struct added {
    uint8_t bytes[ADDED_BYTES_MAX];
    size_t n;
    uint32_t count;
};

void wasm_check_name_is_free(struct wasm_parser *p, struct span name, size_t offset) {
    if (!span_starts_with(name, RESET_NAME_PREFIX))
        return;
    char text[NAME_TEXT];
    name_text(name, text);
    wasm_fail(&p->reader, offset, "export \"%s\" begins with \"" RESET_NAME_PREFIX "\", which is reserved: rename it",
              text);
}

static size_t write_u32(uint8_t *to, uint32_t value) {
    size_t n = 0;
    for (; value >= 0x80; value >>= 7)
        to[n++] = (uint8_t)(value | 0x80);
    to[n++] = (uint8_t)value;
    return n;
}

static void add(struct added *a, const char *name, uint8_t kind, uint32_t index) {
    size_t length = strlen(name);
    a->bytes[a->n++] = (uint8_t)length;
    memcpy(a->bytes + a->n, name, length);
    a->n += length;
    a->bytes[a->n++] = kind;
    a->n += write_u32(a->bytes + a->n, index);
    a->count++;
}

static void add_all(const struct wasm_parser *p, struct added *a) {
    a->n = a->count = 0;
    add(a, RESET_NAME_MARK, KIND_FUNCTION, 0);
    if (p->memory_count)
        add(a, RESET_NAME_MEMORY, KIND_MEMORY, 0);
    for (uint32_t i = 0; i < p->mutable_global_count; i++) {
        char name[NAME_BYTES];
        snprintf(name, sizeof name, RESET_NAME_GLOBAL, p->mutable_globals[i]);
        add(a, name, KIND_GLOBAL, p->mutable_globals[i]);
    }
}

// What stands at `from` and after it goes to `to`.
static void move_sections(struct wasm_output *out, size_t from, size_t to) {
    memmove(out->p + to, out->p + from, out->n - from);
    for (size_t i = 0; i < out->section_count; i++)
        if (out->sections[i].prepared >= from)
            out->sections[i].prepared = out->sections[i].prepared - from + to;
    out->n = out->n - from + to;
}

void wasm_write_reset_exports(struct wasm_parser *p) {
    struct wasm_output *out = p->out;
    struct added added;
    if (p->leaves_traces || p->function_count == 0 || p->exports.entries_at == 0)
        return;
    add_all(p, &added);
    // Entries that are there stay where they are until the head before them is known to be longer.
    size_t entries = p->exports.section_end - p->exports.entries_at;
    uint8_t head[HEADER_BYTES_MAX] = {SECTION_EXPORT}, count[U32_BYTES_MAX];
    size_t count_bytes = write_u32(count, p->exports.count + added.count);
    size_t head_bytes = 1 + write_u32(head + 1, (uint32_t)(count_bytes + entries + added.n));
    memcpy(head + head_bytes, count, count_bytes);
    head_bytes += count_bytes;
    size_t old_end = p->exports.section_end - p->exports.section_at + p->exports.prepared_at;
    size_t new_end = p->exports.prepared_at + head_bytes + entries + added.n;
    if (new_end > old_end && new_end - old_end > out->capacity - out->n) {
        err_set(p->reader.e, ERR_RESOURCE_EXHAUSTED, "the prepared module does not fit into %zu bytes", out->capacity);
        p->reader.failed = true;
        return;
    }
    move_sections(out, old_end, new_end);
    uint8_t *to = out->p + p->exports.prepared_at;
    memcpy(to, head, head_bytes);
    memcpy(to + head_bytes, p->reader.base + p->exports.entries_at, entries);
    memcpy(to + head_bytes + entries, added.bytes, added.n);
}
