// Preparation of a module: parsed, validated, imports resolved, custom sections stripped, in a process of its own. Internal to the library.
//
// module_prepare.c does it with a worker; engine_none.c (a build without an engine) takes the bytes as they are.
#ifndef SPEAR_RUNTIME_MODULE_PREPARE_H
#define SPEAR_RUNTIME_MODULE_PREPARE_H

#include "runtime/shared.h"

struct preparation;
// A sealed memory file with the prepared bytes (the receiver closes it), or e: InvalidConfiguration with what is wrong with the module, RuntimeError
// when the preparing process could not do its work.
typedef void module_prepared(void *ctx, int fd, uint64_t size_bytes, const struct err *e);

// raw_fd is the caller's until done. done comes once, later, on `loop`.
struct preparation *module_prepare(struct runtime_shared *shared, struct loop *loop, int raw_fd, uint64_t raw_bytes,
                                   uint64_t memory_bytes, module_prepared *done, void *ctx);
// done gets ExecutionTerminated soon.
void module_prepare_cancel(struct preparation *p);

#endif
