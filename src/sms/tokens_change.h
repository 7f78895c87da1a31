// Making a token, by HTTP and by `sms --create-admin-token`: the same row, the same line in the audit log.
#ifndef SPEAR_SMS_TOKENS_CHANGE_H
#define SPEAR_SMS_TOKENS_CHANGE_H

#include "sms/audit.h"
#include "sms/token_table.h"

struct token_creation {
    struct audit_actor actor;
    bool is_offline;
    int64_t audit_max_entries;
    struct token_record record;      // name, scopes and expires_at are given
    char text[TOKEN_TEXT + 1];       // the token itself, made by token_creation_fill
    char evicted[TOKEN_ID_TEXT + 1]; // an expired one that made room, or ""
};
// Makes the token and the rest of its record.
void token_creation_fill(struct token_creation *c);
// In a transaction. ERR_CONFLICT for a name that is taken and for a first token without scope admin; ERR_UNAUTHORIZED when
// nobody in particular asks and there are tokens by now; ERR_RESOURCE_EXHAUSTED at TOKENS_MAX.
int token_creation_run(struct db *db, struct token_creation *c, struct err *e);

// sms --create-admin-token NAME: prints the token on stdout; the exit code. `sms` has its settings.
struct sms;
int token_create_offline(struct sms *s, const char *name);

#endif
