// Who asks sms, and whether he may: between the table of routes and the handlers.
//
// While no token exists everybody may do everything; main.c sees to it that sms is then reached from this machine alone.
#ifndef SPEAR_SMS_AUTH_H
#define SPEAR_SMS_AUTH_H

#include "model/token.h"
#include "net/http_router.h"

// Of http_route.access: scopes (any of them suffices; the first is the one that answers name), or one of these.
enum {
    AUTH_OPEN = 1 << 8, // nobody is asked
    AUTH_LATER = 1 << 9 // the handler decides, by auth_allows and auth_refuse
};

// An http_enter; ctx: struct sms. Answers 400, 401, 403 itself.
void auth_enter(struct http_exchange *x, const struct http_route *route, void *ctx);
// Who asks; of a route behind auth_enter. Without tokens a nobody with every scope.
const struct token_caller *auth_caller(const struct http_exchange *x);
bool auth_allows(const struct http_exchange *x, unsigned scopes);
// Answers that `scopes` are needed: 401 without a token that is known, else 403. `why` may be NULL.
struct sms;
void auth_refuse(struct sms *s, struct http_exchange *x, unsigned scopes, const char *why);

// Writes down that it was used, without anybody waiting.
struct token_record;
void auth_keep_use(struct sms *s, const struct token_record *r);

struct db;
// At start: the tokens of the database into s->tokens. A store job.
int auth_load(struct db *db, void *sms, struct err *e);

#endif
