// A list under a mutex. Grants are posted to the waiter's loop after the lock is given back; until one has arrived its waiter stays where it is.
#include "spearlet/instance_slots.h"

#include "base/mem.h"

void instance_slots_init(struct instance_slots *s, size_t max) {
    *s = (struct instance_slots){.max = max};
    ASSERT(uv_mutex_init(&s->lock) == 0);
}

void instance_slots_done(struct instance_slots *s) {
    uv_mutex_destroy(&s->lock);
}

// ---- under the lock

static void append(struct instance_slots *s, struct slot_waiter *w) {
    w->previous = s->last;
    w->next = NULL;
    if (s->last)
        s->last->next = w;
    else
        s->first = w;
    s->last = w;
    w->is_waiting = true;
    atomic_fetch_add(&s->waiting, 1);
}

static void unlink_waiter(struct instance_slots *s, struct slot_waiter *w) {
    if (w->previous)
        w->previous->next = w->next;
    else
        s->first = w->next;
    if (w->next)
        w->next->previous = w->previous;
    else
        s->last = w->previous;
    w->is_waiting = false;
    atomic_fetch_sub(&s->waiting, 1);
}

// Of the one whose task has the fewest, the first; never of `except`.
static struct slot_waiter *neediest(const struct instance_slots *s, const struct function *except) {
    struct slot_waiter *found = NULL;
    for (struct slot_waiter *w = s->first; w; w = w->next)
        if (w->function != except && (!found || w->function->instances < found->function->instances))
            found = w;
    return found;
}

static struct slot_waiter *grant(struct instance_slots *s) {
    struct slot_waiter *w = s->used < s->max ? neediest(s, NULL) : NULL;
    if (!w)
        return NULL;
    unlink_waiter(s, w);
    w->is_granted = true;
    w->function->instances++;
    s->used++;
    return w;
}

// ---- taking and giving

bool instance_slots_take(struct instance_slots *s, struct function *f) {
    uv_mutex_lock(&s->lock);
    bool taken = s->used < s->max && !s->first;
    if (taken) {
        s->used++;
        f->instances++;
    }
    uv_mutex_unlock(&s->lock);
    return taken;
}

void instance_slots_give(struct instance_slots *s, struct function *f) {
    uv_mutex_lock(&s->lock);
    ASSERT(s->used > 0 && f->instances > 0);
    s->used--;
    f->instances--;
    struct slot_waiter *w = grant(s);
    uv_mutex_unlock(&s->lock);
    if (w)
        ASSERT(loop_post(w->loop, w->granted, w->arg)); // its owner keeps its loop
}

void instance_slots_wait(struct instance_slots *s, struct slot_waiter *w) {
    uv_mutex_lock(&s->lock);
    if (!w->is_waiting && !w->is_granted)
        append(s, w);
    struct slot_waiter *granted = grant(s); // one may have come free since it was asked for
    uv_mutex_unlock(&s->lock);
    if (granted)
        ASSERT(loop_post(granted->loop, granted->granted, granted->arg));
}

bool instance_slots_leave(struct instance_slots *s, struct slot_waiter *w) {
    uv_mutex_lock(&s->lock);
    if (w->is_waiting)
        unlink_waiter(s, w);
    bool has_left = !w->is_granted;
    uv_mutex_unlock(&s->lock);
    return has_left;
}

void instance_slots_arrived(struct instance_slots *s, struct slot_waiter *w) {
    uv_mutex_lock(&s->lock);
    w->is_granted = false;
    uv_mutex_unlock(&s->lock);
}

// ---- looking

bool instance_slots_wanted(struct instance_slots *s) {
    return atomic_load(&s->waiting) > 0;
}

bool instance_slots_should_yield(struct instance_slots *s, const struct function *f) {
    if (!instance_slots_wanted(s))
        return false;
    uv_mutex_lock(&s->lock);
    const struct slot_waiter *w = neediest(s, f);
    bool should = w && (w->function->instances == 0 || w->function->instances + 2 <= f->instances);
    uv_mutex_unlock(&s->lock);
    return should;
}

size_t instance_slots_used(struct instance_slots *s) {
    uv_mutex_lock(&s->lock);
    size_t used = s->used;
    uv_mutex_unlock(&s->lock);
    return used;
}

bool instance_slots_free(struct instance_slots *s) {
    uv_mutex_lock(&s->lock);
    bool is_free = s->used < s->max && !s->first;
    uv_mutex_unlock(&s->lock);
    return is_free;
}
