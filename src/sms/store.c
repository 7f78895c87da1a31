// The two lanes of the database and the life of its jobs; see store.h for what is promised.
//
// The tables are file_table.c, task_table.c and node_table.c; SQLite itself is behind db.c.
#include "sms/store.h"

#include "base/file.h"
#include "base/mem.h"
#include "sms/file_table.h"

enum { JOBS_MAX = 4096, SCHEMA_VERSION = 3 };

struct store {
    struct db *writer, *reader; // each its lane's
    struct blobs *blobs;
    struct lane *write_lane, *read_lane;
};

static const char schema_sql[] =
    "CREATE TABLE files(seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL,"
    " len INTEGER NOT NULL, content_type TEXT NOT NULL, sha256 TEXT NOT NULL, created_at INTEGER NOT NULL);"
    "CREATE INDEX files_sha256 ON files(sha256);"
    "CREATE TABLE tasks(seq INTEGER PRIMARY KEY AUTOINCREMENT, task_id TEXT NOT NULL UNIQUE, name TEXT NOT NULL,"
    " status TEXT NOT NULL, priority TEXT NOT NULL, node_uuid TEXT NOT NULL, file_id TEXT NOT NULL,"
    " time_ms INTEGER NOT NULL, payload_bytes INTEGER NOT NULL, registered_at INTEGER NOT NULL, json TEXT NOT NULL);"
    "CREATE INDEX tasks_name ON tasks(name, seq);"
    "CREATE INDEX tasks_file_id ON tasks(file_id);"
    "CREATE INDEX tasks_order ON tasks(registered_at, seq);"
    "CREATE TABLE nodes(uuid TEXT NOT NULL PRIMARY KEY, ip_address TEXT NOT NULL, port INTEGER NOT NULL,"
    " http_port INTEGER NOT NULL, metadata TEXT NOT NULL, resource TEXT NOT NULL, registered_at INTEGER NOT NULL,"
    " last_heartbeat INTEGER NOT NULL);"
    "CREATE TABLE counters(name TEXT NOT NULL PRIMARY KEY, value INTEGER NOT NULL);"
    "INSERT INTO counters VALUES('tasks_revision', 1);"
    "PRAGMA user_version=1;";

// Entry N - 1 makes layout N + 1 out of layout N; a new data directory goes through all of them.
static const char *const schema_steps_sql[] = {
    "ALTER TABLE tasks ADD COLUMN endpoint TEXT NOT NULL DEFAULT '';"
    "UPDATE tasks SET endpoint = coalesce(json_extract(json, '$.endpoint'), '');"
    "CREATE INDEX tasks_endpoint ON tasks(endpoint, seq) WHERE endpoint <> '';"
    "PRAGMA user_version=2;",
    "CREATE TABLE tokens(id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL UNIQUE, scopes TEXT NOT NULL,"
    " sha256 TEXT NOT NULL UNIQUE, created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL,"
    " last_used_at INTEGER NOT NULL);"
    "CREATE TABLE audit(seq INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL, actor TEXT NOT NULL,"
    " token_id TEXT NOT NULL, address TEXT NOT NULL, action TEXT NOT NULL, object_id TEXT NOT NULL,"
    " object_name TEXT NOT NULL, detail TEXT NOT NULL);"
    "ALTER TABLE tasks ADD COLUMN public INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE nodes ADD COLUMN owner TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE nodes ADD COLUMN relay_token TEXT NOT NULL DEFAULT '';"
    "PRAGMA user_version=3;",
};
_Static_assert(COUNT_OF(schema_steps_sql) == SCHEMA_VERSION - 1, "one step for each layout after the first");

static struct store_job *job_of(struct lane_job *link) {
    return CONTAINER_OF(link, struct store_job, link);
}

static void job_done(void *arg) {
    struct store_job *job = arg;
    job->done(job->arg, job->failed ? &job->err : NULL);
}

// The job belongs to its caller again from here on.
static void job_hand_back(struct store_job *job) {
    if (job->loop == NULL || !loop_post(job->loop, job_done, job)) {
        job_done(job);
    }
}

static void job_fail(struct store_job *job, const struct err *e) {
    if (!job->failed) {
        job->failed = true;
        job->err = *e;
    }
}

// ---- reading: each job sees one state of the database
static void read_one(struct store *s, struct store_job *job) {
    job->failed = db_exec(s->reader, "BEGIN", &job->err) != 0 || job->run(s->reader, job->arg, &job->err) != 0;
    if (db_in_transaction(s->reader)) {
        db_exec(s->reader, "COMMIT", NULL);
    }
    job_hand_back(job);
}

static void read_batch(void *ctx, struct lane_job *first) {
    for (struct lane_job *link = first, *next; link != NULL; link = next) {
        next = link->next;
        read_one(ctx, job_of(link));
    }
}

