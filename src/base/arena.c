// Request-lifetime memory: blocks in a list, newest first, each filled from its start.
//
// A single allocation that does not fit the usual block gets a block of its size. Nothing is given back before
// arena_reset or arena_done.
#include "base/arena.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>

enum { BLOCK_BYTES = 4096 - 32, ALIGNMENT = _Alignof(max_align_t) };

struct arena_block {
    struct arena_block *next;
    size_t size_bytes, used_bytes;
    _Alignas(max_align_t) char bytes[];
};

void arena_init(struct arena *a, size_t max_bytes) {
    *a = (struct arena){.max_bytes = max_bytes};
}

void arena_done(struct arena *a) {
    while (a->blocks) {
        struct arena_block *next = a->blocks->next;
        free(a->blocks);
        a->blocks = next;
    }
    a->used_bytes = 0;
}

void arena_reset(struct arena *a) {
    while (a->blocks && a->blocks->next) {
        struct arena_block *next = a->blocks->next;
        free(a->blocks);
        a->blocks = next;
    }
    if (a->blocks)
        a->blocks->used_bytes = 0;
    a->used_bytes = 0;
}

static struct arena_block *add_block(struct arena *a, size_t n) {
    size_t size_bytes = n > BLOCK_BYTES ? n : BLOCK_BYTES;
    struct arena_block *block = mem_alloc(sizeof *block + size_bytes);
    block->next = a->blocks;
    block->size_bytes = size_bytes;
    block->used_bytes = 0;
    a->blocks = block;
    return block;
}

// Text needs no alignment and is packed; padding counts towards the ceiling, so that the ceiling is honest.
static void *take(struct arena *a, size_t n, size_t alignment) {
    if (n == 0)
        n = 1;
    struct arena_block *block = a->blocks;
    size_t padding = block ? (alignment - block->used_bytes % alignment) % alignment : 0;
    size_t free_bytes = block ? block->size_bytes - block->used_bytes : 0;
    bool fits = block && padding <= free_bytes && n <= free_bytes - padding;
    if (!fits)
        padding = 0;
    size_t left = a->max_bytes - a->used_bytes;
    if (padding > left || n > left - padding)
        return NULL;
    if (!fits)
        block = add_block(a, n);
    char *p = block->bytes + block->used_bytes + padding;
    block->used_bytes += padding + n;
    a->used_bytes += padding + n;
    return p;
}

void *arena_alloc(struct arena *a, size_t n) {
    void *p = take(a, n, ALIGNMENT);
    return p ? memset(p, 0, n) : NULL;
}

char *arena_strdup(struct arena *a, struct span s) {
    char *text = s.n < SIZE_MAX ? take(a, s.n + 1, 1) : NULL;
    if (!text)
        return NULL;
    if (s.n)
        memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    return text;
}

char *arena_printf(struct arena *a, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    ASSERT(length >= 0);
    size_t size_bytes = (size_t)length + 1;
    char *text = take(a, size_bytes, 1);
    if (!text)
        return NULL;
    va_start(args, format);
    vsnprintf(text, size_bytes, format, args);
    va_end(args);
    return text;
}
