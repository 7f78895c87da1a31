// Exports and the start function: names that are unique, indices that exist.
#include "base/mem.h"
#include "worker/signature.h"
#include "worker/wasm_parser.h"

static int compare_names(const void *a, const void *b) {
    const struct span *x = a, *y = b;
    int order = x->n && y->n ? memcmp(x->p, y->p, x->n < y->n ? x->n : y->n) : 0;
    if (order)
        return order;
    return (x->n > y->n) - (x->n < y->n);
}

static void check_unique(struct wasm_parser *p, struct span *names, uint32_t count) {
    qsort(names, count, sizeof *names, compare_names);
    for (uint32_t i = 1; i < count; i++) {
        if (compare_names(&names[i - 1], &names[i]) == 0) {
            char text[NAME_TEXT];
            name_text(names[i], text);
            wasm_fail(&p->reader, (size_t)((const uint8_t *)names[i].p - p->reader.base),
                      "export \"%s\" is there twice", text);
            return;
        }
    }
}

static void read_export(struct wasm_parser *p, struct span *ret_name) {
    static const char *const kinds[] = {"function", "table", "memory", "global"};
    const uint32_t counts[] = {p->function_count, p->table_count, p->memory_count, p->global_count};
    struct wasm_reader *r = &p->reader;
    size_t start = r->at;
    *ret_name = wasm_name(r, "the export's name");
    uint8_t kind = wasm_u8(r, "the export's kind");
    uint32_t index = wasm_u32(r, "the export's index");
    if (r->failed)
        return;
    wasm_check_name_is_free(p, *ret_name, start);
    char text[NAME_TEXT];
    name_text(*ret_name, text);
    if (kind >= COUNT_OF(kinds))
        wasm_fail(r, start, "export \"%s\" is of unknown kind %u", text, kind);
    else if (index >= counts[kind])
        wasm_fail(r, start, "export \"%s\" is %s %u, but there are %u", text, kinds[kind], index, counts[kind]);
}

void wasm_read_exports(struct wasm_parser *p) {
    struct wasm_reader *r = &p->reader;
    uint32_t count = wasm_count(r, WASM_EXPORTS_MAX, "exports");
    size_t entries_at = r->at;
    struct span *names = mem_calloc(count, sizeof *names);
    for (uint32_t i = 0; i < count && !r->failed; i++)
        read_export(p, &names[i]);
    if (!r->failed)
        check_unique(p, names, count);
    free(names);
    p->exports.entries_at = entries_at;
    p->exports.section_end = r->end;
    p->exports.prepared_at = p->out->n;
    p->exports.count = count;
}

void wasm_read_start(struct wasm_parser *p) {
    struct wasm_reader *r = &p->reader;
    size_t start = r->at;
    uint32_t index = wasm_u32(r, "function index");
    if (!r->failed && index >= p->function_count)
        wasm_fail(r, start, "the start function is %u, but there are %u functions", index, p->function_count);
}
