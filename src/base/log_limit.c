// Counting lines in a second. Two threads that begin a second together may write a few lines more than allowed; no count is lost.
#include "base/log_limit.h"

enum { SECOND_US = 1000 * 1000 };

bool log_limit_take(struct log_limit *l, uint64_t now_us, uint64_t per_second, uint64_t *ret_held_back) {
    uint64_t now = now_us / SECOND_US, then = atomic_load(&l->second);
    if (now != then && atomic_compare_exchange_strong(&l->second, &then, now))
        atomic_store(&l->taken, 0);
    if (atomic_fetch_add(&l->taken, 1) >= per_second) {
        atomic_fetch_add(&l->held_back, 1);
        return false;
    }
    *ret_held_back = atomic_exchange(&l->held_back, 0);
    return true;
}
