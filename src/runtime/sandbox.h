// What a zygote said its workers are caged with, in names and words. Internal to the library; runtime.h has the public part.
#ifndef SPEAR_RUNTIME_SANDBOX_H
#define SPEAR_RUNTIME_SANDBOX_H

#include "ipc/worker_protocol.h"
#include "runtime/runtime.h"

// The texts of `cage` are the worker program's: they are cut to what fits.
void sandbox_view(const struct ipc_cage *cage, struct runtime_sandbox *ret);
// -1 with ERR_INVALID_CONFIGURATION naming every missing part and why it is missing, when all are required.
int sandbox_check(enum sandbox_requirement requirement, const struct ipc_cage *cage, struct err *e);

#endif
