// What worker_process.c and worker_messages.c share about a worker; nobody else includes it.
#ifndef SPEAR_RUNTIME_WORKER_INTERNAL_H
#define SPEAR_RUNTIME_WORKER_INTERNAL_H

#include "runtime/worker.h"
#include "runtime/worker_death.h"
#include "runtime/worker_host.h"
#include "runtime/worker_memory.h"

struct worker_control {
    uv_poll_t poll;
    struct worker *worker;
    int fd;
};

struct worker {
    struct worker_config config;
    struct worker_memory memory;
    struct worker_control *control; // NULL: closed, or not yet made
    uv_poll_t pid_poll;
    int pidfd; // -1: not born
    int pid;
    int handles_open;
    struct loop_timer *timer; // until ready: of the start, or of the next try
    unsigned spawn_tries;
    bool ready, stopped, ended, freed;
    uint64_t invocation_id; // of the running one, 0: none
    uint64_t payload_bytes; // of it
    uint64_t stream_bytes;  // the window of its streamed output, 0: none
    uint64_t output_written, output_taken,
        output_told;        // bytes of that: by the worker, from us, and what it knows of that
    struct err kill_reason; // why we killed it
    struct err last_words;  // of IPC_FAILED
    struct err end;         // what `ended` says
};

// Reads what there is on the control socket, at most `max` messages, and acts on it.
void worker_read_messages(struct worker *w, unsigned max);
// IPC_SPAWNED came: takes pidfd.
void worker_born(struct worker *w, int pid, int pidfd);
// The control socket has ended.
void worker_hung_up(struct worker *w);
// It is killed.
void worker_broke_protocol(struct worker *w, const char *how);

#endif
