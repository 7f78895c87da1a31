// Counting the holders of a task, and dividing its instances over the loops.
#include "spearlet/function.h"

#include "base/mem.h"

struct function *function_new(struct task *task) {
    struct function *f = NEW(struct function);
    f->task = task_ref(task);
    atomic_init(&f->references, 1);
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
    free(f);
}

bool function_is_unused(const struct function *f) {
    return atomic_load_explicit(&f->references, memory_order_acquire) == 1;
}

size_t function_share(size_t total, size_t index, size_t count) {
    return total / count + (index < total % count);
}
