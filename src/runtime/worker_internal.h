// What worker_process.c and worker_messages.c share about a worker; nobody else includes it.
#ifndef SPEAR_RUNTIME_WORKER_INTERNAL_H
#define SPEAR_RUNTIME_WORKER_INTERNAL_H

#include "ipc/ring.h"
#include "runtime/worker.h"
#include "runtime/worker_death.h"
#include "runtime/worker_host.h"
#include "runtime/worker_memory.h"

struct worker_control {
    uv_poll_t poll;
    struct worker *worker;
    int fd;
};

// An invocation in the ring, as we know it.
struct worker_slot {
    bool is_large, is_withdrawn;
    uint64_t payload_bytes;
    uint64_t stream_bytes;                 // the window of its streamed output, 0: none
    uint64_t output_written, output_taken; // bytes of that: by the worker, from us
};

struct worker {
    struct worker_config config;
    struct worker_memory memory;
    struct ring_client ring;
    struct worker_slot slots[IPC_RING_SLOTS];
    bool has_large;     // one in flight is large
    uint32_t withdrawn; // in flight, and nobody\'s
    bool is_pumped;     // in the pump's list
    struct worker *pump_previous, *pump_next;
    uv_poll_t wake_poll;
    int wake_fd;                    // eventfd; -1: not yet made
    struct worker_control *control; // NULL: closed, or not yet made
    uv_poll_t pid_poll;
    int pidfd; // -1: not born
    int pid;
    int handles_open;
    struct loop_timer *timer; // until ready: of the start, or of the next try
    unsigned spawn_tries;
    bool ready, stopping, stopped, ended, freed;
    struct err kill_reason; // why we killed it
    struct err last_words;  // of IPC_FAILED
    struct err end;         // what `ended` says
};

// Reads what there is on the control socket, at most `max` messages, and acts on it.
void worker_read_messages(struct worker *w, unsigned max);
// A guest's process may not answer in the name of kinds that are not its own (a missing task, say).
bool worker_kind_allowed(uint32_t kind);
// IPC_SPAWNED came: takes pidfd.
void worker_born(struct worker *w, int pid, int pidfd);
// The control socket has ended.
void worker_hung_up(struct worker *w);
// Reads what there is in the ring. True when there was something.
bool worker_drain(struct worker *w);
// Out of the pump's list.
void worker_pump_remove(struct worker *w);
// It is killed.
void worker_broke_protocol(struct worker *w, const char *how);

#endif
