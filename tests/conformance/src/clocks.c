// clock_time_get, clock_res_get: monotonic does not go back, realtime is of this century, unknown clocks are EINVAL.
#include "check.h"

int main(void) {
    __wasi_timestamp_t before = 0, now = 0, resolution = 0;
    CHECK_ERRNO(0, __wasi_clock_time_get(__WASI_CLOCKID_MONOTONIC, 1, &before));
    for (int i = 0; i < 100; i++) {
        CHECK_ERRNO(0, __wasi_clock_time_get(__WASI_CLOCKID_MONOTONIC, 1, &now));
        CHECK(now >= before);
        before = now;
    }
    CHECK_ERRNO(0, __wasi_clock_time_get(__WASI_CLOCKID_REALTIME, 1, &now));
    CHECK(now > 1500000000000000000u);
    CHECK_ERRNO(0, __wasi_clock_res_get(__WASI_CLOCKID_REALTIME, &resolution));
    CHECK(resolution > 0);
    CHECK_ERRNO(__WASI_ERRNO_INVAL, __wasi_clock_time_get(1234, 1, &now));
    return 0;
}
