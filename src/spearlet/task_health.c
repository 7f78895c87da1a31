// Two atomics that every request looks at, and a text that few do.
#include "spearlet/task_health.h"

#include "base/mem.h"

#include <inttypes.h>
#include <stdio.h>

void task_health_init(struct task_health *h) {
    *h = (struct task_health){0};
    ASSERT(uv_mutex_init(&h->lock) == 0);
}

void task_health_done(struct task_health *h) {
    uv_mutex_destroy(&h->lock);
}

static uint64_t backoff_ms(unsigned crashes) {
    uint64_t ms = TASK_BACKOFF_FIRST_MS;
    if (crashes < TASK_CRASHES_MAX)
        return 0;
    for (unsigned i = TASK_CRASHES_MAX; i < crashes && ms < TASK_BACKOFF_MAX_MS; i++)
        ms *= 2;
    return ms < TASK_BACKOFF_MAX_MS ? ms : TASK_BACKOFF_MAX_MS;
}

// Workers that were started together may end together: that is one more crash each, and one time to wait.
uint64_t task_health_crashed(struct task_health *h, uint64_t now_us, const char *reason) {
    uv_mutex_lock(&h->lock);
    bool is_waiting = atomic_load(&h->until_us) > now_us;
    unsigned crashes = is_waiting ? atomic_load(&h->crashes) : atomic_fetch_add(&h->crashes, 1) + 1;
    uint64_t wait_ms = is_waiting ? 0 : backoff_ms(crashes);
    if (wait_ms)
        atomic_store(&h->until_us, now_us + wait_ms * 1000);
    snprintf(h->reason, sizeof h->reason, "%s", reason);
    uv_mutex_unlock(&h->lock);
    return wait_ms;
}

bool task_health_answered(struct task_health *h) {
    if (atomic_load_explicit(&h->crashes, memory_order_relaxed) == 0)
        return false;
    uv_mutex_lock(&h->lock);
    bool was_unhealthy = task_health_is_unhealthy(h);
    atomic_store(&h->crashes, 0);
    atomic_store(&h->until_us, 0);
    uv_mutex_unlock(&h->lock);
    return was_unhealthy;
}

bool task_health_is_unhealthy(const struct task_health *h) {
    return atomic_load(&h->crashes) >= TASK_CRASHES_MAX;
}

uint64_t task_health_wait_ms(const struct task_health *h, uint64_t now_us) {
    uint64_t until_us = atomic_load(&h->until_us);
    return until_us > now_us ? (until_us - now_us + 999) / 1000 : 0;
}

void task_health_view(struct task_health *h, uint64_t now_us, struct task_health_view *ret) {
    uv_mutex_lock(&h->lock);
    ret->is_unhealthy = task_health_is_unhealthy(h);
    ret->crashes = atomic_load(&h->crashes);
    ret->wait_ms = task_health_wait_ms(h, now_us);
    memcpy(ret->reason, h->reason, sizeof ret->reason);
    uv_mutex_unlock(&h->lock);
}

int task_health_refuse(struct task_health *h, uint64_t now_us, const char *task_name, struct err *e) {
    struct task_health_view view;
    task_health_view(h, now_us, &view);
    return err_set(e, ERR_UNAVAILABLE,
                   "task \"%s\" is unhealthy here: %u of its workers in a row ended before they had answered, the last "
                   "one: %.500s; the next one "
                   "is tried in %" PRIu64 " ms",
                   task_name, view.crashes, view.reason, view.wait_ms);
}
