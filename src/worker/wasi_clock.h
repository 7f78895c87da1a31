// The clocks of WASI preview 1 as those of Linux; for wasi_clock.c and wasi_poll.c.
#ifndef SPEAR_WORKER_WASI_CLOCK_H
#define SPEAR_WORKER_WASI_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

// False for an unknown one.
bool wasi_clock_id(uint32_t wasi_id, clockid_t *ret);
static inline uint64_t wasi_nanoseconds(struct timespec t) {
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

#endif
