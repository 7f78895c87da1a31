// A thread with a bounded queue of jobs: it takes all that wait, runs them as one batch, and goes on.
//
// Knows nothing of databases; store.c stands on it. Jobs are linked, not copied: they are the caller's until they ran.
#ifndef SPEAR_SMS_LANE_H
#define SPEAR_SMS_LANE_H

#include "base/err.h"

struct lane;
struct lane_job {
    struct lane_job *next;
};

// `run` gets the first job of a batch (linked by `next`, in order of arrival) on the lane's thread; afterwards it must
// not touch them when it has handed them on. `jobs_max` bounds what may wait.
int lane_new(const char *name, size_t jobs_max, void (*run)(void *ctx, struct lane_job *first), void *ctx,
             struct lane **ret, struct err *e);
// Lets what waits run, then ends the thread; what is submitted later is refused. Twice is harmless, NULL allowed.
void lane_stop(struct lane *l);
void lane_free(struct lane *l); // stops it first; NULL allowed
// From any thread. False: the queue is full, or the lane was stopped.
bool lane_submit(struct lane *l, struct lane_job *job);

#endif
