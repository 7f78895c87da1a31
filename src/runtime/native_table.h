// What is known of the native code of each module, and which tasks want it. Internal to native_store.c, whose lock guards it all.
//
// Entries outlive the instances of their modules, so that a failure is remembered; those that nobody has an interest in go when there are many. The
// code of modules that no instance has stays in memory up to a ceiling, the least recently used goes first; it is on disk.
#ifndef SPEAR_RUNTIME_NATIVE_TABLE_H
#define SPEAR_RUNTIME_NATIVE_TABLE_H

#include "base/digest.h"
#include "runtime/native_cache.h"
#include "runtime/native_store.h"

struct native_compile;

enum { NATIVE_ENTRIES_MAX = 4096, NATIVE_INTERESTS_MAX = 65536 };

// idle ─▶ looking ─▶ idle or queued ─▶ compiling ─▶ idle or queued (for better code)
enum native_state { NATIVE_IDLE, NATIVE_LOOKING, NATIVE_QUEUED, NATIVE_COMPILING };

struct native_waiter {
    struct native_waiter *next;
    struct runtime *runtime;
    bool to_the_end;
    void (*ready)(void *ctx);
    void *ctx;
};

struct native {
    struct native *next; // of the bucket
    struct native_store *store;
    unsigned char sha256[SHA256_BYTES]; // of the raw bytes
    uint64_t memory_bytes;              // the module was prepared under
    unsigned references;                // of instances, and of what is under way
    unsigned interests;                 // tasks
    uint64_t used_at;                   // by the table's clock
    _Atomic uint64_t uses;              // creations and invocations
    struct native_code *code;           // the best; NULL: none in memory
    _Atomic int tier;                   // of it: enum runtime_code
    struct runtime_code_state known;    // of the best in memory or on disk; `compiling` and `failure` are not filled in
    unsigned char prepared[SHA256_BYTES]; // digest of the prepared bytes, once `looked`
    bool looked;                          // into the cache, since code was last dropped from memory
    bool refused;                         // the code was, by the engine: it is not looked for again
    uint64_t failed_until_us;             // not tried again before; 0: did not fail
    char failure[256];
    // While not idle:
    enum native_state state;
    struct runtime *owner; // on whose loop things happen; has a hold
    int module_fd;
    uint64_t module_bytes;
    uint64_t queued_at;
    bool cancelled, quick;
    struct native_compile *compile; // owner's loop only
    struct native_waiter *waiters;
};

struct native_table;
struct native_table *native_table_new(uint64_t unused_max_bytes);
void native_table_free(struct native_table *t); // nothing is referenced any more
// Found or made.
struct native *native_table_entry(struct native_table *t, const unsigned char sha256[SHA256_BYTES],
                                  uint64_t memory_bytes);
void native_table_take(struct native_table *t, struct native *n);
void native_table_give_back(struct native_table *t, struct native *n);
// Takes the caller's reference on code; NULL: none any more.
void native_table_set_code(struct native_table *t, struct native *n, struct native_code *code);
void native_table_add_interest(struct native_table *t, struct native *n, const char *task_id);
// The entry that the task had an interest in, or NULL.
struct native *native_table_remove_interest(struct native_table *t, const char *task_id);
struct native *native_table_of_task(const struct native_table *t, const char *task_id);
// The one in the queue that is wanted most: those without any code before those that have some, then by use, then by age. Or NULL.
struct native *native_table_next(struct native_table *t);
void native_table_each(struct native_table *t, void (*f)(void *ctx, struct native *n), void *ctx);

#endif
