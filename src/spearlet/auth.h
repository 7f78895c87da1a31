// Who asks this node, and whether he may: between the table of routes and the handlers.
//
// A node that has a token of its own (token-file) wants one of everybody: sms says whose it is (token_verifier.h). What sms
// relays comes with X-Spear-Relay instead, a secret that this node made up at its start and told sms when it registered: sms has
// checked who asks, and callers' tokens never come here. A node without a token asks nobody; it serves this machine alone.
#ifndef SPEAR_SPEARLET_AUTH_H
#define SPEAR_SPEARLET_AUTH_H

#include "base/log_limit.h"
#include "model/token.h"
#include "net/http_router.h"

#include <stdatomic.h>

// Of http_route.access: scopes (any of them suffices), and these.
enum {
    AUTH_OPEN = 1 << 8,  // nobody is asked
    AUTH_LATER = 1 << 9, // the handler decides, by auth_allows and auth_refuse
    AUTH_RELAY = 1 << 10 // also what sms relays; what such a caller has as scopes
};

struct spearlet;

struct auth { // zeroed at first
    bool wants_tokens;
    char relay_token[TOKEN_SECRET_TEXT + 1]; // "" unless wants_tokens
    struct log_limit log;
    _Atomic uint64_t unauthorized, forbidden;
};
void auth_init(struct auth *a, bool wants_tokens);

// An http_enter; ctx: struct spearlet. Answers 400, 401, 403 and 503 itself.
void auth_enter(struct http_exchange *x, const struct http_route *route, void *ctx);
// Who asks; of a route behind auth_enter. Where nobody is asked, a nobody with every scope.
const struct token_caller *auth_caller(const struct http_exchange *x);
bool auth_allows(const struct http_exchange *x, unsigned scopes);
// Answers that `scopes` are needed: 401 without a token that is known, else 403. `why` may be NULL.
void auth_refuse(struct spearlet *s, struct http_exchange *x, unsigned scopes, const char *why);

#endif
