// Native code: which module has some, from which look into the cache or compilation it comes, who waits for it. Internal to the library.
//
//   native_get ─▶ in memory? ─▶ in the cache (native_cache.h)? ─▶ queued ─▶ compiled (native_compile.h), compile_jobs at a time ─▶ kept
//
// A big module is compiled soon first (O0), then well (O2); a failure is remembered and not tried again, unless the node was at fault, then after a
// minute. A compilation ends early when every task that wanted it is gone, or the runtime on whose loop it runs closes.
//
// Thread-safe; functions that take a runtime are called on its loop, and their callbacks come there.
#ifndef SPEAR_RUNTIME_NATIVE_STORE_H
#define SPEAR_RUNTIME_NATIVE_STORE_H

#include "runtime/shared.h"

struct module;
struct native;
struct native_store;

// Code as instances use it; immutable, counted.
struct native_code {
    _Atomic unsigned references;
    _Atomic unsigned starts_failed; // in a row: processes that ended while they loaded it
    enum runtime_code tier;
    int fd; // sealed
    uint64_t size_bytes, compile_ms;
};

int native_store_new(struct runtime_shared *shared, struct native_store **ret, struct err *e);
void native_store_free(struct native_store *s); // nothing is in use, no runtime open; NULL allowed
// What the workers said of themselves: a part of every key.
void native_store_set_engine(struct native_store *s, const char *engine);
void native_store_watch(struct native_store *s, void (*watch)(void *ctx, const struct runtime_code_event *event),
                        void *ctx);

// Says that the task wants native code of the module, which the caller has a reference on, and takes a reference. Starts what is missing.
struct native *native_get(struct native_store *s, struct runtime *r, const struct module *m, const char *task_id);
void native_unref(struct native_store *s, struct native *n); // NULL allowed
// True: there is nothing to wait for. False: ready(ctx) comes later, when the cache was looked into, or (to_the_end) when there will be no better code.
bool native_wait(struct native_store *s, struct native *n, struct runtime *r, bool to_the_end, void (*ready)(void *ctx),
                 void *ctx);
// The best there is, with a reference, or NULL. `n` may be NULL.
struct native_code *native_code_take(struct native_store *s, struct native *n);
void native_code_unref(struct native_code *code); // NULL allowed
enum runtime_code native_tier(const struct native *n);
void native_count_use(struct native *n);
// The engine did not take it: it is used no more, and removed from the cache.
void native_reject(struct native_store *s, struct runtime *r, struct native *n, const struct native_code *code,
                   const struct err *why);

// The runtime closes: its waiters are told, what runs on its loop is ended; it has holds until that is over.
void native_store_cancel(struct native_store *s, struct runtime *r);
void native_store_task_gone(struct native_store *s, const char *task_id);
bool native_store_task(struct native_store *s, const char *task_id, struct runtime_code_state *ret);
void native_store_gauges(struct native_store *s, uint64_t *ret_running, uint64_t *ret_waiting,
                         uint64_t *ret_cache_bytes);

#endif
