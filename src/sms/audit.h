// The audit log: who changed what, when. A row is written in the transaction of the change itself, so that there is none
// without the other.
//
// audit_* with a database: synchronous, from store jobs, on the lane's thread.
#ifndef SPEAR_SMS_AUDIT_H
#define SPEAR_SMS_AUDIT_H

#include "model/token.h"
#include "net/http_server.h"
#include "sms/db.h"

enum { AUDIT_ADDRESS_MAX = 72 };

struct audit_actor {
    char name[TOKEN_NAME_MAX +
              1]; // of the token, "anonymous" while there is none, "offline" for sms --create-admin-token
    char token_id[TOKEN_ID_TEXT + 1];
    char address[AUDIT_ADDRESS_MAX]; // of the client
};
// Who asks; on the exchange's loop.
void audit_actor_of(struct http_exchange *x, struct audit_actor *ret);

struct audit_change {
    const struct audit_actor *actor;
    const char *action; // "file.upload"; docs/security.md lists them
    struct span object_id, object_name;
    struct span detail; // may be empty
    int64_t max_entries;
};
// Adds a row and drops those beyond max_entries, the oldest first.
int audit_add(struct db *db, const struct audit_change *change, struct err *e);

struct audit_row {
    int64_t seq, at_ms;
    struct span actor, token_id, address, action, object_id, object_name, detail;
};
// Newest first; a row lives during the call.
int audit_list(struct db *db, int64_t limit, int64_t offset, void (*each)(void *ctx, const struct audit_row *row),
               void *ctx, struct err *e);
int audit_count(struct db *db, int64_t *ret_count, struct err *e);

void audit_list_handle(struct http_exchange *x, void *ctx); // GET /api/v1/audit; ctx: struct sms

#endif
