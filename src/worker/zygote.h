// The zygote: a process with the engine loaded that clones itself for each ipc_spawn it is sent.
#ifndef SPEAR_WORKER_ZYGOTE_H
#define SPEAR_WORKER_ZYGOTE_H

// Serves the spawn socket (IPC_ZYGOTE_FD) until its other side is closed. Returns an exit status; workers never return.
int zygote_run(void);

#endif
