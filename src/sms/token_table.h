// The table of tokens: what is kept of each, never the token itself. tokens.c has all of it in memory, too.
//
// Synchronous; called from store jobs, on the lane's thread.
#ifndef SPEAR_SMS_TOKEN_TABLE_H
#define SPEAR_SMS_TOKEN_TABLE_H

#include "model/token.h"
#include "sms/db.h"

enum { TOKENS_MAX = 10000 };

struct token_record {
    char id[TOKEN_ID_TEXT + 1];
    char name[TOKEN_NAME_MAX + 1];
    unsigned scopes;
    unsigned char sha256[SHA256_BYTES];
    int64_t created_at, expires_at,
        last_used_at; // unix seconds; expires_at 0: never, last_used_at 0: not yet, else about
};

// ERR_CONFLICT when the name is taken.
int token_table_insert(struct db *db, const struct token_record *r, struct err *e);
// By id, else by name.
int token_table_find(struct db *db, struct span id_or_name, bool *ret_found, struct token_record *ret, struct err *e);
int token_table_delete(struct db *db, const char *id, struct err *e);
int token_table_count(struct db *db, int64_t *ret_count, struct err *e);
// Those with scope admin that have not expired by `now`, the one of `but_id` left out.
int token_table_count_admins(struct db *db, int64_t now, const char *but_id, int64_t *ret_count, struct err *e);
// The one that expired first, if any has.
int token_table_find_expired(struct db *db, int64_t now, bool *ret_found, struct token_record *ret, struct err *e);
int token_table_set_used(struct db *db, const char *id, int64_t last_used_at, struct err *e);
// In the order of creation.
int token_table_list(struct db *db, int64_t limit, int64_t offset,
                     void (*each)(void *ctx, const struct token_record *r), void *ctx, struct err *e);

#endif
