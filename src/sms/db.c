// A thin layer over SQLite: opening, cached statements, typed values, errors of our own.
//
// Knows no table; those are in file_table.c, task_table.c and node_table.c. Next step: store.c, which owns the threads.
#include "sms/db.h"

#include "base/mem.h"

#include <errno.h>
#include <sqlite3.h>

enum { STATEMENTS_MAX = 64, BUSY_TIMEOUT_MS = 10000 };

struct db_query {
    struct db *db;
    const char *sql;
    sqlite3_stmt *statement;
};

struct db {
    sqlite3 *handle;
    struct db_query queries[STATEMENTS_MAX];
    size_t query_count;
};

static enum err_kind db_error_kind(int code) {
    switch (code & 0xff) {
    case SQLITE_FULL:
        return ERR_INSUFFICIENT_STORAGE;
    case SQLITE_CONSTRAINT:
        return ERR_CONFLICT;
    default:
        return ERR_IO;
    }
}

static int db_fail(struct db *db, const char *what, struct err *e) {
    int code = sqlite3_extended_errcode(db->handle);
    int sys = sqlite3_system_errno(db->handle);
    enum err_kind kind = sys == ENOSPC || sys == EDQUOT ? ERR_INSUFFICIENT_STORAGE : db_error_kind(code);
    err_set(e, kind, "database: %s: %s (SQLite code %d)", what, sqlite3_errmsg(db->handle), code);
    if (e != NULL) {
        e->sys = sys;
    }
    return -1;
}

int db_exec(struct db *db, const char *sql, struct err *e) {
    return sqlite3_exec(db->handle, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : db_fail(db, sql, e);
}

static int db_settle_writer(struct db *db, struct err *e) {
    return db_exec(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=1000", e);
}

int db_open(const char *path, enum db_mode mode, struct db **ret, struct err *e) {
    struct db *db = NEW(struct db);
    int flags =
        SQLITE_OPEN_NOMUTEX | (mode == DB_WRITER ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READWRITE);
    if (sqlite3_open_v2(path, &db->handle, flags, NULL) != SQLITE_OK) {
        db_fail(db, path, e);
        db_close(db);
        return -1;
    }
    sqlite3_busy_timeout(db->handle, BUSY_TIMEOUT_MS);
    int result = mode == DB_WRITER ? db_settle_writer(db, e) : db_exec(db, "PRAGMA query_only=ON", e);
    if (result != 0) {
        err_wrap(e, "%s", path);
        db_close(db);
        return -1;
    }
    *ret = db;
    return 0;
}

void db_close(struct db *db) {
    if (db == NULL) {
        return;
    }
    for (size_t i = 0; i < db->query_count; i++) {
        sqlite3_finalize(db->queries[i].statement);
    }
    sqlite3_close(db->handle);
    free(db);
}

bool db_in_transaction(const struct db *db) {
    return sqlite3_get_autocommit(db->handle) == 0;
}

int64_t db_changes(const struct db *db) {
    return sqlite3_changes(db->handle);
}

// The kept statement of this text; statements are few, so a walk is as quick as a table.
static struct db_query *db_find(struct db *db, const char *sql, struct err *e) {
    for (size_t i = 0; i < db->query_count; i++) {
        if (db->queries[i].sql == sql) {
            return &db->queries[i];
        }
    }
    ASSERT(db->query_count < STATEMENTS_MAX);
    struct db_query *q = &db->queries[db->query_count];
    if (sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &q->statement, NULL) != SQLITE_OK) {
        db_fail(db, sql, e);
        return NULL;
    }
    q->db = db;
    q->sql = sql;
    db->query_count++;
    return q;
}

static void db_bind(struct db_query *q, int index, const struct db_value *value) {
    int result = value->type == DB_TYPE_I64
                     ? sqlite3_bind_int64(q->statement, index, value->i64)
                     : sqlite3_bind_text64(q->statement, index, value->text.n != 0 ? value->text.p : "", value->text.n,
                                           SQLITE_STATIC, SQLITE_UTF8);
    ASSERT(result == SQLITE_OK);
}

struct db_query *db_start(struct db *db, const char *sql, const struct db_value *values, size_t count, struct err *e) {
    struct db_query *q = db_find(db, sql, e);
    if (q == NULL) {
        return NULL;
    }
    ASSERT(!sqlite3_stmt_busy(q->statement));
    for (size_t i = 0; i < count; i++) {
        db_bind(q, (int)i + 1, &values[i]);
    }
    return q;
}

void db_end(struct db_query *q) {
    sqlite3_reset(q->statement);
    sqlite3_clear_bindings(q->statement);
}

int db_step(struct db_query *q, struct err *e) {
    int result = sqlite3_step(q->statement);
    if (result == SQLITE_ROW) {
        return 1;
    }
    int answer = result == SQLITE_DONE ? 0 : db_fail(q->db, q->sql, e);
    db_end(q);
    return answer;
}

struct span db_text(struct db_query *q, int column) {
    const unsigned char *text = sqlite3_column_text(q->statement, column);
    return span_make(text, text != NULL ? (size_t)sqlite3_column_bytes(q->statement, column) : 0);
}

int64_t db_i64(struct db_query *q, int column) {
    return sqlite3_column_int64(q->statement, column);
}

int db_run(struct db *db, const char *sql, const struct db_value *values, size_t count, struct err *e) {
    struct db_query *q = db_start(db, sql, values, count, e);
    if (q == NULL) {
        return -1;
    }
    int result = db_step(q, e);
    if (result > 0) {
        db_end(q);
    }
    return result < 0 ? -1 : 0;
}

int db_one_i64(struct db *db, const char *sql, const struct db_value *values, size_t count, int64_t *ret,
               struct err *e) {
    struct db_query *q = db_start(db, sql, values, count, e);
    int result = q != NULL ? db_step(q, e) : -1;
    if (result == 1) {
        *ret = db_i64(q, 0);
        db_end(q);
    } else if (result == 0) {
        err_set(e, ERR_INTERNAL, "database: no row from: %s", sql);
    }
    return result == 1 ? 0 : -1;
}
