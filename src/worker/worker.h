// A worker process: one role, from spawn to exit.
#ifndef SPEAR_WORKER_WORKER_H
#define SPEAR_WORKER_WORKER_H

#include "ipc/worker_protocol.h"

// Runs in a process that process_become_worker has set up. Returns the exit status.
int worker_run(const struct ipc_spawn *spawn);

#endif
