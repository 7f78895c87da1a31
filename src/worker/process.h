// What the zygote and its workers do to themselves as processes: signals, limits, descriptors, and (in one place) the sandbox.
#ifndef SPEAR_WORKER_PROCESS_H
#define SPEAR_WORKER_PROCESS_H

#include "worker/cage.h"
#include "worker/channel.h"

// Where a worker finds what it was given.
enum {
    PROCESS_FD_CONTROL = 3,
    PROCESS_FD_MEMORY = 4,
    PROCESS_FD_MODULE = 5,
    PROCESS_FD_WAKE = 6,   // eventfd
    PROCESS_FD_GRANTS = 7, // two for each: the directory, its volume's counter
    PROCESS_FD_COUNT_MAX = PROCESS_FD_GRANTS + 2 * IPC_GRANTS_MAX
};

// Of the zygote, inherited by its workers: dies with its starter, no core files, no huge pages, nothing of its starter's environment, descriptors
// or terminal signals. -1 with e when the system refuses.
int process_become_zygote(struct err *e);

// Of a worker, right after the clone: dies with its parent (ends at once when that is gone), only the descriptors it was given (at fixed
// numbers; `fds` follows), its limits, its cage. -1 with e.
int process_become_worker(const struct ipc_spawn *spawn, const struct cage *cage, struct channel_fds *fds,
                          struct err *e);

// In a worker that has loaded native code, before that runs: cage_seal.
int process_seal(const struct ipc_spawn *spawn, struct err *e);

// While true, memory that runs out is the guest's doing (its stack), and the exit status says so.
void process_set_guest_running(bool running);

#endif
