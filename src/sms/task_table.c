// The table of tasks; see task_table.h. Reading and writing the JSON of a task is model/task.h's.
#include "sms/task_table.h"

#define TASK_COLUMNS                                                                                                   \
    "task_id, name, status, priority, node_uuid, file_id, json, time_ms, payload_bytes, registered_at, endpoint, "     \
    "public"

static struct task_row task_read_row(struct db_query *q) {
    return (struct task_row){.task_id = db_text(q, 0),
                             .name = db_text(q, 1),
                             .status = db_text(q, 2),
                             .priority = db_text(q, 3),
                             .node_uuid = db_text(q, 4),
                             .file_id = db_text(q, 5),
                             .json = db_text(q, 6),
                             .time_ms = db_i64(q, 7),
                             .payload_bytes = db_i64(q, 8),
                             .registered_at = db_i64(q, 9),
                             .endpoint = db_text(q, 10),
                             .is_public = db_i64(q, 11) != 0};
}

int task_table_insert(struct db *db, const struct task_row *row, struct err *e) {
    return db_run(db, "INSERT INTO tasks(" TASK_COLUMNS ") VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
                  DB_VALUES(DB_TEXT(row->task_id), DB_TEXT(row->name), DB_TEXT(row->status), DB_TEXT(row->priority),
                            DB_TEXT(row->node_uuid), DB_TEXT(row->file_id), DB_TEXT(row->json), DB_I64(row->time_ms),
                            DB_I64(row->payload_bytes), DB_I64(row->registered_at), DB_TEXT(row->endpoint),
                            DB_I64(row->is_public)),
                  e);
}

static int task_find_by(struct db *db, const char *sql, struct span key,
                        void (*each)(void *ctx, const struct task_row *row), void *ctx, bool *ret_found,
                        struct err *e) {
    struct db_query *q = db_start(db, sql, DB_VALUES(DB_TEXT(key)), e);
    int result = q != NULL ? db_step(q, e) : -1;
    if (result < 0) {
        return -1;
    }
    if (result == 1) {
        struct task_row row = task_read_row(q);
        each(ctx, &row);
        db_end(q);
    }
    *ret_found = result == 1;
    return 0;
}

int task_table_find(struct db *db, struct span id_or_name, void (*each)(void *ctx, const struct task_row *row),
                    void *ctx, bool *ret_found, struct err *e) {
    bool found = false;
    if (uuid_valid(id_or_name) && task_find_by(db, "SELECT " TASK_COLUMNS " FROM tasks WHERE task_id = ?1", id_or_name,
                                               each, ctx, &found, e) != 0) {
        return -1;
    }
    if (!found && task_find_by(db, "SELECT " TASK_COLUMNS " FROM tasks WHERE name = ?1 ORDER BY seq DESC LIMIT 1",
                               id_or_name, each, ctx, &found, e) != 0) {
        return -1;
    }
    *ret_found = found;
    return 0;
}

// Without its last segment; empty when it has only one.
static struct span parent_of(struct span path) {
    while (path.n > 0 && path.p[path.n - 1] != '/') {
        path.n--;
    }
    return span_slice(path, 0, path.n > 0 ? path.n - 1 : 0);
}

int task_table_find_endpoint(struct db *db, struct span path, void (*each)(void *ctx, const struct task_row *row),
                             void *ctx, bool *ret_found, struct err *e) {
    bool found = false;
    for (; path.n > 0 && !found; path = parent_of(path)) {
        if (task_find_by(db,
                         "SELECT " TASK_COLUMNS
                         " FROM tasks WHERE endpoint <> '' AND endpoint = ?1 ORDER BY seq DESC LIMIT 1",
                         path, each, ctx, &found, e) != 0) {
            return -1;
        }
    }
    *ret_found = found;
    return 0;
}

int task_table_delete(struct db *db, struct span task_id, struct err *e) {
    return db_run(db, "DELETE FROM tasks WHERE task_id = ?1", DB_VALUES(DB_TEXT(task_id)), e);
}

#define TASK_MATCHES                                                                                                   \
    "(?1 = '' OR status = ?1) AND (?2 = '' OR priority = ?2) AND (?3 = '' OR node_uuid = ?3)"                          \
    " AND (?4 = '' OR instr(lower(name), lower(?4)) > 0 OR instr(task_id, lower(?4)) > 0)"

int task_table_list(struct db *db, const struct task_filter *f, bool (*each)(void *ctx, const struct task_row *row),
                    void *ctx, int64_t *ret_total, struct err *e) {
    if (db_one_i64(db, "SELECT count(*) FROM tasks WHERE " TASK_MATCHES,
                   DB_VALUES(DB_TEXT(f->status), DB_TEXT(f->priority), DB_TEXT(f->node_uuid), DB_TEXT(f->q)), ret_total,
                   e) != 0) {
        return -1;
    }
    struct db_query *q = db_start(
        db, "SELECT " TASK_COLUMNS " FROM tasks WHERE " TASK_MATCHES " ORDER BY registered_at, seq LIMIT ?5 OFFSET ?6",
        DB_VALUES(DB_TEXT(f->status), DB_TEXT(f->priority), DB_TEXT(f->node_uuid), DB_TEXT(f->q), DB_I64(f->limit),
                  DB_I64(f->offset)),
        e);
    if (q == NULL) {
        return -1;
    }
    int result;
    while ((result = db_step(q, e)) == 1) {
        struct task_row row = task_read_row(q);
        if (!each(ctx, &row)) {
            db_end(q);
            return 0;
        }
    }
    return result;
}

int task_table_users_of_file(struct db *db, struct span file_id, int64_t limit,
                             void (*each)(void *ctx, struct span task_id, struct span name), void *ctx, struct err *e) {
    struct db_query *q = db_start(db, "SELECT task_id, name FROM tasks WHERE file_id = ?1 ORDER BY seq LIMIT ?2",
                                  DB_VALUES(DB_TEXT(file_id), DB_I64(limit)), e);
    if (q == NULL) {
        return -1;
    }
    int result;
    while ((result = db_step(q, e)) == 1) {
        each(ctx, db_text(q, 0), db_text(q, 1));
    }
    return result;
}

int task_table_count(struct db *db, int64_t *ret_count, struct err *e) {
    return db_one_i64(db, "SELECT count(*) FROM tasks", NULL, 0, ret_count, e);
}

int task_table_revision(struct db *db, int64_t *ret_revision, struct err *e) {
    return db_one_i64(db, "SELECT value FROM counters WHERE name = 'tasks_revision'", NULL, 0, ret_revision, e);
}

int task_table_bump_revision(struct db *db, int64_t *ret_revision, struct err *e) {
    if (db_run(db, "UPDATE counters SET value = value + 1 WHERE name = 'tasks_revision'", NULL, 0, e) != 0) {
        return -1;
    }
    return task_table_revision(db, ret_revision, e);
}
