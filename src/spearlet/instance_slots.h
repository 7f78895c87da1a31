// The instances that a node may have (`instances-max`), and who waits for one.
//
// Whoever finds none free waits in a line. A slot that comes free goes to the one whose task has the fewest instances, and of those to the one
// who has waited longest: however much one task asks for, the others get as many as it has. Thread-safe; the lock guards a few fields.
#ifndef SPEAR_SPEARLET_INSTANCE_SLOTS_H
#define SPEAR_SPEARLET_INSTANCE_SLOTS_H

#include "base/loop.h"
#include "spearlet/function.h"

// One who waits. Begins as all zero bytes but for what `instance_slots_wait` needs, which stays as it is.
struct slot_waiter {
    struct function *function; // the owner's reference
    struct loop *loop;
    loop_fn *granted; // called on the loop, with arg: a slot is the owner's
    void *arg;
    // The line's.
    struct slot_waiter *previous, *next;
    bool is_waiting, is_granted;
};

struct instance_slots {
    uv_mutex_t lock;
    size_t max, used;
    struct slot_waiter *first, *last;
    atomic_size_t waiting; // in the line; may be looked at without the lock
};

void instance_slots_init(struct instance_slots *s, size_t max);
void instance_slots_done(struct instance_slots *s);
// Takes one for the function. False when none is free, or others wait already.
bool instance_slots_take(struct instance_slots *s, struct function *f);
void instance_slots_give(struct instance_slots *s, struct function *f);
// Joins the line, unless it is there or a slot is on its way.
void instance_slots_wait(struct instance_slots *s, struct slot_waiter *w);
// Leaves the line. False when a slot is on its way: `granted` comes all the same.
bool instance_slots_leave(struct instance_slots *s, struct slot_waiter *w);
// In `granted`: the slot has come.
void instance_slots_arrived(struct instance_slots *s, struct slot_waiter *w);
// Somebody waits. Cheap; of a moment ago.
bool instance_slots_wanted(struct instance_slots *s);
// True when a function that has something to do should all the same give an instance up: another one waits that has none, or two fewer.
bool instance_slots_should_yield(struct instance_slots *s, const struct function *f);
size_t instance_slots_used(struct instance_slots *s);
bool instance_slots_free(struct instance_slots *s); // one is free, and nobody waits for it

#endif
