// An event loop and what a thread may do to it from outside. Stands on libuv.
//
// A loop belongs to one thread. Only loop_post and loop_work_post may be called from other threads.
#ifndef SPEAR_BASE_LOOP_H
#define SPEAR_BASE_LOOP_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct loop {
    uv_loop_t uv;
    uv_async_t wake;
    uv_mutex_t posted_lock;
    struct loop_post *posted_first, *posted_last;
    bool closed; // guarded by posted_lock: later posts are refused
};

typedef void loop_fn(void *arg);

int loop_init(struct loop *l, struct err *e);
// Runs until nothing keeps the loop alive or loop_stop was called on its thread.
void loop_run(struct loop *l);
void loop_stop(struct loop *l);
// Closes what is left of the loop's own handles, runs out the rest. Posts not yet run are run.
void loop_done(struct loop *l);
// Runs fn(arg) on the loop's thread, in order of posting. From any thread. False (and fn is not called) once the loop is done.
bool loop_post(struct loop *l, loop_fn *fn, void *arg);
// Runs work(arg) on libuv's thread pool, then done(arg) on this loop. Call on the loop's thread.
void loop_work(struct loop *l, loop_fn *work, loop_fn *done, void *arg);

// A timer that calls fn(arg) once. The object is freed by the loop after it fired or was cancelled.
struct loop_timer;
struct loop_timer *loop_timer_start(struct loop *l, uint64_t after_ms, loop_fn *fn, void *arg);
void loop_timer_cancel(struct loop_timer *t); // NULL allowed; fn is not called after this

#endif
