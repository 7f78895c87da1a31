// The zygote: a process with the engine loaded that clones itself for each ipc_spawn it is sent.
#ifndef SPEAR_WORKER_ZYGOTE_H
#define SPEAR_WORKER_ZYGOTE_H

#include <stdint.h>

// Serves the spawn socket (IPC_ZYGOTE_FD) until its other side is closed. The first thing it says there is ipc_cage, or ipc_failed when a
// feature (enum ipc_cage_feature) of `cage_required` is missing. Returns an exit status; workers never return.
int zygote_run(uint32_t cage_wanted, uint32_t cage_required);

#endif
