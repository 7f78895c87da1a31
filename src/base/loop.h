// An event loop and what a thread may do to it from outside. Stands on libuv.
//
// A loop belongs to one thread. Only loop_post may be called from other threads.
#ifndef SPEAR_BASE_LOOP_H
#define SPEAR_BASE_LOOP_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct loop_timer;

struct loop {
    uv_loop_t uv;
    uv_async_t wake; // does not keep the loop running by itself
    uv_mutex_t posted_lock;
    struct loop_post *posted_first, *posted_last;
    bool closed;  // guarded by posted_lock: later posts are refused
    bool stopped; // loop_stop was called and loop_run has not returned yet
    struct loop_timer *timers;
};

typedef void loop_fn(void *arg);

int loop_init(struct loop *l, struct err *e);
// Runs until nothing keeps the loop alive (a post that waits does) or loop_stop was called on its thread; a loop_stop
// from before loop_run counts. May be called again afterwards.
void loop_run(struct loop *l);
void loop_stop(struct loop *l);
// Runs the posts that still wait, drops the timers without calling them, lets running loop_work end (and calls its
// `done`) and frees the loop. Handles that others made on l->uv must be closed or closing by then: an assertion.
void loop_done(struct loop *l);
// Runs fn(arg) on the loop's thread, in order of posting. From any thread. False (and fn is not called) once the loop
// is done; it may be asked as long as the memory of *l is there.
bool loop_post(struct loop *l, loop_fn *fn, void *arg);
// Runs work(arg) on libuv's thread pool, then done(arg) on this loop. Call on the loop's thread.
void loop_work(struct loop *l, loop_fn *work, loop_fn *done, void *arg);

// A timer that calls fn(arg) once. The object is freed by the loop after it fired or was cancelled: inside fn the
// pointer is still good, afterwards no longer.
struct loop_timer *loop_timer_start(struct loop *l, uint64_t after_ms, loop_fn *fn, void *arg);
void loop_timer_cancel(struct loop_timer *t); // NULL allowed; fn is not called after this

#endif
