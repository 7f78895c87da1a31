// One compilation of a prepared module, in a process of its own: folder, worker, what it wrote, the cache. Internal to the library.
#ifndef SPEAR_RUNTIME_NATIVE_COMPILE_H
#define SPEAR_RUNTIME_NATIVE_COMPILE_H

#include "runtime/native_cache.h"
#include "runtime/shared.h"

struct native_compile;
// `file` is the receiver's, NULL on failure: ERR_EXECUTION_TERMINATED when it was cancelled; ERR_RUNTIME_ERROR when the compiler failed or
// met a limit, by name and value; other kinds when the node could not do it.
typedef void native_compiled(void *ctx, struct native_file *file, const struct err *e);

struct native_compile_config {
    struct runtime_shared *shared;
    struct loop *loop;
    struct native_cache *cache; // looked at first: the same bytes may have been compiled for another module's sake
    unsigned char key[SHA256_BYTES];
    int module_fd; // the caller's until done
    uint64_t module_bytes;
    bool quick;
    native_compiled *done; // once, later, on the loop
    void *ctx;
};
struct native_compile *native_compile(const struct native_compile_config *config);
// done comes soon.
void native_compile_cancel(struct native_compile *c);

#endif
