// All tokens in memory, by digest: a request is judged without the database, and a wrong token costs one look-up.
//
// Under one mutex that is never held across I/O; token_table.c is the durable copy, changed first. Any thread.
#ifndef SPEAR_SMS_TOKENS_H
#define SPEAR_SMS_TOKENS_H

#include "sms/token_table.h"

struct tokens;

struct tokens *tokens_new(void);
void tokens_free(struct tokens *t); // NULL allowed
void tokens_put(struct tokens *t, const struct token_record *r);
void tokens_remove(struct tokens *t, const char *id);
size_t tokens_count(struct tokens *t); // 0: sms is open; expired ones count
bool tokens_has(struct tokens *t, const char *id);

// Found and not expired: *ret is who it is, *ret_used is set when its use should be written down (not more than once a minute).
bool tokens_find(struct tokens *t, const unsigned char sha256[SHA256_BYTES], int64_t now, struct token_record *ret,
                 bool *ret_used);

#endif
