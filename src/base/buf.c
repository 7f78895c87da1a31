// The growing byte buffer. Grows by doubling, never past its ceiling, and always keeps a NUL behind the content.
#include "base/buf.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>

enum { FIRST_CAPACITY = 64 };

void buf_init(struct buf *b, size_t max_bytes) {
    // Half the address space is no ceiling anybody means, and spares every sum below its overflow check.
    *b = (struct buf){.max = max_bytes > SIZE_MAX / 4 ? SIZE_MAX / 4 : max_bytes};
}

void buf_done(struct buf *b) {
    free(b->p);
    *b = (struct buf){.max = b->max};
}

void buf_reset(struct buf *b) {
    b->n = 0;
    b->full = false;
    if (b->p)
        b->p[0] = '\0';
}

static void grow(struct buf *b, size_t needed) {
    size_t capacity = b->capacity ? b->capacity * 2 : FIRST_CAPACITY;
    if (capacity > b->max + 1)
        capacity = b->max + 1;
    if (capacity < needed)
        capacity = needed;
    b->p = mem_realloc(b->p, capacity);
    b->capacity = capacity;
    b->p[b->n] = '\0';
}

void *buf_reserve(struct buf *b, size_t n) {
    if (n > b->max - b->n) {
        b->full = true;
        return NULL;
    }
    if (b->n + n + 1 > b->capacity)
        grow(b, b->n + n + 1);
    return b->p + b->n;
}

void buf_added(struct buf *b, size_t n) {
    ASSERT(b->p ? n < b->capacity - b->n : n == 0);
    b->n += n;
    if (b->p)
        b->p[b->n] = '\0';
}

int buf_append(struct buf *b, const void *p, size_t n) {
    void *to = buf_reserve(b, n);
    if (!to)
        return -1;
    if (n)
        memcpy(to, p, n);
    buf_added(b, n);
    return 0;
}

int buf_append_span(struct buf *b, struct span s) {
    return buf_append(b, s.p, s.n);
}

int buf_append_text(struct buf *b, const char *text) {
    return buf_append(b, text, strlen(text));
}

int buf_append_char(struct buf *b, char c) {
    return buf_append(b, &c, 1);
}

int buf_printf(struct buf *b, const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    size_t room = b->p ? b->capacity - b->n : 0;
    int length = vsnprintf(b->p ? b->p + b->n : NULL, room, format, args);
    va_end(args);
    ASSERT(length >= 0);
    size_t n = (size_t)length;
    bool fits = n < room;
    if (b->p && !fits)
        b->p[b->n] = '\0'; // takes back the part that vsnprintf wrote
    char *to = buf_reserve(b, n);
    if (to && !fits)
        vsnprintf(to, n + 1, format, again);
    va_end(again);
    if (!to)
        return -1;
    buf_added(b, n);
    return 0;
}

void buf_consume(struct buf *b, size_t n) {
    ASSERT(n <= b->n);
    if (n == 0)
        return;
    memmove(b->p, b->p + n, b->n - n + 1);
    b->n -= n;
}

const char *buf_text(const struct buf *b) {
    return b->p ? b->p : "";
}

char *buf_take(struct buf *b, size_t *ret_n) {
    char *p = b->p ? b->p : mem_strdup("");
    if (ret_n)
        *ret_n = b->n;
    *b = (struct buf){.max = b->max};
    return p;
}
