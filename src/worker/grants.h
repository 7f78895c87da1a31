// The directories that spearlet handed over with the spawn message, checked and mapped.
#ifndef SPEAR_WORKER_GRANTS_H
#define SPEAR_WORKER_GRANTS_H

#include "base/err.h"
#include "ipc/worker_protocol.h"
#include "worker/wasi_table.h"

// Fills ret[0 … spawn->grant_count). `spawn` outlives them: they point into it. ERR_INTERNAL for what spearlet should not have sent.
int grants_open(const struct ipc_spawn *spawn, struct wasi_grant ret[IPC_GRANTS_MAX], struct err *e);

#endif
