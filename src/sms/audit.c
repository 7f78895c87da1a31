// The table of the audit log. What is written into it is said by those who change something; it is shown by audit_api.c.
#include "sms/audit.h"

#include "base/clock.h"
#include "sms/auth.h"

#include <stdio.h>

enum { TEXT_MAX = 512 };

void audit_actor_of(struct http_exchange *x, struct audit_actor *ret) {
    const struct token_caller *caller = auth_caller(x);
    snprintf(ret->name, sizeof ret->name, "%s", caller->id[0] != 0 ? caller->name : "anonymous");
    snprintf(ret->token_id, sizeof ret->token_id, "%s", caller->id);
    snprintf(ret->address, sizeof ret->address, "%s", http_peer_address(x));
}

static struct span bounded(struct span text) {
    return span_slice(text, 0, TEXT_MAX);
}

int audit_add(struct db *db, const struct audit_change *c, struct err *e) {
    if (db_run(db,
               "INSERT INTO audit(at_ms, actor, token_id, address, action, object_id, object_name, detail)"
               " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
               DB_VALUES(DB_I64(clock_unix_ms()), DB_TEXT(span_of(c->actor->name)),
                         DB_TEXT(span_of(c->actor->token_id)), DB_TEXT(span_of(c->actor->address)),
                         DB_TEXT(span_of(c->action)), DB_TEXT(bounded(c->object_id)), DB_TEXT(bounded(c->object_name)),
                         DB_TEXT(bounded(c->detail))),
               e) != 0) {
        return -1;
    }
    // Numbers have no gaps: a change that is undone gives its number back.
    return db_run(db, "DELETE FROM audit WHERE seq <= (SELECT max(seq) FROM audit) - ?1",
                  DB_VALUES(DB_I64(c->max_entries)), e);
}

int audit_list(struct db *db, int64_t limit, int64_t offset, void (*each)(void *ctx, const struct audit_row *row),
               void *ctx, struct err *e) {
    struct db_query *q = db_start(db,
                                  "SELECT seq, at_ms, actor, token_id, address, action, object_id, object_name, detail"
                                  " FROM audit ORDER BY seq DESC LIMIT ?1 OFFSET ?2",
                                  DB_VALUES(DB_I64(limit), DB_I64(offset)), e);
    if (q == NULL) {
        return -1;
    }
    int result;
    while ((result = db_step(q, e)) == 1) {
        const struct audit_row row = {.seq = db_i64(q, 0),
                                      .at_ms = db_i64(q, 1),
                                      .actor = db_text(q, 2),
                                      .token_id = db_text(q, 3),
                                      .address = db_text(q, 4),
                                      .action = db_text(q, 5),
                                      .object_id = db_text(q, 6),
                                      .object_name = db_text(q, 7),
                                      .detail = db_text(q, 8)};
        each(ctx, &row);
    }
    return result;
}

int audit_count(struct db *db, int64_t *ret_count, struct err *e) {
    return db_one_i64(db, "SELECT count(*) FROM audit", NULL, 0, ret_count, e);
}
