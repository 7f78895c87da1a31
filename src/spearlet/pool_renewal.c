// Which instance is replaced when; pool_renewal.h says by what rule. Everything runs on the pool's loop.
#include "spearlet/pool_renewal.h"

// Those of a task whose workers crash are left alone.
static bool is_outdated(const struct pool_member *m) {
    const struct function *f = m->pool->function;
    return m->instance && !f->task->limits.instance_reuse && !task_health_is_unhealthy(&f->health) &&
           instance_is_outdated(m->instance);
}

static void leave(struct pool_member *m) {
    pool_member_leave(m, service_settings(m->pool->loop)->node.stop_grace_ms);
}

static struct pool_member *outdated_idle(const struct instance_pool *pool) {
    struct pool_member *m = pool->ready_last;
    while (m && !is_outdated(m))
        m = m->ready_previous;
    return m;
}

static bool has_outdated_running(const struct instance_pool *pool) {
    for (const struct pool_member *m = pool->members; m; m = m->next)
        if (m->state == MEMBER_RUNNING && is_outdated(m))
            return true;
    return false;
}

static bool is_starting_any(const struct instance_pool *pool) {
    for (const struct pool_member *m = pool->members; m; m = m->next)
        if (m->state == MEMBER_STARTING)
            return true;
    return false;
}

// True while a new one is on its way.
static bool begin(struct instance_pool *pool) {
    if (pool->renewing)
        return true;
    if (pool->total >= pool->share || !instance_slots_take(service_slots(pool->loop), pool->function))
        return false;
    pool_member_start(pool, NULL);
    pool->renewing = pool->members; // the newest stands first
    return true;
}

void pool_renewal_look(struct instance_pool *pool) {
    struct pool_member *old = outdated_idle(pool);
    if (!old)
        pool->has_old_code = has_outdated_running(pool) || is_starting_any(pool);
    else if (!begin(pool) && pool->leaving == 0)
        leave(old);
    if (!pool->has_old_code)
        pool->renewed = 0;
}

void pool_renewal_started(struct pool_member *m) {
    struct instance_pool *pool = m->pool;
    if (pool->renewing != m)
        return;
    pool->renewing = NULL;
    struct pool_member *old = outdated_idle(pool);
    if (old)
        leave(old);
    else
        pool->renewed += has_outdated_running(pool);
}

bool pool_renewal_released(struct pool_member *m) {
    struct instance_pool *pool = m->pool;
    if (!pool->has_old_code || !is_outdated(m))
        return false;
    if (pool->renewed > 0)
        pool->renewed--;
    else if (begin(pool) || pool->leaving > 0)
        return false;
    leave(m);
    return true;
}