// ---- writing: one transaction a batch
static void write_one(struct store *s, struct store_job *job) {
    if (db_exec(s->writer, "SAVEPOINT job", &job->err) != 0) {
        job->failed = true;
        return;
    }
    job->failed = job->run(s->writer, job->arg, &job->err) != 0;
    if (job->failed && db_in_transaction(s->writer)) {
        db_exec(s->writer, "ROLLBACK TO job", NULL);
    }
    if (db_in_transaction(s->writer)) {
        db_exec(s->writer, "RELEASE job", NULL);
    }
}

// SQLite rolls back by itself when the disk is full: then no job of the batch may count as done.
static int write_jobs(struct store *s, struct lane_job *first, struct err *e) {
    if (db_exec(s->writer, "BEGIN IMMEDIATE", e) != 0) {
        return -1;
    }
    for (struct lane_job *link = first; link != NULL; link = link->next) {
        struct store_job *job = job_of(link);
        write_one(s, job);
        if (!db_in_transaction(s->writer)) {
            if (e != NULL && job->failed) {
                *e = job->err;
                return -1;
            }
            return err_set(e, ERR_IO, "database: the transaction was rolled back");
        }
    }
    return blobs_sync(s->blobs, e) != 0 ? -1 : db_exec(s->writer, "COMMIT", e);
}

static void write_batch(void *ctx, struct lane_job *first) {
    struct store *s = ctx;
    struct err err = {0};
    bool committed = write_jobs(s, first, &err) == 0;
    if (!committed && db_in_transaction(s->writer)) {
        db_exec(s->writer, "ROLLBACK", NULL);
    }
    for (struct lane_job *link = first, *next; link != NULL; link = next) {
        struct store_job *job = job_of(link);
        next = link->next;
        if (!committed) {
            job_fail(job, &err);
        }
        if (job->settled != NULL) {
            job->settled(s->writer, job->arg, !job->failed);
        }
        job_hand_back(job);
    }
}

// ---- opening
static int schema_steps(struct db *db, int64_t version, struct err *e) {
    if (version == 0) {
        if (db_exec(db, schema_sql, e) != 0) {
            return -1;
        }
        version = 1;
    }
    for (; version < SCHEMA_VERSION; version++) {
        if (db_exec(db, schema_steps_sql[version - 1], e) != 0) {
            return -1;
        }
    }
    return 0;
}

static int schema_make(struct db *db, struct err *e) {
    int64_t version = 0;
    if (db_one_i64(db, "PRAGMA user_version", NULL, 0, &version, e) != 0) {
        return -1;
    }
    if (version > SCHEMA_VERSION) {
        return err_set(e, ERR_INVALID_CONFIGURATION,
                       "the database has layout %lld and this program knows layout %d: it was used by a newer sms",
                       (long long)version, SCHEMA_VERSION);
    }
    if (version == SCHEMA_VERSION) {
        return 0;
    }
    if (db_exec(db, "BEGIN IMMEDIATE", e) != 0) {
        return -1;
    }
    if (schema_steps(db, version, e) != 0 || db_exec(db, "COMMIT", e) != 0) {
        db_exec(db, "ROLLBACK", NULL);
        return -1;
    }
    return 0;
}

static int content_is_used(void *ctx, const char *sha256_hex, struct err *e) {
    bool used = false;
    return file_table_uses(ctx, span_of(sha256_hex), &used, e) != 0 ? -1 : used;
}

static int store_prepare(struct store *s, const char *data_dir, size_t *ret_swept, struct err *e) {
    AUTO_FREE char *path = file_join(data_dir, "sms.db");
    if (blobs_open(data_dir, &s->blobs, e) != 0 || db_open(path, DB_WRITER, &s->writer, e) != 0 ||
        schema_make(s->writer, e) != 0 || db_open(path, DB_READER, &s->reader, e) != 0) {
        return -1;
    }
    return blobs_sweep(s->blobs, content_is_used, s->writer, ret_swept, e);
}

int store_open(const char *data_dir, struct store **ret, size_t *ret_swept, struct err *e) {
    struct store *s = NEW(struct store);
    if (store_prepare(s, data_dir, ret_swept, e) != 0 ||
        lane_new("store-write", JOBS_MAX, write_batch, s, &s->write_lane, e) != 0 ||
        lane_new("store-read", JOBS_MAX, read_batch, s, &s->read_lane, e) != 0) {
        store_close(s);
        return -1;
    }
    *ret = s;
    return 0;
}

void store_stop(struct store *s) {
    lane_stop(s->read_lane);
    lane_stop(s->write_lane);
}

void store_close(struct store *s) {
    if (s == NULL) {
        return;
    }
    lane_free(s->read_lane);
    lane_free(s->write_lane);
    db_close(s->reader);
    db_close(s->writer);
    blobs_close(s->blobs);
    free(s);
}

struct blobs *store_blobs(struct store *s) {
    return s->blobs;
}

bool store_read(struct store *s, struct store_job *job) {
    return lane_submit(s->read_lane, &job->link);
}

bool store_write(struct store *s, struct store_job *job) {
    return lane_submit(s->write_lane, &job->link);
}

int store_run_now(struct store *s, int (*run)(struct db *db, void *arg, struct err *e), void *arg, struct err *e) {
    return run(s->writer, arg, e);
}
