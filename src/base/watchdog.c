// Rounds of posts through all loops, one after the other, each begun by a timer of loop 0. What is counted is loop 0's.
#include "base/watchdog.h"

#include "base/mem.h"
#include "base/notify.h"
#include "base/span.h"

#include <stdlib.h>
#include <unistd.h>

enum { INTERVAL_MIN_MS = 1, US_PER_HALF_MS = 2000 };

struct watchdog_post {
    struct watchdog *watchdog;
    struct loop *loop;
};

struct watchdog {
    struct loop_group *loops;
    uint64_t interval_ms;
    size_t waiting; // loops that have not answered in this round
    struct watchdog_post posts[];
};

static void on_answer(void *arg) {
    struct watchdog *w = arg;
    if (--w->waiting == 0)
        notify_watchdog();
}

static void on_post(void *arg) {
    const struct watchdog_post *post = arg;
    (void)loop_post(loop_group_at(post->watchdog->loops, 0), on_answer, post->watchdog);
}

static void begin_round(struct watchdog *w) {
    w->waiting = loop_group_count(w->loops);
    for (size_t i = 0; i < loop_group_count(w->loops); i++)
        (void)loop_post(w->posts[i].loop, on_post, &w->posts[i]);
}

static void on_time(void *arg) {
    struct watchdog *w = arg;
    loop_timer_start(loop_group_at(w->loops, 0), w->interval_ms, on_time, w);
    if (w->waiting == 0) // else a loop is late: its answer ends the round
        begin_round(w);
}

// Half of what is wanted, 0 when nobody wants it of this process.
static uint64_t wanted_interval_ms(void) {
    const char *time_us = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    uint64_t us, wanted_pid;
    if (!time_us || !span_to_u64(span_of(time_us), &us) || us == 0)
        return 0;
    if (pid && (!span_to_u64(span_of(pid), &wanted_pid) || wanted_pid != (uint64_t)getpid()))
        return 0;
    return us / US_PER_HALF_MS > INTERVAL_MIN_MS ? us / US_PER_HALF_MS : INTERVAL_MIN_MS;
}

struct watchdog *watchdog_new(struct loop_group *loops) {
    uint64_t interval_ms = wanted_interval_ms();
    if (interval_ms == 0)
        return NULL;
    size_t count = loop_group_count(loops);
    struct watchdog *w = mem_calloc(1, sizeof *w + count * sizeof w->posts[0]);
    w->loops = loops;
    w->interval_ms = interval_ms;
    for (size_t i = 0; i < count; i++)
        w->posts[i] = (struct watchdog_post){w, loop_group_at(loops, i)};
    loop_timer_start(loop_group_at(loops, 0), interval_ms, on_time, w);
    return w;
}

void watchdog_free(struct watchdog *w) {
    free(w);
}
