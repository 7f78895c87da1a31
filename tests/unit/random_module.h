// Small valid modules made from a number, for tests that compare two ways to run one. The same number gives the same module.
//
// Functions f0, f1, … are (i32) -> (i32). They write memory and globals, grow memory, call each other directly and through a table, trap now and
// then, and always end: a global holds how many more calls and turns there may be. One module in twenty changes its table or drops a segment.
#ifndef SPEAR_TESTS_RANDOM_MODULE_H
#define SPEAR_TESTS_RANDOM_MODULE_H

#include "base/buf.h"

struct random_module {
    struct buf bytes;
    uint32_t function_count, memory_pages;
    bool leaves_traces; // it holds an instruction whose effect a reset of memory and globals does not undo
};

uint32_t random_next(uint64_t *seed);
// The caller frees ret->bytes (buf_done).
void random_module_make(uint64_t seed, struct random_module *ret);

#endif
