// Role compile: one prepared module into one file of native code.
#ifndef SPEAR_WORKER_COMPILE_H
#define SPEAR_WORKER_COMPILE_H

#include "worker/shared.h"

// Writes IPC_CODE_FILE, and what is temporary beside it, in the directory granted. ERR_RUNTIME_ERROR with the compiler's words.
int compile_module(const struct shared *s, const struct ipc_spawn *spawn, struct err *e);

#endif
