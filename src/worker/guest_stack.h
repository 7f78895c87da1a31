// The stack that a worker's guest runs on, with a guard below it that no frame of native code can step over.
//
// Code of the engine's compiler does not touch a large frame page by page, so a guard of one page could be jumped; 64 MiB cannot, because the
// parser bounds the locals and the body of a function, and so its frame (wasm_code.c). Reserved once by the zygote; each worker has its copy by being cloned.
#ifndef SPEAR_WORKER_GUEST_STACK_H
#define SPEAR_WORKER_GUEST_STACK_H

#include "base/err.h"

enum { GUEST_STACK_BYTES = 8 * 1024 * 1024, GUEST_STACK_GUARD_BYTES = 64 * 1024 * 1024 };

// Once per process, before guest_stack_run. ERR_RESOURCE_EXHAUSTED when the address space cannot be had. It stays until the process ends.
int guest_stack_reserve(struct err *e);
// Calls f(ctx) on that stack and gives its result. Not to be called from within f.
int guest_stack_run(int (*f)(void *ctx), void *ctx);

#endif
