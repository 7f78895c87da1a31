// Who asks this node, and whether he may; see auth.h. Which scopes a route wants is said in http_api.c.
#include "spearlet/auth.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/bearer.h"
#include "spearlet/http_api.h"

#include <stdio.h>

enum { REFUSALS_LOGGED_A_SECOND = 10 };

static const struct token_caller nobody = {.scopes = 0}, everybody = {.scopes = SCOPES_ALL};

void auth_init(struct auth *a, bool wants_tokens) {
    a->wants_tokens = wants_tokens;
    if (wants_tokens)
        token_make_secret(a->relay_token);
}

const struct token_caller *auth_caller(const struct http_exchange *x) {
    const struct token_caller *caller = http_user(x);
    return caller ? caller : &nobody;
}

bool auth_allows(const struct http_exchange *x, unsigned scopes) {
    return token_scopes_allow(auth_caller(x)->scopes, scopes);
}

// ---- refusals

static void refuse(struct spearlet *s, struct http_exchange *x, const struct err *e, bool given, unsigned scopes) {
    uint64_t held_back = 0;
    const struct token_caller *caller = auth_caller(x);
    atomic_fetch_add(e->kind == ERR_FORBIDDEN ? &s->auth.forbidden : &s->auth.unauthorized, 1);
    if (log_limit_take(&s->auth.log, clock_monotonic_us(), REFUSALS_LOGGED_A_SECOND, &held_back))
        log_warn("access refused client=%s method=%.*s path=%.*s token=%s error=\"%s\" not_logged_before=%llu",
                 http_peer_address(x), SPAN_ARGS(http_method(x)), SPAN_ARGS(span_slice(http_path(x), 0, 200)),
                 caller->name[0] ? caller->name : "-", e->text, (unsigned long long)held_back);
    bearer_refuse(x, e, given, token_scope_name(scopes));
}

void auth_refuse(struct spearlet *s, struct http_exchange *x, unsigned scopes, const char *why) {
    struct err e;
    struct span token;
    char names[TOKEN_SCOPES_TEXT];
    const struct token_caller *caller = auth_caller(x);
    bool given = bearer_read(x, &token, NULL) == BEARER_GIVEN;
    token_scopes_print(scopes, " or ", names);
    if (caller->scopes)
        err_set(&e, ERR_FORBIDDEN, "token \"%s\" may not do that: %s%sit needs scope %s", caller->name, why ? why : "",
                why ? "; " : "", names);
    else
        err_set(&e, ERR_UNAUTHORIZED,
                given ? "the token is not known to sms, has expired or was revoked"
                      : "this node wants a token: Authorization: Bearer TOKEN");
    refuse(s, x, &e, given, scopes);
}

// ---- who it is

static void set_caller(struct http_exchange *x, const struct token_caller *caller) {
    struct token_caller *kept = arena_alloc(http_arena(x), sizeof *kept);
    if (kept)
        *kept = *caller;
    http_set_user(x, kept);
}

// sms has checked the caller, and says which token it was.
static void set_relayed(struct http_exchange *x) {
    struct token_caller caller = {.scopes = AUTH_RELAY};
    struct span id = http_header_value(x, "x-spear-caller");
    if (token_id_valid(id))
        memcpy(caller.id, id.p, id.n);
    snprintf(caller.name, sizeof caller.name, "sms");
    set_caller(x, &caller);
}

static bool is_relayed(const struct spearlet *s, struct http_exchange *x) {
    struct span proof = http_header_value(x, "x-spear-relay");
    return proof.n == TOKEN_SECRET_TEXT && token_equal(proof.p, s->auth.relay_token, TOKEN_SECRET_TEXT);
}

static void decide(struct http_exchange *x, const struct http_route *route, struct spearlet *s) {
    if (route->access & AUTH_LATER || auth_allows(x, route->access))
        route->handler(x, s);
    else
        auth_refuse(s, x, route->access & SCOPES_ALL, NULL);
}

struct entering {
    struct spearlet *spearlet;
    struct http_exchange *x;
    const struct http_route *route;
};

static void on_verified(void *ctx, const struct token_caller *caller, const struct err *e) {
    struct entering entering = *(struct entering *)ctx;
    free(ctx);
    if (caller)
        set_caller(entering.x, caller);
    if (e && !(entering.route->access & AUTH_LATER))
        http_api_refuse(entering.x, e);
    else
        decide(entering.x, entering.route, entering.spearlet);
}

static void verify(struct http_exchange *x, const struct http_route *route, struct spearlet *s, struct span token) {
    struct entering *entering = NEW(struct entering);
    *entering = (struct entering){s, x, route};
    token_verifier_ask(s->verifier, http_exchange_loop(x), token, on_verified, entering);
}

void auth_enter(struct http_exchange *x, const struct http_route *route, void *ctx) {
    struct spearlet *s = ctx;
    struct span token;
    struct err e;
    ASSERT(route->access);
    if (!s->auth.wants_tokens || route->access & AUTH_OPEN) {
        http_set_user(x, (void *)(uintptr_t)&everybody);
        route->handler(x, ctx);
        return;
    }
    if (is_relayed(s, x)) {
        set_relayed(x);
        decide(x, route, s);
        return;
    }
    enum bearer_result read = bearer_read(x, &token, &e);
    if (read == BEARER_GIVEN && token_valid(token))
        verify(x, route, s, token);
    else if (read == BEARER_MALFORMED && !(route->access & AUTH_LATER))
        refuse(s, x, &e, true, route->access);
    else
        decide(x, route, s);
}
