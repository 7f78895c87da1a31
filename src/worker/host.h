// Everything a guest can call, in one table, and the helpers its functions are written with.
//
// `ctx` of every host function is a struct guest. Pointers of a guest are 32-bit offsets that nothing vouches for: they are only ever
// used through host_put_*, host_get_* and engine_memory_at, which refuse what is not wholly inside its memory.
#ifndef SPEAR_WORKER_HOST_H
#define SPEAR_WORKER_HOST_H

#include "worker/engine.h"
#include "worker/guest.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "guest memory is little-endian and is copied as it is");

// wasi_snapshot_preview1, wasi_unstable and spear; entries of one module stand together.
const struct engine_host_function *host_functions(size_t *ret_count);

// One call in progress.
struct host_call {
    struct guest *guest;
    struct engine_memory *memory;
    const struct engine_value *params;
    bool *ret_exit;
};
static inline uint32_t host_u32(const struct host_call *c, unsigned index) {
    return (uint32_t)c->params[index].of.i32;
}
static inline uint64_t host_u64(const struct host_call *c, unsigned index) {
    return (uint64_t)c->params[index].of.i64;
}

// Copies to and from the guest's memory; false when out of bounds.
bool host_put(const struct host_call *c, uint32_t at, const void *from, uint32_t n);
bool host_get(const struct host_call *c, uint32_t at, void *to, uint32_t n);
static inline bool host_put_u32(const struct host_call *c, uint32_t at, uint32_t value) {
    return host_put(c, at, &value, sizeof value);
}
static inline bool host_put_u64(const struct host_call *c, uint32_t at, uint64_t value) {
    return host_put(c, at, &value, sizeof value);
}

#endif
