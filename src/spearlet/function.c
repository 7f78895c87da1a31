// Counting the holders of a task, and dividing its instances over the loops.
#include "spearlet/function.h"

#include "base/mem.h"

struct function *function_new(struct task *task) {
    struct function *f = NEW(struct function);
    f->task = task_ref(task);
    atomic_init(&f->references, 1);
    task_health_init(&f->health);
    return f;
}

struct function *function_ref(struct function *f) {
    atomic_fetch_add_explicit(&f->references, 1, memory_order_relaxed);
    return f;
}

void function_unref(struct function *f) {
    if (!f || atomic_fetch_sub_explicit(&f->references, 1, memory_order_acq_rel) != 1)
        return;
    task_unref(f->task);
    task_health_done(&f->health);
    free(f);
}

bool function_is_unused(const struct function *f) {
    return atomic_load_explicit(&f->references, memory_order_acquire) == 1;
}

size_t function_share(size_t total, size_t index, size_t count) {
    return total / count + (index < total % count);
}

static size_t assigned(const struct function *f, size_t index) {
    return atomic_load_explicit(&f->assigned[index], memory_order_relaxed);
}

// A hand-over costs a few microseconds, so that the queue at home must be twice as long.
static bool is_much_shorter(const struct function *f, size_t scale_max, size_t index, size_t than, size_t count) {
    return 2 * assigned(f, index) * function_share(scale_max, than, count) <
           assigned(f, than) * function_share(scale_max, index, count);
}

size_t function_choose_loop(const struct function *f, size_t scale_max, size_t home, size_t count) {
    size_t owners = scale_max < count ? scale_max : count; // the first ones have a share
    size_t best = home % owners;
    if (assigned(f, best) < function_share(scale_max, best, count))
        return best;
    for (size_t i = 0; i < owners; i++)
        if (assigned(f, i) < function_share(scale_max, i, count))
            return i;
    for (size_t i = 0; i < owners; i++)
        if (is_much_shorter(f, scale_max, i, best, count))
            best = i;
    return best;
}
