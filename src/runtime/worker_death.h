// What ended a worker, in words for the one whose invocation it was. Internal to the library.
#ifndef SPEAR_RUNTIME_WORKER_DEATH_H
#define SPEAR_RUNTIME_WORKER_DEATH_H

#include "base/err.h"

#include <signal.h>
#include <stdint.h>

// `info` is of waitid(2). Always fills e, with ERR_RUNTIME_ERROR.
void worker_death(const siginfo_t *info, uint64_t memory_bytes, struct err *e);
// The same of a process that compiled a module.
void worker_death_compiling(const siginfo_t *info, uint64_t memory_bytes, struct err *e);

#endif
