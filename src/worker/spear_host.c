// Module `spear`. A function is one here, a line in host_table.c and a declaration in sdk/c/spear.h.
#include "worker/spear_host.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>

void spear_host_time_now_ms(void *ctx, struct engine_memory *memory, const struct engine_value *params,
                            struct engine_value *results, bool *ret_exit) {
    (void)ctx, (void)memory, (void)params, (void)ret_exit;
    results[0] = (struct engine_value){.type = ENGINE_I64, .of.i64 = clock_unix_ms()};
}

static int32_t log_line(const struct host_call *c) {
    static const struct span prefixes[] = {
        {"[TRACE] ", 8}, {"[DEBUG] ", 8}, {"[INFO] ", 7}, {"[WARN] ", 7}, {"[ERROR] ", 8}};
    uint32_t level = host_u32(c, 0), n = host_u32(c, 2);
    if (level >= COUNT_OF(prefixes))
        return -EINVAL;
    if (n > SPEAR_LOG_BYTES_MAX)
        return -E2BIG;
    const void *text = engine_memory_at(c->memory, host_u32(c, 1), n);
    if (!text)
        return -EFAULT;
    guest_write_log(c->guest, prefixes[level].p, prefixes[level].n);
    guest_write_log(c->guest, text, n);
    guest_write_log(c->guest, "\n", 1);
    return 0;
}

void spear_host_log(void *ctx, struct engine_memory *memory, const struct engine_value *params,
                    struct engine_value *results, bool *ret_exit) {
    const struct host_call call = {ctx, memory, params, ret_exit};
    results[0] = (struct engine_value){.type = ENGINE_I32, .of.i32 = log_line(&call)};
}
