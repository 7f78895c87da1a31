// The bounded cursor that the module parser stands on. Knows integers, names and failures; nothing of sections.
#include "worker/wasm_reader.h"

#include "base/encode.h"

#include <stdarg.h>
#include <stdio.h>

enum { NAME_BYTES_MAX = 10000 };

int wasm_fail(struct wasm_reader *r, size_t offset, const char *format, ...) {
    if (r->failed)
        return -1;
    r->failed = true;
    r->at = r->end;
    char text[ERR_TEXT_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return err_set(r->e, ERR_INVALID_CONFIGURATION, "%s, offset %zu: %s", r->section, offset, text);
}

uint8_t wasm_u8(struct wasm_reader *r, const char *what) {
    if (!r->failed && r->at < r->end)
        return r->base[r->at++];
    wasm_fail(r, r->at, "unexpected end in %s", what);
    return 0;
}

uint32_t wasm_u32(struct wasm_reader *r, const char *what) {
    size_t start = r->at;
    uint32_t value = 0;
    for (unsigned shift = 0; shift < 35; shift += 7) {
        uint8_t byte = wasm_u8(r, what);
        if (r->failed)
            return 0;
        if (shift == 28 && byte > 0x0f) {
            wasm_fail(r, start, "%s is %s", what,
                      byte & 0x80 ? "an integer of more than 5 bytes" : "larger than 32 bits");
            return 0;
        }
        value |= (uint32_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return value;
    }
    return 0; // not reached: the fifth byte has ended the loop
}

uint32_t wasm_count(struct wasm_reader *r, uint32_t max, const char *what) {
    size_t start = r->at;
    uint32_t count = wasm_u32(r, what);
    if (count > max)
        wasm_fail(r, start, "%u %s, at most %u are allowed", count, what, max);
    else if (count > wasm_left(r))
        wasm_fail(r, start, "%u %s do not fit into the %zu bytes that are left", count, what, wasm_left(r));
    return r->failed ? 0 : count;
}

struct span wasm_bytes(struct wasm_reader *r, size_t n, const char *what) {
    if (r->failed || n > wasm_left(r)) {
        wasm_fail(r, r->at, "%s has %zu bytes, but only %zu are left", what, n, wasm_left(r));
        return (struct span){0};
    }
    struct span bytes = span_make(r->base + r->at, n);
    r->at += n;
    return bytes;
}

struct span wasm_name(struct wasm_reader *r, const char *what) {
    size_t start = r->at;
    uint32_t length = wasm_u32(r, what);
    if (length > NAME_BYTES_MAX) {
        wasm_fail(r, start, "%s of %u bytes, at most %d are allowed", what, length, NAME_BYTES_MAX);
        return (struct span){0};
    }
    struct span name = wasm_bytes(r, length, what);
    if (!r->failed && !utf8_valid(name))
        wasm_fail(r, start, "%s is not UTF-8", what);
    return name;
}
