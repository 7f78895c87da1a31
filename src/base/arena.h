// Memory that lives as long as one request: allocate freely, free once.
//
// The ceiling counts every byte handed out; past it arena_alloc returns NULL (arena_strdup and arena_printf too).
// Not thread-safe.
#ifndef SPEAR_BASE_ARENA_H
#define SPEAR_BASE_ARENA_H

#include "base/span.h"

struct arena_block;

struct arena {
    struct arena_block *blocks;
    size_t used_bytes;
    size_t max_bytes;
};

void arena_init(struct arena *a, size_t max_bytes);
void arena_done(struct arena *a);                   // frees everything
void arena_reset(struct arena *a);                  // frees all but the first block, for the next request
void *arena_alloc(struct arena *a, size_t n);       // zeroed, aligned for any type; NULL past the ceiling
char *arena_strdup(struct arena *a, struct span s); // NUL-terminated
char *arena_printf(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
