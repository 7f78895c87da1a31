// The processor time of one invocation, watched from outside: the worker's CPU clock is read when the invocation begins and again no earlier
// than the limit can have been reached. The guest's process does nothing for it.
//
// Loop-bound, as the worker is.
#ifndef SPEAR_RUNTIME_CPU_LIMIT_H
#define SPEAR_RUNTIME_CPU_LIMIT_H

#include "base/loop.h"

struct cpu_limit;

// Calls passed(ctx) once, later, when the process has used max_ms more than now; the process has one thread. NULL, and no watch, when max_ms is 0
// or the process is gone.
struct cpu_limit *cpu_limit_start(struct loop *loop, int pid, uint64_t max_ms, void (*passed)(void *ctx), void *ctx);
void cpu_limit_stop(struct cpu_limit *c); // NULL allowed; passed is not called after this

#endif
