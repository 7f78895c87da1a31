// The routes of tokens: making, listing, revoking, and saying to a node who a digest is.
//
// A token is given out once, in the answer to its making. The table is token_table.c, the memory tokens.c.
#include "sms/tokens_api.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/http_router.h"
#include "sms/auth.h"
#include "sms/request.h"
#include "sms/tokens_change.h"

#include <stdio.h>

enum { BODY_MAX = 4096 };
#define EXPIRES_MAX_S (INT64_C(100) * 365 * 24 * 3600)

static void add_record(struct json_out *out, json_node *object, const struct token_record *r) {
    char scopes[TOKEN_SCOPES_TEXT];
    struct span rest, scope;
    token_scopes_print(r->scopes, ",", scopes);
    json_add_text(out, object, "id", r->id);
    json_add_text(out, object, "name", r->name);
    json_node *array = json_add_array(out, object, "scopes");
    for (rest = span_of(scopes); span_next(&rest, ',', &scope);) {
        json_push_string(out, array, scope);
    }
    json_add_i64(out, object, "created_at", r->created_at);
    if (r->expires_at != 0) {
        json_add_i64(out, object, "expires_at", r->expires_at);
    } else {
        json_add_null(out, object, "expires_at");
    }
}

// ---- POST /api/v1/tokens
struct creation {
    struct request request;
    struct token_creation token;
};

static int create_run(struct db *db, struct request *r, struct err *e) {
    return token_creation_run(db, &((struct creation *)r)->token, e);
}

static void create_settled(struct db *db, struct request *r, bool committed) {
    (void)db;
    const struct token_creation *token = &((struct creation *)r)->token;
    if (!committed) {
        return;
    }
    tokens_put(r->sms->tokens, &token->record); // first: there is no moment without any
    if (token->evicted[0] != 0) {
        tokens_remove(r->sms->tokens, token->evicted);
    }
}

static void create_answer(struct request *r) {
    const struct http_header headers[] = {{SPAN_LITERAL("Content-Type"), SPAN_LITERAL("application/json")},
                                          {SPAN_LITERAL("Cache-Control"), SPAN_LITERAL("no-store")}};
    const struct token_creation *token = &((struct creation *)r)->token;
    struct buf text;
    struct json_out *out = json_out_new();
    json_node *root = json_out_object(out);
    json_add_bool(out, root, "success", true);
    add_record(out, root, &token->record);
    json_add_text(out, root, "token", token->text);
    log_info("token made id=%s name=%s by=%s", token->record.id, token->record.name, token->actor.name);
    buf_init(&text, BODY_MAX);
    json_out_print(out, false, &text);
    json_out_free(out);
    http_respond(r->x, 200, headers, COUNT_OF(headers), buf_span(&text));
    buf_done(&text);
}

static int read_scope(void *ctx, struct span key, json_val *value) {
    (void)key;
    struct buf *list = ctx;
    return !json_is_string(value) || buf_append_span(list, json_string(value)) != 0 || buf_append_char(list, ',') != 0;
}

static int read_scopes(json_val *root, unsigned *ret, struct err *e) {
    json_val *array = NULL;
    struct buf list;
    if (json_want_array(root, "scopes", &array, e) != 0) {
        return -1;
    }
    buf_init(&list, BODY_MAX);
    int result = json_each(array, read_scope, &list) != 0
                     ? err_set(e, ERR_UNPROCESSABLE, "field \"scopes\" must be a list of strings")
                     : token_scopes_parse(buf_span(&list), ret, e);
    buf_done(&list);
    return result == 0 ? 0 : err_wrap(e, "field \"scopes\"");
}

static int read_creation(json_val *root, struct token_record *r, struct err *e) {
    struct span name = {0};
    int64_t expires_in_s = 0;
    if (json_need_string(root, "name", &name, e) != 0 || read_scopes(root, &r->scopes, e) != 0 ||
        json_want_i64(root, "expires_in_s", 1, EXPIRES_MAX_S, &expires_in_s, e) != 0) {
        return -1;
    }
    if (!token_name_valid(name)) {
        return err_set(
            e, ERR_UNPROCESSABLE,
            "field \"name\" must be 1 to %d of the characters A-Z a-z 0-9 . _ @ -, beginning with a letter or "
            "digit, not \"%.*s\"",
            TOKEN_NAME_MAX, SPAN_ARGS(span_slice(name, 0, 100)));
    }
    snprintf(r->name, sizeof r->name, "%.*s", SPAN_ARGS(name));
    r->expires_at = expires_in_s != 0 ? clock_unix_s() + expires_in_s : 0;
    return 0;
}

static void create_body(struct http_exchange *x, json_val *root, void *ctx) {
    struct err err;
    struct sms *s = ctx;
    struct creation *c = NEW(struct creation);
    c->request =
        (struct request){.sms = s, .x = x, .run = create_run, .settled = create_settled, .answer = create_answer};
    if (read_creation(root, &c->token.record, &err) != 0) {
        answer_error(x, &err);
        free(c);
        return;
    }
    c->token.audit_max_entries = (int64_t)s->config.audit_max_entries;
    audit_actor_of(x, &c->token.actor);
    token_creation_fill(&c->token);
    request_write(&c->request);
}

