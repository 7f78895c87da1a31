// A reactor: _initialize runs once when the state is made, then exports are called by name. Every invocation starts from
// that state, unless the task sets instance.reuse=true.
#include <stdint.h>
#include <stdio.h>

static int64_t count;

__attribute__((constructor)) static void begin_at_hundred(void) {
    count = 100;
}

__attribute__((export_name("next"))) int64_t next(void) {
    return ++count;
}

__attribute__((export_name("add"))) int64_t add(int32_t n) {
    count += n;
    printf("count is %lld\n", (long long)count);
    fflush(stdout);
    return count;
}
