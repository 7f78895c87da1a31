// A task as this node serves it: the task itself, which is immutable, and what the loops share about it.
//
// Shared by reference count; everything here is for any thread.
#ifndef SPEAR_SPEARLET_FUNCTION_H
#define SPEAR_SPEARLET_FUNCTION_H

#include "model/task.h"
#include "spearlet/task_health.h"

#include <stdatomic.h>

enum { FUNCTION_LOOPS_MAX = 64 }; // as many as base/loop_group.h has

struct function {
    struct task *task;
    atomic_uint references;
    atomic_size_t waiting;                    // requests in the queues of all loops
    size_t instances;                         // of the node's; behind the lock of instance_slots
    atomic_uint assigned[FUNCTION_LOOPS_MAX]; // requests that each loop runs or has waiting
    struct task_health health;
    atomic_bool deleted; // sms has it no more: nothing new is started
    atomic_bool warmed;  // scale.min was looked at
};

// Takes its own reference on the task.
struct function *function_new(struct task *task);
struct function *function_ref(struct function *f);
void function_unref(struct function *f); // NULL allowed
// True when the caller's reference is the only one.
bool function_is_unused(const struct function *f);

// What loop `index` of `count` has of a total: shares differ by one at most and add up to the total.
size_t function_share(size_t total, size_t index, size_t count);
// The loop for a request that came in on loop `home`, with scale_max divided over `count` loops: home while it has a free
// instance, or room for one; else a loop that has; else home again, unless another one's queue is much shorter.
size_t function_choose_loop(const struct function *f, size_t scale_max, size_t home, size_t count);

#endif
