// The Authorization field of a bearer token and the challenge in answers; see bearer.h. Next step: auth.c of sms and of spearlet.
#include "net/bearer.h"

#include "base/mem.h"
#include "net/problem.h"

#include <stdio.h>

enum { CHALLENGE_MAX = 256 };

static size_t count_fields(struct http_exchange *x, const char *name) {
    size_t count, found = 0;
    const struct http_header *headers = http_headers(x, &count);
    for (size_t i = 0; i < count; i++)
        found += span_equal_nocase(headers[i].name, name);
    return found;
}

// b64token of RFC 6750 §2.1.
static bool is_b64token(struct span text) {
    size_t n = 0;
    while (n < text.n && text.p[n] &&
           strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/", text.p[n]))
        n++;
    size_t padding = n;
    while (padding < text.n && text.p[padding] == '=')
        padding++;
    return n > 0 && padding == text.n;
}

enum bearer_result bearer_read(struct http_exchange *x, struct span *ret_token, struct err *e) {
    struct span value = http_header_value(x, "authorization");
    if (count_fields(x, "authorization") > 1) {
        err_set(e, ERR_INVALID_REQUEST, "more than one Authorization field");
        return BEARER_MALFORMED;
    }
    if (!span_starts_with_nocase(value, "bearer") || (value.n > 6 && value.p[6] != ' '))
        return BEARER_NONE;
    struct span token = span_trim(span_slice(value, 6, value.n));
    if (value.n > BEARER_FIELD_MAX) {
        err_set(e, ERR_INVALID_REQUEST, "the Authorization field has %zu bytes; at most %d are read", value.n,
                BEARER_FIELD_MAX);
        return BEARER_MALFORMED;
    }
    if (!is_b64token(token)) {
        err_set(e, ERR_INVALID_REQUEST, "the Authorization field is not \"Bearer\" and a token");
        return BEARER_MALFORMED;
    }
    *ret_token = token;
    return BEARER_GIVEN;
}

static void write_challenge(const struct err *e, bool given, const char *scope, char text[CHALLENGE_MAX]) {
    const char *realm = "Bearer realm=\"spear\"";
    if (e->kind == ERR_FORBIDDEN)
        snprintf(text, CHALLENGE_MAX, "%s, error=\"insufficient_scope\", scope=\"%s\"", realm, scope);
    else if (e->kind == ERR_UNAUTHORIZED)
        snprintf(text, CHALLENGE_MAX, "%s%s", realm, given ? ", error=\"invalid_token\"" : "");
    else
        snprintf(text, CHALLENGE_MAX, "%s, error=\"invalid_request\"", realm);
}

void bearer_refuse(struct http_exchange *x, const struct err *e, bool given, const char *scope) {
    char challenge[CHALLENGE_MAX];
    write_challenge(e, given, scope, challenge);
    const struct http_header header = {SPAN_LITERAL("WWW-Authenticate"), span_of(challenge)};
    http_problem_full(x, err_kind_info(e->kind)->http_status, e, &header, 1, NULL, NULL);
}
