// WASI: reading clocks.
#include "worker/wasi_clock.h"

#include "worker/wasi.h"

bool wasi_clock_id(uint32_t wasi_id, clockid_t *ret) {
    static const clockid_t ids[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID};
    if (wasi_id >= sizeof ids / sizeof ids[0])
        return false;
    *ret = ids[wasi_id];
    return true;
}

WASI_FUNCTION(clock_res_get) {
    clockid_t id;
    struct timespec resolution;
    if (!wasi_clock_id(host_u32(c, 0), &id) || clock_getres(id, &resolution))
        return WASI_EINVAL;
    return host_put_u64(c, host_u32(c, 1), wasi_nanoseconds(resolution)) ? WASI_SUCCESS : WASI_EFAULT;
}

WASI_FUNCTION(clock_time_get) {
    clockid_t id;
    struct timespec now;
    if (!wasi_clock_id(host_u32(c, 0), &id) || clock_gettime(id, &now))
        return WASI_EINVAL;
    return host_put_u64(c, host_u32(c, 2), wasi_nanoseconds(now)) ? WASI_SUCCESS : WASI_EFAULT;
}
