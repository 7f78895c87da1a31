// The routes of tokens. ctx of each handler: struct sms.
#ifndef SPEAR_SMS_TOKENS_API_H
#define SPEAR_SMS_TOKENS_API_H

#include "sms/sms.h"

void tokens_create_handle(struct http_exchange *x, void *ctx); // POST /api/v1/tokens
void tokens_list_handle(struct http_exchange *x, void *ctx);   // GET /api/v1/tokens
void tokens_revoke_handle(struct http_exchange *x, void *ctx); // DELETE /api/v1/tokens/{token}
void tokens_verify_handle(struct http_exchange *x, void *ctx); // POST /api/v1/tokens/verify

#endif
