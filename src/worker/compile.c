// Compilation, in a process of its own as the engine needs it: limits, priority and cage are process.c's.
//
// The directory is known by its descriptor alone, so that its name may be anything and nothing else of the disk need be reachable.
#include "worker/compile.h"

#include "worker/engine.h"
#include "worker/process.h"

#include <stdio.h>

int compile_module(const struct shared *s, const struct ipc_spawn *spawn, struct err *e) {
    char path[64];
    if (spawn->grant_count != 1)
        return err_set(e, ERR_INTERNAL, "malformed message: a compilation with %u directories", spawn->grant_count);
    snprintf(path, sizeof path, "/proc/self/fd/%d/" IPC_CODE_FILE, PROCESS_FD_GRANTS);
    return engine_compile(s->module, spawn->flags & IPC_SPAWN_QUICK ? ENGINE_LEVEL_O0 : ENGINE_LEVEL_O2, path, e);
}
