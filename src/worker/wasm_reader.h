// A cursor over the bytes of a module that cannot leave them. Integers are LEB128, strict: no more bytes than the type needs, no
// unused bit set (WebAssembly core specification, "Binary Format", Values).
//
// The first failure is kept: it fills `e` with section, offset and what was wrong, moves the cursor to the end, and makes every
// later read answer 0. So a parser reads straight on and asks `failed` where it loops or returns.
#ifndef SPEAR_WORKER_WASM_READER_H
#define SPEAR_WORKER_WASM_READER_H

#include "base/err.h"

struct wasm_reader {
    const uint8_t *base; // the module
    size_t at, end;      // offsets into it; end is that of the section while one is read
    const char *section; // "type section", for messages
    struct err *e;
    bool failed;
};

// ERR_INVALID_CONFIGURATION "<section>, offset N: <text>"; only the first failure counts. Always returns -1.
int wasm_fail(struct wasm_reader *r, size_t offset, const char *format, ...) __attribute__((format(printf, 3, 4)));
static inline size_t wasm_left(const struct wasm_reader *r) {
    return r->end - r->at;
}
uint8_t wasm_u8(struct wasm_reader *r, const char *what);
uint32_t wasm_u32(struct wasm_reader *r, const char *what);
// The length of a vector whose elements have at least one byte each: at most `max`, and at most the bytes that are left.
uint32_t wasm_count(struct wasm_reader *r, uint32_t max, const char *what);
struct span wasm_bytes(struct wasm_reader *r, size_t n, const char *what);
// A name: its length, then UTF-8.
struct span wasm_name(struct wasm_reader *r, const char *what);

#endif
