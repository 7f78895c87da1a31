// How many lines of one kind a second may bring: what outsiders can cause must not fill the log. From any thread.
#ifndef SPEAR_BASE_LOG_LIMIT_H
#define SPEAR_BASE_LOG_LIMIT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct log_limit { // zeroed at first
    _Atomic uint64_t second, taken, held_back;
};

// True when a line may be written now, one of at most `per_second`; *ret_held_back tells how many were held back before it, to
// be said with it.
bool log_limit_take(struct log_limit *l, uint64_t now_us, uint64_t per_second, uint64_t *ret_held_back);

#endif
