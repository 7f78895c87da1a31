// The table of files; see file_table.h. The contents themselves are in blobs.c.
#include "sms/file_table.h"

#include <stdio.h>

// Text of the table into a field of a record; it was checked for its length before it was stored.
static void copy_text(struct span from, char *to, size_t to_bytes) {
    snprintf(to, to_bytes, "%.*s", SPAN_ARGS(from));
}

static void file_read_row(struct db_query *q, struct file_record *ret) {
    copy_text(db_text(q, 0), ret->id, sizeof ret->id);
    copy_text(db_text(q, 1), ret->name, sizeof ret->name);
    ret->len = (uint64_t)db_i64(q, 2);
    copy_text(db_text(q, 3), ret->content_type, sizeof ret->content_type);
    copy_text(db_text(q, 4), ret->sha256, sizeof ret->sha256);
    ret->created_at = db_i64(q, 5);
}

int file_table_insert(struct db *db, const struct file_record *r, struct err *e) {
    return db_run(db,
                  "INSERT INTO files(id, name, len, content_type, sha256, created_at) VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
                  DB_VALUES(DB_TEXT(span_of(r->id)), DB_TEXT(span_of(r->name)), DB_I64((int64_t)r->len),
                            DB_TEXT(span_of(r->content_type)), DB_TEXT(span_of(r->sha256)), DB_I64(r->created_at)),
                  e);
}

int file_table_find(struct db *db, struct span id, bool *ret_found, struct file_record *ret, struct err *e) {
    struct db_query *q = db_start(db, "SELECT id, name, len, content_type, sha256, created_at FROM files WHERE id = ?1",
                                  DB_VALUES(DB_TEXT(id)), e);
    int result = q != NULL ? db_step(q, e) : -1;
    if (result < 0) {
        return -1;
    }
    if (result == 1) {
        file_read_row(q, ret);
        db_end(q);
    }
    *ret_found = result == 1;
    return 0;
}

int file_table_delete(struct db *db, struct span id, struct err *e) {
    return db_run(db, "DELETE FROM files WHERE id = ?1", DB_VALUES(DB_TEXT(id)), e);
}

int file_table_uses(struct db *db, struct span sha256_hex, bool *ret_used, struct err *e) {
    int64_t used = 0;
    if (db_one_i64(db, "SELECT EXISTS(SELECT 1 FROM files WHERE sha256 = ?1)", DB_VALUES(DB_TEXT(sha256_hex)), &used,
                   e) != 0) {
        return -1;
    }
    *ret_used = used != 0;
    return 0;
}

#define FILE_MATCHES "(?1 = '' OR instr(lower(name), lower(?1)) > 0 OR instr(id, lower(?1)) > 0)"

int file_table_list(struct db *db, struct span text, int64_t limit, int64_t offset,
                    void (*each)(void *ctx, const struct file_record *r), void *ctx, int64_t *ret_total,
                    struct err *e) {
    if (db_one_i64(db, "SELECT count(*) FROM files WHERE " FILE_MATCHES, DB_VALUES(DB_TEXT(text)), ret_total, e) != 0) {
        return -1;
    }
    struct db_query *q =
        db_start(db,
                 "SELECT id, name, len, content_type, sha256, created_at FROM files WHERE " FILE_MATCHES
                 " ORDER BY seq DESC LIMIT ?2 OFFSET ?3",
                 DB_VALUES(DB_TEXT(text), DB_I64(limit), DB_I64(offset)), e);
    if (q == NULL) {
        return -1;
    }
    int result;
    while ((result = db_step(q, e)) == 1) {
        struct file_record r;
        file_read_row(q, &r);
        each(ctx, &r);
    }
    return result;
}

int file_table_count(struct db *db, int64_t *ret_count, struct err *e) {
    return db_one_i64(db, "SELECT count(*) FROM files", NULL, 0, ret_count, e);
}
