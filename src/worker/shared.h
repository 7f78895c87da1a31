// The memory shared with spearlet and the module file, mapped and checked against the layout.
#ifndef SPEAR_WORKER_SHARED_H
#define SPEAR_WORKER_SHARED_H

#include "base/err.h"
#include "ipc/ring.h"
#include "worker/guest.h"

struct shared {
    uint8_t *base;
    struct ipc_layout layout;
    struct ipc_ring *ring;
    struct span module;
};

// Maps both. Every area is inside the memory, and the memory inside its file. ERR_INTERNAL names the area that is not.
int shared_map(const struct ipc_spawn *spawn, struct shared *ret, struct err *e);

// What one invocation reads: strings, then the payload. ERR_INTERNAL when they are said to be longer than their place.
struct shared_input {
    struct span strings, payload;
};
int shared_input(const struct shared *s, unsigned slot, const struct ipc_invoke *invoke, struct shared_input *ret,
                 struct err *e);
// Where it writes: its slot's areas, or the large ones. No area is larger than the task's limit for it.
struct shared_areas {
    struct guest_area output, log, reply;
};
struct shared_areas shared_areas(const struct shared *s, unsigned slot, bool large);

#endif
