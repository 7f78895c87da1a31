// The memory that we share with one worker, and our own copy of how it is laid out. Internal to the library.
//
// The worker can write anything anywhere in it at any time: lengths that it reports are checked here against our layout, and bytes are copied
// out before they are used.
#ifndef SPEAR_RUNTIME_WORKER_MEMORY_H
#define SPEAR_RUNTIME_WORKER_MEMORY_H

#include "ipc/ring.h"
#include "runtime/worker.h"

enum { WORKER_STRINGS_BYTES = 1024 * 1024, WORKER_REPLY_BYTES = 64 * 1024 };

struct worker_memory {
    int fd;
    char *base;
    struct ipc_layout layout;
};

// Areas of these sizes, rounded up to pages. ERR_RESOURCE_EXHAUSTED.
int worker_memory_init(struct worker_memory *m, uint64_t payload_bytes, uint64_t output_bytes, uint64_t log_bytes,
                       struct err *e);
void worker_memory_done(struct worker_memory *m);
struct ipc_ring *worker_memory_ring(const struct worker_memory *m);
// Writes an invocation's strings and payload, and what the slot says of them, of which the caller gets a copy: the worker may change the slot's at
// once. InvalidRequest, ResourceExhausted.
int worker_memory_write(struct worker_memory *m, unsigned slot, const struct invocation *invocation,
                        struct ipc_invoke *ret_invoke, struct err *e);
// What the slot's result claims, with lengths that were checked against its areas, in shared memory. -1 when one is larger.
struct worker_claim {
    struct ipc_result result; // our copy; its text has an end
    struct span output, log, reply;
};
int worker_memory_read(const struct worker_memory *m, unsigned slot, struct worker_claim *ret);
// What an invocation had written when its worker ended, every length clamped.
void worker_memory_read_progress(const struct worker_memory *m, unsigned slot, struct worker_leftover *ret);
// Gives large areas back after an invocation, so that idle workers stay small.
void worker_memory_shrink(struct worker_memory *m, uint64_t payload_bytes, uint64_t output_bytes, uint64_t log_bytes);

#endif
