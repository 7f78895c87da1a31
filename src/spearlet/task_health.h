// Whether the workers of a task live. One that ends before it has answered anything, or cannot be started, is a crash; so many of them in a row
// make the task unhealthy: for a while, which doubles each time, nothing of it is started and its requests are refused with the reason. Then one
// worker is tried. The first answer of a worker ends it all.
//
// What a guest does to itself alone is no crash: a trap, an exit code, a deadline, limit.cpu_ms. Thread-safe.
#ifndef SPEAR_SPEARLET_TASK_HEALTH_H
#define SPEAR_SPEARLET_TASK_HEALTH_H

#include "base/err.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

enum { TASK_CRASHES_MAX = 5, TASK_BACKOFF_FIRST_MS = 1000, TASK_BACKOFF_MAX_MS = 60000 };

struct task_health {
    uv_mutex_t lock;
    atomic_uint crashes;       // in a row
    _Atomic uint64_t until_us; // nothing is started before
    char reason[ERR_TEXT_MAX]; // of the last crash; behind the lock
};

void task_health_init(struct task_health *h);
void task_health_done(struct task_health *h);
// Returns how long nothing will be started, in milliseconds; 0: too few yet.
uint64_t task_health_crashed(struct task_health *h, uint64_t now_us, const char *reason);
// A worker has answered. True when the task was unhealthy until now.
bool task_health_answered(struct task_health *h);
bool task_health_is_unhealthy(const struct task_health *h);
// How long nothing may be started, in milliseconds.
uint64_t task_health_wait_ms(const struct task_health *h, uint64_t now_us);

struct task_health_view {
    bool is_unhealthy;
    unsigned crashes;
    uint64_t wait_ms;
    char reason[ERR_TEXT_MAX];
};
void task_health_view(struct task_health *h, uint64_t now_us, struct task_health_view *ret);
// ERR_UNAVAILABLE with reason and time. Returns -1.
int task_health_refuse(struct task_health *h, uint64_t now_us, const char *task_name, struct err *e);

#endif
