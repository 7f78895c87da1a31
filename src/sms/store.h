// Where sms keeps what it was told: a SQLite database and the folder of file contents, behind two threads.
//
// The write lane takes every job that waits, runs them in one transaction (each behind a savepoint, so that one that fails
// does not spoil the others), makes renamed blobs durable, commits, and only then lets the callers know: what was
// acknowledged survives kill -9 and a power cut. The read lane serves look-ups from its own connection.
#ifndef SPEAR_SMS_STORE_H
#define SPEAR_SMS_STORE_H

#include "base/loop.h"
#include "sms/blobs.h"
#include "sms/db.h"
#include "sms/lane.h"

struct store;

// One piece of work; the caller's memory until `done` was called (it may then free it). All other members are zero at first.
struct store_job {
    // On the lane's thread; 0, or -1 with e filled (then everything it changed in the database is undone).
    int (*run)(struct db *db, void *arg, struct err *e);
    // Write lane only, may be NULL: on the lane's thread after the commit, or after the job failed. Outside any transaction.
    void (*settled)(struct db *db, void *arg, bool committed);
    // Once, on `loop`; with no loop on the lane's thread. e is NULL on success.
    void (*done)(void *arg, const struct err *e);
    void *arg;
    struct loop *loop;
    // the lane's own
    struct lane_job link;
    struct err err;
    bool failed;
};

// Opens or makes DATA/sms.db and the folders, brings the tables up to date, removes temporary files and contents that no
// record names (their number to *ret_swept).
int store_open(const char *data_dir, struct store **ret, size_t *ret_swept, struct err *e);
// Lets what was submitted run and commit, ends the threads; what is submitted later is refused. Their `done` calls may still
// wait in the loops.
void store_stop(struct store *s);
void store_close(struct store *s); // stops it first; NULL allowed
struct blobs *store_blobs(struct store *s);

// From any thread. False: the queue is full or the store has stopped (nothing will be called): 503.
bool store_read(struct store *s, struct store_job *job);
bool store_write(struct store *s, struct store_job *job);
// At start, before the loops run: on the writer's connection, in the caller's thread.
int store_run_now(struct store *s, int (*run)(struct db *db, void *arg, struct err *e), void *arg, struct err *e);

#endif
