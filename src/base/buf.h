// A growing byte buffer with a ceiling given when it is made.
//
// Invariants: after buf_init p is NULL or has n + 1 bytes of which the last is NUL (text can be used as a C string);
// n never passes `max`; an append that would is refused whole and sets `full`, which stays set until buf_reset.
#ifndef SPEAR_BASE_BUF_H
#define SPEAR_BASE_BUF_H

#include "base/span.h"

#include <stdbool.h>

struct buf {
    char *p;
    size_t n;
    size_t capacity;
    size_t max;
    bool full;
};

void buf_init(struct buf *b, size_t max_bytes);
void buf_done(struct buf *b);  // frees; the buffer may be initialised again
void buf_reset(struct buf *b); // n = 0, keeps the memory
// 0, or -1 when the ceiling would be passed (nothing is appended then).
int buf_append(struct buf *b, const void *p, size_t n);
int buf_append_span(struct buf *b, struct span s);
int buf_append_text(struct buf *b, const char *text);
int buf_append_char(struct buf *b, char c);
int buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
// Room for n bytes at the end, to be filled by the caller and then counted with buf_added; NULL past the ceiling.
void *buf_reserve(struct buf *b, size_t n);
void buf_added(struct buf *b, size_t n);
// Drops n bytes from the front (moves the rest).
void buf_consume(struct buf *b, size_t n);
static inline struct span buf_span(const struct buf *b) {
    return span_make(b->p, b->n);
}
// The NUL-terminated text; "" when nothing was appended.
const char *buf_text(const struct buf *b);
// Gives the memory away (the caller frees it) and leaves the buffer empty. Never NULL.
char *buf_take(struct buf *b, size_t *ret_n);

#endif
