// The table of tokens; see token_table.h. Next step: tokens_api.c, which changes it.
#include "sms/token_table.h"

#include "base/mem.h"

#include <stdio.h>

#define TOKEN_COLUMNS "id, name, scopes, sha256, created_at, expires_at, last_used_at"

static void copy_text(struct span from, char *to, size_t to_bytes) {
    snprintf(to, to_bytes, "%.*s", SPAN_ARGS(from));
}

// A row that a newer program wrote may have scopes that we do not know: they give nothing.
static void token_read_row(struct db_query *q, struct token_record *ret) {
    *ret = (struct token_record){.created_at = db_i64(q, 4), .expires_at = db_i64(q, 5), .last_used_at = db_i64(q, 6)};
    copy_text(db_text(q, 0), ret->id, sizeof ret->id);
    copy_text(db_text(q, 1), ret->name, sizeof ret->name);
    (void)token_scopes_parse(db_text(q, 2), &ret->scopes, NULL);
    (void)sha256_from_hex(db_text(q, 3), ret->sha256);
}

static int token_read_one(struct db_query *q, bool *ret_found, struct token_record *ret, struct err *e) {
    int result = q != NULL ? db_step(q, e) : -1;
    if (result < 0) {
        return -1;
    }
    if (result == 1) {
        token_read_row(q, ret);
        db_end(q);
    }
    *ret_found = result == 1;
    return 0;
}

int token_table_insert(struct db *db, const struct token_record *r, struct err *e) {
    char scopes[TOKEN_SCOPES_TEXT], hex[SHA256_HEX + 1];
    token_scopes_print(r->scopes, ",", scopes);
    sha256_to_hex(r->sha256, hex);
    int result =
        db_run(db, "INSERT INTO tokens(" TOKEN_COLUMNS ") VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
               DB_VALUES(DB_TEXT(span_of(r->id)), DB_TEXT(span_of(r->name)), DB_TEXT(span_of(scopes)),
                         DB_TEXT(span_of(hex)), DB_I64(r->created_at), DB_I64(r->expires_at), DB_I64(r->last_used_at)),
               e);
    if (result != 0 && e != NULL && e->kind == ERR_CONFLICT) {
        err_set(e, ERR_CONFLICT, "there is a token of the name \"%s\" already; revoke it first, or take another name",
                r->name);
    }
    return result;
}

int token_table_find(struct db *db, struct span id_or_name, bool *ret_found, struct token_record *ret, struct err *e) {
    struct db_query *q =
        db_start(db, "SELECT " TOKEN_COLUMNS " FROM tokens WHERE id = ?1 OR name = ?1 ORDER BY id = ?1 DESC LIMIT 1",
                 DB_VALUES(DB_TEXT(id_or_name)), e);
    return token_read_one(q, ret_found, ret, e);
}

int token_table_delete(struct db *db, const char *id, struct err *e) {
    return db_run(db, "DELETE FROM tokens WHERE id = ?1", DB_VALUES(DB_TEXT(span_of(id))), e);
}

int token_table_count(struct db *db, int64_t *ret_count, struct err *e) {
    return db_one_i64(db, "SELECT count(*) FROM tokens", NULL, 0, ret_count, e);
}

int token_table_count_admins(struct db *db, int64_t now, const char *but_id, int64_t *ret_count, struct err *e) {
    return db_one_i64(db,
                      "SELECT count(*) FROM tokens WHERE id <> ?1 AND (expires_at = 0 OR expires_at > ?2)"
                      " AND instr(',' || scopes || ',', ',admin,') > 0",
                      DB_VALUES(DB_TEXT(span_of(but_id)), DB_I64(now)), ret_count, e);
}

int token_table_find_expired(struct db *db, int64_t now, bool *ret_found, struct token_record *ret, struct err *e) {
    struct db_query *q = db_start(db,
                                  "SELECT " TOKEN_COLUMNS " FROM tokens WHERE expires_at <> 0 AND expires_at <= ?1"
                                  " ORDER BY expires_at LIMIT 1",
                                  DB_VALUES(DB_I64(now)), e);
    return token_read_one(q, ret_found, ret, e);
}

int token_table_set_used(struct db *db, const char *id, int64_t last_used_at, struct err *e) {
    return db_run(db, "UPDATE tokens SET last_used_at = ?2 WHERE id = ?1",
                  DB_VALUES(DB_TEXT(span_of(id)), DB_I64(last_used_at)), e);
}

int token_table_list(struct db *db, int64_t limit, int64_t offset,
                     void (*each)(void *ctx, const struct token_record *r), void *ctx, struct err *e) {
    struct db_query *q =
        db_start(db, "SELECT " TOKEN_COLUMNS " FROM tokens ORDER BY created_at, rowid LIMIT ?1 OFFSET ?2",
                 DB_VALUES(DB_I64(limit), DB_I64(offset)), e);
    if (q == NULL) {
        return -1;
    }
    int result;
    while ((result = db_step(q, e)) == 1) {
        struct token_record r;
        token_read_row(q, &r);
        each(ctx, &r);
    }
    return result;
}
