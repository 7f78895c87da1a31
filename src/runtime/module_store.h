// The modules of the process: each fetched once, judged once, prepared once, and shared by every instance that runs it. Internal to the library.
//
//   module_get ─▶ known and prepared? done ─▶ fetch (one at a time per location and checksum) ─▶ checksum, magic ─▶ prepare (one at a time per
//   digest and memory limit) ─▶ kept while somebody uses it, then until prepared_cache_max_bytes are unused; least recently used go first.
//
// Thread-safe. Requests of several loops that want the same share one fetch and one preparation, which run on the loop of the first. A failure
// is told to all who wait and forgotten: the next request tries again.
#ifndef SPEAR_RUNTIME_MODULE_STORE_H
#define SPEAR_RUNTIME_MODULE_STORE_H

#include "base/digest.h"
#include "runtime/shared.h"

struct module_store;

// Prepared bytes in a sealed memory file; immutable.
struct module {
    struct module *next;                        // of the bucket
    struct module *unused_older, *unused_newer; // of the list of unused ones
    unsigned references;                        // under the store's lock
    unsigned char sha256[SHA256_BYTES];         // of the raw bytes
    char digest[SHA256_HEX + 1];
    uint64_t memory_bytes; // the limit it was prepared under
    int fd;
    uint64_t size_bytes; // of the prepared bytes
};

struct module_request {
    struct artifact_source *source;
    struct loop *loop;
    const char *location, *checksum_sha256; // checksum "" when there is none
    uint64_t memory_bytes;
    // Asked on the loop before anything is begun for it: false ends it with ExecutionTerminated.
    bool (*wanted)(void *ctx);
    // Once, later, on the loop. The module has a reference that is the receiver's.
    void (*done)(void *ctx, struct module *module, const struct err *e);
    void *ctx;
};

struct module_store *module_store_new(struct runtime_shared *shared);
void module_store_free(struct module_store *s); // when nothing is under way and nothing in use
void module_get(struct module_store *s, const struct module_request *request);
void module_unref(struct module_store *s, struct module *m); // NULL allowed
// Ends what runs on this loop: those who wait for it get ExecutionTerminated soon.
void module_store_cancel(struct module_store *s, struct loop *loop);

#endif
