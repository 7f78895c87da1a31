// The memory shared with spearlet and the module file, mapped and checked against the layout.
#ifndef SPEAR_WORKER_SHARED_H
#define SPEAR_WORKER_SHARED_H

#include "base/err.h"
#include "ipc/worker_protocol.h"
#include "worker/guest.h"

struct shared {
    uint8_t *base;
    struct ipc_layout layout;
    struct span module;
};

// Maps both. Every area is inside the memory, and the memory inside its file. ERR_INTERNAL names the area that is not.
int shared_map(const struct ipc_spawn *spawn, struct shared *ret, struct err *e);
static inline struct span shared_strings(const struct shared *s, uint64_t n) {
    return span_make(s->base + s->layout.strings_offset, (size_t)n);
}
static inline struct span shared_payload(const struct shared *s, uint64_t n) {
    return span_make(s->base + s->layout.payload_offset, (size_t)n);
}
static inline struct guest_area shared_output(const struct shared *s) {
    return (struct guest_area){s->base + s->layout.output_offset, s->layout.output_bytes, 0};
}
static inline struct guest_area shared_log(const struct shared *s) {
    return (struct guest_area){s->base + s->layout.log_offset, s->layout.log_bytes, 0};
}
static inline struct guest_area shared_reply(const struct shared *s) {
    return (struct guest_area){s->base + s->layout.reply_offset, s->layout.reply_bytes, 0};
}
static inline struct ipc_progress *shared_progress(const struct shared *s) {
    return (struct ipc_progress *)(void *)(s->base + s->layout.progress_offset);
}

#endif
