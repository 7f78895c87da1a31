// Bearer tokens in HTTP (RFC 6750): reading the request's, and the answers 400, 401 and 403 with their challenge.
//
// What a token is and may do is the program's; nothing here keeps, compares or logs one.
#ifndef SPEAR_NET_BEARER_H
#define SPEAR_NET_BEARER_H

#include "base/err.h"
#include "net/http_server.h"

enum { BEARER_FIELD_MAX = 512 };

enum bearer_result {
    BEARER_NONE, // no Authorization, or one of another scheme
    BEARER_GIVEN,
    BEARER_MALFORMED // more than one field, longer than BEARER_FIELD_MAX, or no b64token: e says it (ERR_INVALID_REQUEST)
};
// The token lives as long as the exchange.
enum bearer_result bearer_read(struct http_exchange *x, struct span *ret_token, struct err *e);

// Answers with the status of e's kind, a problem and WWW-Authenticate: 401 (ERR_UNAUTHORIZED; with error="invalid_token" when
// a token was `given`, without an error when none was, §3.1), 403 (ERR_FORBIDDEN; with `scope`, the one that is needed), 400.
void bearer_refuse(struct http_exchange *x, const struct err *e, bool given, const char *scope);

#endif
