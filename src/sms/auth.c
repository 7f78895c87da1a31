// Who asks sms, and whether he may; see auth.h. Which scopes a route wants is said in routes.c, how a token looks in model/token.h.
#include "sms/auth.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/bearer.h"
#include "sms/answer.h"
#include "sms/sms.h"

enum { REFUSALS_LOGGED_A_SECOND = 10 };

static const struct token_caller nobody = {.scopes = 0}, everybody = {.scopes = SCOPES_ALL};

const struct token_caller *auth_caller(const struct http_exchange *x) {
    const struct token_caller *caller = http_user(x);
    return caller != NULL ? caller : &nobody;
}

bool auth_allows(const struct http_exchange *x, unsigned scopes) {
    return token_scopes_allow(auth_caller(x)->scopes, scopes);
}

// ---- refusals

static void count_and_log(struct sms *s, struct http_exchange *x, const struct token_caller *caller,
                          const struct err *e) {
    uint64_t held_back = 0;
    atomic_fetch_add(e->kind == ERR_FORBIDDEN ? &s->auth_forbidden_total : &s->auth_unauthorized_total, 1);
    if (log_limit_take(&s->auth_log, clock_monotonic_us(), REFUSALS_LOGGED_A_SECOND, &held_back)) {
        log_warn("access refused client=%s method=%.*s path=%.*s token=%s error=\"%s\" not_logged_before=%llu",
                 http_peer_address(x), SPAN_ARGS(http_method(x)), SPAN_ARGS(span_slice(http_path(x), 0, 200)),
                 caller->id[0] != 0 ? caller->name : "-", e->text, (unsigned long long)held_back);
    }
}

static void refuse(struct sms *s, struct http_exchange *x, const struct err *e, bool given, unsigned scopes) {
    count_and_log(s, x, auth_caller(x), e);
    bearer_refuse(x, e, given, token_scope_name(scopes));
}

void auth_refuse(struct sms *s, struct http_exchange *x, unsigned scopes, const char *why) {
    struct err err;
    struct span token;
    char names[TOKEN_SCOPES_TEXT];
    const struct token_caller *caller = auth_caller(x);
    bool given = bearer_read(x, &token, NULL) == BEARER_GIVEN;
    if (caller->id[0] == 0) {
        err_set(&err, ERR_UNAUTHORIZED,
                given ? "the token is not known here, has expired or was revoked"
                      : "this server wants a token: Authorization: Bearer TOKEN");
    } else {
        token_scopes_print(scopes, " or ", names);
        err_set(&err, ERR_FORBIDDEN, "token \"%s\" may not do that: %s%sit needs scope %s", caller->name,
                why != NULL ? why : "", why != NULL ? "; " : "", names);
    }
    refuse(s, x, &err, given, scopes);
}

// ---- the use of a token, written down without anybody waiting
struct use {
    struct store_job job;
    char id[TOKEN_ID_TEXT + 1];
    int64_t at;
};

static int use_run(struct db *db, void *arg, struct err *e) {
    struct use *use = arg;
    return token_table_set_used(db, use->id, use->at, e);
}

static void use_done(void *arg, const struct err *e) {
    if (e != NULL) {
        log_warn("use of a token not stored error=\"%s\"", e->text);
    }
    free(arg);
}

void auth_keep_use(struct sms *s, const struct token_record *r) {
    struct use *use = NEW(struct use);
    memcpy(use->id, r->id, sizeof use->id);
    use->at = r->last_used_at;
    use->job = (struct store_job){.run = use_run, .done = use_done, .arg = use};
    if (!store_write(s->store, &use->job)) {
        free(use);
    }
}

// ---- who it is

static struct token_caller *caller_of(struct sms *s, struct http_exchange *x, struct span token) {
    unsigned char sha256[SHA256_BYTES];
    struct token_record r;
    bool is_to_be_kept = false;
    if (!token_valid(token)) {
        return NULL;
    }
    token_digest(token, sha256);
    if (!tokens_find(s->tokens, sha256, clock_unix_s(), &r, &is_to_be_kept)) {
        return NULL;
    }
    if (is_to_be_kept) {
        auth_keep_use(s, &r);
    }
    struct token_caller *caller = arena_alloc(http_arena(x), sizeof *caller);
    if (caller != NULL) {
        *caller = (struct token_caller){.scopes = r.scopes};
        memcpy(caller->id, r.id, sizeof caller->id);
        memcpy(caller->name, r.name, sizeof caller->name);
    }
    return caller;
}

void auth_enter(struct http_exchange *x, const struct http_route *route, void *ctx) {
    struct sms *s = ctx;
    struct err err;
    struct span token;
    ASSERT(route->access != 0);
    if (tokens_count(s->tokens) == 0) {
        http_set_user(x, (void *)(uintptr_t)&everybody);
        route->handler(x, ctx);
        return;
    }
    enum bearer_result read = bearer_read(x, &token, &err);
    if (read == BEARER_GIVEN) {
        http_set_user(x, caller_of(s, x, token));
    }
    if ((route->access & (AUTH_OPEN | AUTH_LATER)) != 0 || auth_allows(x, route->access)) {
        route->handler(x, ctx);
    } else if (read == BEARER_MALFORMED) {
        refuse(s, x, &err, true, route->access);
    } else {
        auth_refuse(s, x, route->access, NULL);
    }
}

// ---- at start
static void load_row(void *ctx, const struct token_record *r) {
    tokens_put(ctx, r);
}

int auth_load(struct db *db, void *sms, struct err *e) {
    struct sms *s = sms;
    return token_table_list(db, INT64_MAX, 0, load_row, s->tokens, e);
}
