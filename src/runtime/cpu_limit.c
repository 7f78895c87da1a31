// One thread uses at most a second of processor time in a second: the timer is set to what is left, and set again when some of it is.
#include "runtime/cpu_limit.h"

#include "base/mem.h"

#include <time.h>

struct cpu_limit {
    struct loop *loop;
    struct loop_timer *timer;
    clockid_t clock;
    uint64_t until_us; // on that clock
    void (*passed)(void *ctx);
    void *ctx;
};

// False when the process is gone.
static bool used_us(clockid_t clock, uint64_t *ret) {
    struct timespec t;
    if (clock_gettime(clock, &t) != 0)
        return false;
    *ret = (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
    return true;
}

static void look(void *arg) {
    struct cpu_limit *c = arg;
    uint64_t now_us;
    c->timer = NULL;
    if (!used_us(c->clock, &now_us))
        return; // its end is about to be seen
    if (now_us >= c->until_us)
        c->passed(c->ctx);
    else
        c->timer = loop_timer_start(c->loop, (c->until_us - now_us + 999) / 1000, look, c);
}

struct cpu_limit *cpu_limit_start(struct loop *loop, int pid, uint64_t max_ms, void (*passed)(void *ctx), void *ctx) {
    clockid_t clock;
    uint64_t now_us;
    if (max_ms == 0 || pid == 0 || clock_getcpuclockid(pid, &clock) != 0 || !used_us(clock, &now_us))
        return NULL;
    struct cpu_limit *c = NEW(struct cpu_limit);
    *c = (struct cpu_limit){
        .loop = loop, .clock = clock, .until_us = now_us + max_ms * 1000, .passed = passed, .ctx = ctx};
    c->timer = loop_timer_start(loop, max_ms, look, c);
    return c;
}

void cpu_limit_stop(struct cpu_limit *c) {
    if (!c)
        return;
    loop_timer_cancel(c->timer);
    free(c);
}
