// The module parser's frame: header, sections in order, what is copied to the output. The sections' contents are read in wasm_types.c,
// wasm_imports.c, wasm_exports.c, wasm_limits.c and wasm_code.c; what is added for resets comes from wasm_reset.c.
#include "worker/wasm_module.h"

#include "base/mem.h"
#include "model/module_head.h"
#include "worker/wasm_parser.h"

#include <stdio.h>

enum { SECTION_CUSTOM = 0, SECTION_TABLE = 4, SECTION_EXPORT = 7, SECTION_TAG = 13, HEADER_BYTES = 8 };

struct section {
    const char *name;
    unsigned order; // sections come in this order, each at most once
    void (*read)(struct wasm_parser *p);
};

// By section id.
static const struct section sections[] = {
    [1] = {"type section", 1, wasm_read_types},         [2] = {"import section", 2, wasm_read_imports},
    [3] = {"function section", 3, wasm_read_functions}, [SECTION_TABLE] = {"table section", 4, wasm_read_tables},
    [5] = {"memory section", 5, wasm_read_memories},    [6] = {"global section", 6, wasm_read_globals},
    [7] = {"export section", 7, wasm_read_exports},     [8] = {"start section", 8, wasm_read_start},
    [9] = {"element section", 9, wasm_read_elements},   [10] = {"code section", 11, wasm_read_code},
    [11] = {"data section", 12, wasm_read_data},        [12] = {"data count section", 10, wasm_read_data_count},
};

void wasm_write(struct wasm_parser *p, const void *bytes, size_t n) {
    struct wasm_output *out = p->out;
    if (n > out->capacity - out->n) {
        if (!p->reader.failed)
            err_set(p->reader.e, ERR_RESOURCE_EXHAUSTED, "the prepared module does not fit into %zu bytes",
                    out->capacity);
        p->reader.failed = true;
        p->reader.at = p->reader.end;
        return;
    }
    memcpy(out->p + out->n, bytes, n);
    out->n += n;
}

void wasm_write_u32(struct wasm_parser *p, uint32_t value) {
    uint8_t bytes[5];
    size_t n = 0;
    do {
        uint8_t low = value & 0x7f;
        value >>= 7;
        bytes[n++] = (uint8_t)(low | (value ? 0x80 : 0));
    } while (value);
    wasm_write(p, bytes, n);
}

static void read_custom(struct wasm_parser *p) {
    p->reader.section = "custom section";
    wasm_name(&p->reader, "the section's name");
    p->reader.at = p->reader.end;
}

static void read_known(struct wasm_parser *p, const struct section *section, uint8_t id, size_t start,
                       unsigned *order) {
    struct wasm_reader *r = &p->reader;
    if (section->order <= *order) {
        wasm_fail(r, start, "the %s is there twice or too late", section->name);
        return;
    }
    *order = section->order;
    ASSERT(p->out->section_count < WASM_SECTIONS_MAX);
    p->out->sections[p->out->section_count].prepared = p->out->n;
    p->out->sections[p->out->section_count++].uploaded = start;
    r->section = section->name;
    if (id == SECTION_EXPORT)
        p->exports.section_at = start;
    section->read(p);
    if (!r->failed && r->at < r->end)
        wasm_fail(r, r->at, "%zu bytes too many at the end", wasm_left(r));
    if (!r->failed && id != SECTION_TABLE)
        wasm_write(p, r->base + start, r->end - start);
}

static void read_section(struct wasm_parser *p, unsigned *order) {
    struct wasm_reader *r = &p->reader;
    size_t start = r->at, module_end = r->end;
    r->section = "section header";
    uint8_t id = wasm_u8(r, "the section's id");
    uint32_t size = wasm_u32(r, "the section's size");
    if (size > wasm_left(r)) {
        wasm_fail(r, start, "section %u has %u bytes, but only %zu are left", id, size, wasm_left(r));
        return;
    }
    r->end = r->at + size;
    if (id == SECTION_CUSTOM)
        read_custom(p);
    else if (id == SECTION_TAG)
        wasm_fail(r, start,
                  "the module uses exception handling (a tag section), which is not supported: rebuild it with "
                  "-fno-exceptions (Rust: panic=abort)");
    else if (id >= COUNT_OF(sections))
        wasm_fail(r, start, "unknown section %u", id);
    else
        read_known(p, &sections[id], id, start, order);
    r->end = module_end;
    if (r->failed)
        r->at = module_end;
}

static void check_counts(struct wasm_parser *p) {
    struct wasm_reader *r = &p->reader;
    r->section = "module";
    if (p->code_count != p->declared_function_count)
        wasm_fail(r, r->end, "%u functions are declared, but %u have code", p->declared_function_count, p->code_count);
    if (p->has_declared_data_count && p->declared_data_count != p->data_count)
        wasm_fail(r, r->end, "%u data segments are declared, but %u are there", p->declared_data_count, p->data_count);
}

static int check_header(struct span module, struct err *e) {
    char found[MODULE_HEAD_TEXT];
    if (module_head_check(module, e))
        return -1;
    module_head_text(module, found);
    if (module.n < HEADER_BYTES)
        return err_set(e, ERR_INVALID_CONFIGURATION,
                       "the module ends after %zu bytes, inside its header: %s; it was cut off, upload it again",
                       module.n, found);
    if (memcmp(module.p + 4, "\x0d\0\1\0", 4) == 0)
        return err_set(
            e, ERR_INVALID_CONFIGURATION,
            "this is a WebAssembly component (version bytes 0d 00 01 00, as wasm32-wasip2 makes them), not a "
            "core module: rebuild it with --target wasm32-wasip1, or take the core module out of it "
            "(wasm-tools component unbundle)");
    if (memcmp(module.p + 4, "\1\0\0\0", 4) != 0)
        return err_set(e, ERR_INVALID_CONFIGURATION,
                       "unknown WebAssembly version: the first bytes are %s, version 01 00 00 00 is supported: rebuild "
                       "it with a current toolchain",
                       found);
    return 0;
}

int wasm_prepare(struct span module, const struct wasm_limits *limits, struct wasm_output *out, struct err *e) {
    struct err unused = {0};
    if (check_header(module, e))
        return -1;
    struct wasm_parser p = {
        .reader = {.base = (const uint8_t *)module.p,
                   .at = HEADER_BYTES,
                   .end = module.n,
                   .section = "module",
                   .e = e ? e : &unused},
        .limits = limits,
        .out = out,
    };
    wasm_decoder_init(&p.decoder);
    out->n = out->section_count = 0;
    wasm_write(&p, module.p, HEADER_BYTES);
    unsigned order = 0;
    while (!p.reader.failed && p.reader.at < p.reader.end)
        read_section(&p, &order);
    if (!p.reader.failed)
        check_counts(&p);
    if (!p.reader.failed)
        wasm_write_reset_exports(&p);
    free(p.type_offsets);
    return p.reader.failed ? -1 : 0;
}

size_t wasm_uploaded_offset(const struct wasm_output *out, size_t prepared_offset) {
    size_t uploaded = prepared_offset;
    for (size_t i = 0; i < out->section_count && out->sections[i].prepared <= prepared_offset; i++)
        uploaded = prepared_offset - out->sections[i].prepared + out->sections[i].uploaded;
    return uploaded;
}
