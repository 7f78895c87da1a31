// Both ends of the ring, in terms of atomics and one futex. ring.h says what is promised. The order of memory is the strongest one wherever a
// side raises a flag and then looks, since both must not miss each other; release and acquire elsewhere.
#include "ipc/ring.h"

#include <linux/futex.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

static void futex_wait(_Atomic uint32_t *word, uint32_t while_it_is) {
    syscall(SYS_futex, word, FUTEX_WAIT, while_it_is, NULL, NULL, 0);
}

static void futex_wake_one(_Atomic uint32_t *word) {
    syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

// ---- spearlet's end

void ring_client_init(struct ring_client *c, struct ipc_ring *shared) {
    *c = (struct ring_client){.shared = shared};
}

uint32_t ring_in_flight(const struct ring_client *c) {
    return c->submitted - c->taken;
}

int ring_reserve(struct ring_client *c) {
    for (unsigned slot = 0; slot < IPC_RING_SLOTS; slot++) {
        if (c->reserved & (1u << slot))
            continue;
        c->reserved |= 1u << slot;
        return (int)slot;
    }
    return -1;
}

void ring_give_back(struct ring_client *c, unsigned slot) {
    c->reserved &= ~(1u << slot);
}

void ring_submit(struct ring_client *c, unsigned slot) {
    struct ipc_ring *r = c->shared;
    struct ipc_slot *s = &r->slots[slot];
    uint32_t place = c->submitted % IPC_RING_SLOTS;
    atomic_store_explicit(&s->output_flags, 0, memory_order_relaxed);
    atomic_store_explicit(&s->output_written, 0, memory_order_relaxed);
    atomic_store_explicit(&s->output_taken, 0, memory_order_relaxed);
    s->progress = (struct ipc_progress){0}; // not what the slot's last one had written
    atomic_store_explicit(&s->state, IPC_SLOT_WAITING, memory_order_relaxed);
    c->order[place] = (uint8_t)slot;
    atomic_store_explicit(&r->order[place], (uint8_t)slot, memory_order_relaxed);
    c->submitted++;
    atomic_store(&r->submitted, c->submitted); // before the look at worker_sleeps
}

static bool wake(struct ipc_ring *r) {
    if (!atomic_exchange(&r->worker_sleeps, RING_AWAKE))
        return false;
    futex_wake_one(&r->worker_sleeps);
    return true;
}

bool ring_wake(struct ring_client *c) {
    if (c->told == c->submitted)
        return false;
    c->told = c->submitted;
    return atomic_load(&c->shared->worker_sleeps) && wake(c->shared);
}

void ring_make_room(struct ring_client *c) {
    if (atomic_load(&c->shared->worker_sleeps) == RING_WANTS_ROOM)
        wake(c->shared);
}

void ring_call(struct ring_client *c) {
    atomic_fetch_add(&c->shared->attention, 1);
    wake(c->shared);
}

bool ring_withdraw(struct ring_client *c, unsigned slot) {
    uint32_t waiting = IPC_SLOT_WAITING;
    return atomic_compare_exchange_strong(&c->shared->slots[slot].state, &waiting, IPC_SLOT_WITHDRAWN);
}

bool ring_has_begun(const struct ring_client *c, unsigned slot) {
    return atomic_load(&c->shared->slots[slot].state) == IPC_SLOT_BEGUN;
}

// How many ends the worker claims to have given that we have not read.
static uint32_t ends_there(const struct ring_client *c) {
    return atomic_load(&c->shared->finished) - c->taken;
}

bool ring_is_finished(const struct ring_client *c, unsigned slot) {
    uint32_t ends = ends_there(c);
    for (uint32_t i = 0; i < ends && i < ring_in_flight(c); i++)
        if (c->order[(c->taken + i) % IPC_RING_SLOTS] == slot)
            return true;
    return false;
}

int ring_finished(const struct ring_client *c) {
    uint32_t ends = ends_there(c);
    if (ends == 0)
        return RING_NOTHING;
    return ends > ring_in_flight(c) ? RING_LIES : ring_oldest(c);
}

int ring_oldest(const struct ring_client *c) {
    return ring_in_flight(c) == 0 ? -1 : c->order[c->taken % IPC_RING_SLOTS];
}

void ring_release(struct ring_client *c) {
    ring_give_back(c, c->order[c->taken % IPC_RING_SLOTS]);
    c->taken++;
    atomic_store(&c->shared->taken, c->taken); // before the look at worker_sleeps
}

void ring_listen(struct ring_client *c) {
    atomic_store(&c->shared->spearlet_listens, 1);
}

// ---- the worker's end

void ring_server_init(struct ring_server *s, struct ipc_ring *shared, int wake_fd) {
    *s = (struct ring_server){.shared = shared, .wake_fd = wake_fd};
}

int ring_next(const struct ring_server *s) {
    struct ipc_ring *r = s->shared;
    if (atomic_load(&r->submitted) == s->finished)
        return RING_NOTHING;
    unsigned slot = atomic_load_explicit(&r->order[s->finished % IPC_RING_SLOTS], memory_order_relaxed);
    return slot < IPC_RING_SLOTS ? (int)slot : RING_LIES;
}

bool ring_begin(struct ring_server *s, unsigned slot) {
    uint32_t waiting = IPC_SLOT_WAITING;
    return atomic_compare_exchange_strong(&s->shared->slots[slot].state, &waiting, IPC_SLOT_BEGUN);
}

void ring_tell(struct ring_server *s) {
    const uint64_t one = 1;
    struct ipc_ring *r = s->shared;
    if (atomic_load(&r->spearlet_listens) && atomic_exchange(&r->spearlet_listens, 0))
        (void)!write(s->wake_fd, &one, sizeof one); // full means told
}

void ring_finish(struct ring_server *s) {
    s->finished++;
    atomic_store(&s->shared->finished, s->finished); // before the look at spearlet_listens
    ring_tell(s);
}

bool ring_is_called(const struct ring_server *s) {
    return atomic_load(&s->shared->attention) != s->attention;
}

bool ring_was_called(struct ring_server *s) {
    bool called = ring_is_called(s);
    s->attention = atomic_load(&s->shared->attention);
    return called;
}

bool ring_is_alone(const struct ring_server *s) {
    return atomic_load(&s->shared->taken) == s->finished;
}

void ring_sleep(struct ring_server *s, enum ring_sleep why, bool (*due)(void *ctx), void *ctx) {
    _Atomic uint32_t *sleeps = &s->shared->worker_sleeps;
    while (!due(ctx)) {
        atomic_store(sleeps, why); // before the look that decides
        if (!due(ctx))
            futex_wait(sleeps, why); // returns at once when it is that no more
        atomic_store(sleeps, RING_AWAKE);
    }
}
