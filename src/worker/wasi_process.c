// WASI: the process itself. Arguments, environment, leaving, yielding, random bytes.
#include "worker/wasi.h"

#include <errno.h>
#include <sched.h>
#include <sys/random.h>

enum {
    SIGNAL_NONE = 0,
    SIGNAL_CHLD = 16,
    SIGNAL_CONT = 17,
    SIGNAL_STOP = 18,
    SIGNAL_TTOU = 21,
    SIGNAL_URG = 22,
    SIGNAL_WINCH = 27,
    SIGNAL_MAX = 30,
    SIGNAL_EXIT_BASE = 128
};

// Writes the table of pointers at `table` and the NUL-terminated strings at `strings`.
static enum wasi_errno put_strings(const struct host_call *c, const struct span *list, uint32_t count, uint32_t table,
                                   uint32_t strings) {
    for (uint32_t i = 0; i < count; i++) {
        uint32_t n = (uint32_t)list[i].n;
        if (!host_put_u32(c, table, strings) || !host_put(c, strings, list[i].p, n) || !host_put(c, strings + n, "", 1))
            return WASI_EFAULT;
        table += (uint32_t)sizeof(uint32_t);
        strings += n + 1;
    }
    return WASI_SUCCESS;
}

static enum wasi_errno put_sizes(const struct host_call *c, const struct span *list, uint32_t count) {
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < count; i++)
        bytes += list[i].n + 1;
    if (bytes > UINT32_MAX)
        return WASI_EOVERFLOW;
    return host_put_u32(c, host_u32(c, 0), count) && host_put_u32(c, host_u32(c, 1), (uint32_t)bytes) ? WASI_SUCCESS
                                                                                                      : WASI_EFAULT;
}

WASI_FUNCTION(args_get) {
    return put_strings(c, c->guest->args, c->guest->arg_count, host_u32(c, 0), host_u32(c, 1));
}

WASI_FUNCTION(args_sizes_get) {
    return put_sizes(c, c->guest->args, c->guest->arg_count);
}

WASI_FUNCTION(environ_get) {
    return put_strings(c, c->guest->environment, c->guest->environment_count, host_u32(c, 0), host_u32(c, 1));
}

WASI_FUNCTION(environ_sizes_get) {
    return put_sizes(c, c->guest->environment, c->guest->environment_count);
}

// Has no result: it does not come back.
void wasi_proc_exit(void *ctx, struct engine_memory *memory, const struct engine_value *params,
                    struct engine_value *results, bool *ret_exit) {
    (void)memory, (void)results;
    struct guest *g = ctx;
    g->exited = true;
    g->exit_code = (uint32_t)params[0].of.i32;
    *ret_exit = true;
}

// Ends the guest as the signal would by default, with the exit code a shell would tell (witx `signal`).
WASI_FUNCTION(proc_raise) {
    uint32_t number = host_u32(c, 0) & 0xff;
    if (number > SIGNAL_MAX)
        return WASI_EINVAL;
    if (number >= SIGNAL_STOP && number <= SIGNAL_TTOU)
        return WASI_ENOTSUP; // nobody could make it go on
    if (number == SIGNAL_NONE || number == SIGNAL_CHLD || number == SIGNAL_CONT || number == SIGNAL_URG ||
        number == SIGNAL_WINCH)
        return WASI_SUCCESS;
    c->guest->exited = true;
    c->guest->exit_code = SIGNAL_EXIT_BASE + number;
    *c->ret_exit = true;
    return WASI_SUCCESS;
}

WASI_FUNCTION(sched_yield) {
    (void)c;
    sched_yield();
    return WASI_SUCCESS;
}

WASI_FUNCTION(random_get) {
    uint32_t n = host_u32(c, 1);
    uint8_t *to = engine_memory_at(c->memory, host_u32(c, 0), n);
    if (!to)
        return WASI_EFAULT;
    // Large requests come back short; a signal may interrupt them.
    for (uint32_t done = 0; done < n;) {
        ssize_t got = getrandom(to + done, n - done, 0);
        if (got < 0 && errno != EINTR)
            return WASI_EIO;
        done += got > 0 ? (uint32_t)got : 0;
    }
    return WASI_SUCCESS;
}