void tokens_create_handle(struct http_exchange *x, void *ctx) {
    http_read_json(x, BODY_MAX, false, create_body, ctx);
}

// ---- GET /api/v1/tokens
struct listing {
    struct request request;
    struct page page;
    struct json_out *out;
    json_node *root, *tokens;
    int64_t total;
};

static void list_add(void *ctx, const struct token_record *r) {
    struct listing *l = ctx;
    json_node *object = json_push_object(l->out, l->tokens);
    add_record(l->out, object, r);
    if (r->last_used_at != 0) {
        json_add_i64(l->out, object, "last_used_at", r->last_used_at);
    } else {
        json_add_null(l->out, object, "last_used_at");
    }
}

static int list_run(struct db *db, struct request *r, struct err *e) {
    struct listing *l = (struct listing *)r;
    return token_table_count(db, &l->total, e) != 0
               ? -1
               : token_table_list(db, l->page.limit, l->page.offset, list_add, l, e);
}

static void list_answer(struct request *r) {
    struct listing *l = (struct listing *)r;
    json_add_i64(l->out, l->root, "total_count", l->total);
    http_respond_json(r->x, 200, TAKE(l->out));
}

static void list_free(struct request *r) {
    json_out_free(((struct listing *)r)->out);
}

void tokens_list_handle(struct http_exchange *x, void *ctx) {
    struct err err;
    struct page page;
    if (answer_read_page(x, &page, &err) != 0) {
        answer_error(x, &err);
        return;
    }
    struct listing *l = NEW(struct listing);
    l->request = (struct request){.sms = ctx, .x = x, .run = list_run, .answer = list_answer, .done = list_free};
    l->page = page;
    l->out = json_out_new();
    l->root = json_out_object(l->out);
    l->tokens = json_add_array(l->out, l->root, "tokens");
    request_read(&l->request);
}

// ---- DELETE /api/v1/tokens/{token}
struct revocation {
    struct request request;
    struct span reference;
    struct token_record record;
};

static int refuse_last_admin(struct db *db, const struct token_record *r, struct err *e) {
    int64_t others = 0;
    if ((r->scopes & SCOPE_ADMIN) == 0) {
        return 0;
    }
    if (token_table_count_admins(db, clock_unix_s(), r->id, &others, e) != 0) {
        return -1;
    }
    return others != 0 ? 0
                       : err_set(e, ERR_CONFLICT,
                                 "token \"%s\" is the only one with scope admin; make another one before it is revoked",
                                 r->name);
}

static int revoke_run(struct db *db, struct request *request, struct err *e) {
    struct revocation *r = (struct revocation *)request;
    bool found = false;
    if (token_table_find(db, r->reference, &found, &r->record, e) != 0) {
        return -1;
    }
    if (!found) {
        return err_set(e, ERR_NOT_FOUND, "there is no token of the id or name \"%.*s\"",
                       SPAN_ARGS(span_slice(r->reference, 0, 100)));
    }
    if (refuse_last_admin(db, &r->record, e) != 0 || token_table_delete(db, r->record.id, e) != 0) {
        return -1;
    }
    return request_audit(db, request, "token.revoke", span_of(r->record.id), span_of(r->record.name), "", e);
}

static void revoke_settled(struct db *db, struct request *request, bool committed) {
    (void)db;
    if (committed) {
        tokens_remove(request->sms->tokens, ((struct revocation *)request)->record.id);
    }
}

static void revoke_answer(struct request *request) {
    const struct revocation *r = (struct revocation *)request;
    AUTO_FREE char *message = mem_printf("token %s is revoked", r->record.name);
    log_info("token revoked id=%s name=%s by=%s", r->record.id, r->record.name, request->actor.name);
    answer_success(request->x, message);
}

void tokens_revoke_handle(struct http_exchange *x, void *ctx) {
    struct revocation *r = NEW(struct revocation);
    r->request =
        (struct request){.sms = ctx, .x = x, .run = revoke_run, .settled = revoke_settled, .answer = revoke_answer};
    r->reference = http_param(x, "token");
    request_write(&r->request);
}

// ---- POST /api/v1/tokens/verify: a node asks with the digest of what it was shown
static void verify_body(struct http_exchange *x, json_val *root, void *ctx) {
    struct sms *s = ctx;
    struct err err;
    struct span hex = {0};
    unsigned char sha256[SHA256_BYTES];
    struct token_record record;
    bool is_to_be_kept;
    if (json_need_string(root, "sha256", &hex, &err) != 0) {
        answer_error(x, &err);
        return;
    }
    if (!sha256_from_hex(hex, sha256)) {
        http_problem_text(x, ERR_UNPROCESSABLE, "field \"sha256\" must be %d hexadecimal digits", SHA256_HEX);
        return;
    }
    struct json_out *out = json_out_new();
    json_node *object = json_out_object(out);
    bool found = tokens_find(s->tokens, sha256, clock_unix_s(), &record, &is_to_be_kept);
    json_add_bool(out, object, "active", found);
    if (found) {
        add_record(out, object, &record);
    }
    if (found && is_to_be_kept) {
        auth_keep_use(s, &record);
    }
    http_respond_json(x, 200, out);
}

void tokens_verify_handle(struct http_exchange *x, void *ctx) {
    http_read_json(x, BODY_MAX, false, verify_body, ctx);
}
