// A worker: the process in which one instance's guest runs, or in which one module is prepared or compiled, seen from our side. Internal to the library.
//
// Two implementations, chosen by the build: worker_process.c (a child of the zygote of worker_host.c), and engine_none.c for a build without
// an engine, which has no process and answers NotSupported.
//
// Loop-bound. Events come from the loop, never from inside a call here. `ended` comes exactly once, last: the process is reaped then, or never
// came to be. The owner frees the worker in `ended` or later.
#ifndef SPEAR_RUNTIME_WORKER_H
#define SPEAR_RUNTIME_WORKER_H

#include "ipc/worker_protocol.h"
#include "runtime/shared.h"

struct worker;
struct worker_pump;

enum { WORKER_CODE_BYTES_MAX = 1 << 30 }; // of a file that a compilation writes

// What the worker said about an invocation, copied out of the shared memory; every length was checked.
struct worker_result {
    struct invocation_result answer; // its output is empty when it was streamed
    enum err_kind kind;              // ERR_NONE: success
    const char *text;                // of the error
};

// What was there of an invocation when its worker ended; the spans point into the shared memory.
struct worker_leftover {
    struct span output, log;
    bool log_cut, has_head;
};

struct worker_events {
    void (*ready)(void *ctx,
                  uint64_t module_bytes); // module_bytes: of the prepared module in the output area (role prepare)
    // A piece of a streamed output, in shared memory: to be copied at once. It counts as taken when worker_output_taken says so.
    void (*output)(void *ctx, unsigned slot, struct span bytes, bool has_head);
    // The slot's invocation is over; the heap texts of `result` may be taken out of it.
    void (*result)(void *ctx, unsigned slot, struct worker_result *result);
    // `why` has ERR_NONE after an acknowledged Stop, or a preparation or compilation that said ready; else what ended it.
    void (*ended)(void *ctx, const struct err *why);
};

// A directory of the guest.
struct worker_grant {
    const struct task_grant *grant;
    int directory_fd, volume_fd; // the volume's
};

struct worker_config {
    struct runtime_shared *shared;
    struct loop *loop;
    struct worker_pump *pump; // of the loop; NULL for role prepare
    enum ipc_role role;
    int module_fd; // the owner's, until `ended`
    uint64_t module_bytes;
    uint64_t memory_bytes; // the guest's linear memory; role compile: all that the process may take
    uint64_t payload_bytes, output_bytes, log_bytes;
    uint64_t open_files;               // limit.open_files
    bool keeps_state;                  // instance.reuse
    unsigned depth;                    // invocations it may be given at a time, up to IPC_RING_SLOTS
    bool native;                       // role serve: module_fd is native code, from the cache
    bool quick;                        // role compile: soon rather than well
    const struct worker_grant *grants; // the owner's, until `ended`
    size_t grant_count;
    uint64_t start_ms; // not ready by then: killed
    const struct worker_events *events;
    void *ctx;
};

// Never NULL; what goes wrong is told by `ended`.
struct worker *worker_start(const struct worker_config *config);
void worker_free(struct worker *w); // after `ended`
// How many more invocations it can be given now; a large one (invocation_is_large) only when none is in flight.
unsigned worker_room(const struct worker *w);
// Only when there is room. It is known by *ret_slot until its result came or it was withdrawn. InvalidRequest when the strings are
// too long; ResourceExhausted when the payload is.
int worker_invoke(struct worker *w, const struct invocation *invocation, unsigned *ret_slot, struct err *e);
// True: the guest has not seen this invocation and never will, nothing more is told of it.
bool worker_withdraw(struct worker *w, unsigned slot);
// Its result is there and about to be told.
bool worker_has_finished(const struct worker *w, unsigned slot);
// So many more bytes of the invocation's streamed output are gone from us: the guest may write as many again.
void worker_output_taken(struct worker *w, unsigned slot, uint64_t bytes);
// Asks it to stop after what it does now; `ended` follows when it does.
void worker_stop(struct worker *w);
// SIGKILL; `why` is what `ended` will say (the first one counts).
void worker_kill(struct worker *w, const struct err *why);
// In `ended`: what an invocation left that was in flight then; output is empty when it was streamed. False when nothing of its guest
// has run: the worker had not begun it.
bool worker_leftover(const struct worker *w, unsigned slot, struct worker_leftover *ret);
int worker_pid(const struct worker *w); // 0: none (yet)
// The descriptor of the shared memory and where its output area is.
int worker_output(const struct worker *w, uint64_t *ret_offset);

// ---- worker_ring.c
// Once per loop: looks at the rings of the workers that have something to do, at the end of every turn of the loop, and wakes them.
struct worker_pump *worker_pump_new(struct loop *loop);
void worker_pump_free(struct worker_pump *p); // when its workers have ended

#endif
