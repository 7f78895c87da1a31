// poll_oneoff: of a short and a long wait the short one comes, after its time, with the user's data.
#include "check.h"

static __wasi_subscription_t after(uint64_t userdata, uint64_t timeout_ns) {
    __wasi_subscription_t s = {.userdata = userdata, .u = {.tag = __WASI_EVENTTYPE_CLOCK}};
    s.u.u.clock = (__wasi_subscription_clock_t){.id = __WASI_CLOCKID_MONOTONIC, .timeout = timeout_ns};
    return s;
}

int main(void) {
    __wasi_subscription_t waits[] = {after(7, 60000000000u), after(8, 5000000)};
    __wasi_event_t events[2];
    __wasi_size_t n = 0;
    __wasi_timestamp_t begin, end;
    CHECK_ERRNO(0, __wasi_clock_time_get(__WASI_CLOCKID_MONOTONIC, 1, &begin));
    CHECK_ERRNO(0, __wasi_poll_oneoff(waits, events, 2, &n));
    CHECK_ERRNO(0, __wasi_clock_time_get(__WASI_CLOCKID_MONOTONIC, 1, &end));
    CHECK(n == 1 && events[0].userdata == 8 && events[0].error == 0 && events[0].type == __WASI_EVENTTYPE_CLOCK);
    CHECK(end - begin >= 5000000);
    CHECK_ERRNO(__WASI_ERRNO_INVAL, __wasi_poll_oneoff(waits, events, 0, &n));
    return 0;
}
