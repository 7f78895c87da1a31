// The memory that we share with one worker, and our own copy of how it is laid out. Internal to the library.
//
// The worker can write anything anywhere in it at any time: lengths that it reports are checked here against our layout, and bytes are copied
// out before they are used.
#ifndef SPEAR_RUNTIME_WORKER_MEMORY_H
#define SPEAR_RUNTIME_WORKER_MEMORY_H

#include "ipc/worker_protocol.h"
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
// Writes an invocation's strings and payload. InvalidRequest, ResourceExhausted.
int worker_memory_write(struct worker_memory *m, const struct invocation *invocation, struct ipc_invoke *message,
                        struct err *e);
// The areas as the worker's result claims them. -1 when a length is larger than its area.
int worker_memory_read(const struct worker_memory *m, const struct ipc_result *result, struct span *ret_output,
                       struct span *ret_log, struct span *ret_reply);
// What an invocation had written when its worker ended, every length clamped. False when the worker never took it.
bool worker_memory_read_progress(const struct worker_memory *m, uint64_t id, struct worker_leftover *ret);
// Gives large areas back after an invocation, so that idle workers stay small.
void worker_memory_shrink(struct worker_memory *m, uint64_t payload_bytes, uint64_t output_bytes, uint64_t log_bytes);

#endif
