// The counters behind runtime_stats: one set a process, written from every loop.
//
// They only ever grow; readers see each one whole, not all of them of one moment. Read them through runtime_stats.
#ifndef SPEAR_RUNTIME_COUNTERS_H
#define SPEAR_RUNTIME_COUNTERS_H

#include "model/states.h"

#include <stdatomic.h>
#include <stdint.h>

struct runtime_counters {
    _Atomic uint64_t instances_created, instances_failed, workers_started, workers_exited, workers_killed,
        zygote_starts;
    _Atomic uint64_t downloads, download_retries, artifact_hits, artifact_misses, modules_prepared, modules_refused;
    _Atomic uint64_t native_hits, native_misses, native_refused, compiles_started, compiles_done, compiles_failed,
        compiles_cancelled;
    _Atomic uint64_t invocations, invocations_failed, invocations_timed_out;
    _Atomic uint64_t states_made, states_made_ahead, states_reset, states_kept, states_renew_us;
    _Atomic uint64_t state_entries[INSTANCE_STATE_COUNT], state_us[INSTANCE_STATE_COUNT];
};

static inline void counter_add(_Atomic uint64_t *counter, uint64_t n) {
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}
static inline uint64_t counter_get(_Atomic uint64_t *counter) {
    return atomic_load_explicit(counter, memory_order_relaxed);
}

#endif
