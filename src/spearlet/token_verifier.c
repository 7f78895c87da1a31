// Questions about tokens: from any loop to loop 0, which alone speaks to sms, and back. What is known meanwhile is token_cache.c.
#include "spearlet/token_verifier.h"

#include "base/clock.h"
#include "base/mem.h"
#include "spearlet/string_table.h"

#include <stdatomic.h>

// After sms did not answer, older knowledge is used at once for so long before it is asked again.
enum { AWAY_US = 1000 * 1000 };

// Somebody who waits.
struct waiter {
    struct waiter *next;
    struct token_verifier *verifier;
    struct loop *asker;
    unsigned char sha256[SHA256_BYTES];
    token_verified *done;
    void *ctx;
    bool is_known;
    struct token_caller caller;
    struct err error; // ERR_NONE: an answer
};

// A question under way.
struct question {
    struct string_node node;
    struct token_verifier *verifier;
    unsigned char sha256[SHA256_BYTES];
    struct waiter *first;
};

struct token_verifier {
    struct token_verifier_config config;
    struct token_cache *cache;
    _Atomic uint64_t asked, failed, waiting, away_until_us;
    struct string_table questions; // loop 0 only, and what follows
    bool is_stopped;
};

struct token_verifier *token_verifier_new(const struct token_verifier_config *config) {
    struct token_verifier *v = NEW(struct token_verifier);
    v->config = *config;
    v->cache = token_cache_new(&config->cache);
    string_table_init(&v->questions);
    return v;
}

void token_verifier_stop(struct token_verifier *v) {
    v->is_stopped = true;
}

void token_verifier_free(struct token_verifier *v) {
    if (!v)
        return;
    ASSERT(v->questions.count == 0); // they ended with the sms client
    string_table_done(&v->questions);
    token_cache_free(v->cache);
    free(v);
}

void token_verifier_stats(struct token_verifier *v, struct token_verifier_stats *ret) {
    *ret = (struct token_verifier_stats){
        .asked = atomic_load(&v->asked), .failed = atomic_load(&v->failed), .known = token_cache_count(v->cache)};
}

// ---- back to who asked

static void answer_waiter(void *arg) {
    struct waiter *w = arg;
    atomic_fetch_sub(&w->verifier->waiting, 1);
    w->done(w->ctx, w->is_known ? &w->caller : NULL, w->error.kind == ERR_NONE ? NULL : &w->error);
    free(w);
}

// What is known, older knowledge included when sms could not say (`why`).
static void settle(struct waiter *w, const struct err *why) {
    enum token_verdict verdict = token_cache_find(w->verifier->cache, w->sha256, why != NULL, &w->caller);
    w->is_known = verdict == TOKEN_ACCEPTED;
    if (verdict == TOKEN_ASK_SMS && why)
        w->error = *why;
    loop_post(w->asker, answer_waiter, w);
}

// ---- loop 0

static int read_scope(void *ctx, struct span key, json_val *value) {
    (void)key;
    unsigned *scopes = ctx, scope;
    if (token_scopes_parse(json_string(value), &scope, NULL) == 0)
        *scopes |= scope;
    return 0;
}

static void copy_text(json_val *value, char *to, size_t n) {
    struct span text = json_string(value);
    snprintf(to, n, "%.*s", SPAN_ARGS(text));
}

static void learn(struct question *q, json_val *root) {
    struct token_caller caller = {.scopes = 0};
    bool is_active = json_bool(json_get(root, "active"));
    copy_text(json_get(root, "id"), caller.id, sizeof caller.id);
    copy_text(json_get(root, "name"), caller.name, sizeof caller.name);
    json_each(json_get(root, "scopes"), read_scope, &caller.scopes);
    token_cache_put(q->verifier->cache, q->sha256, is_active ? &caller : NULL, json_i64(json_get(root, "expires_at")));
}

static void describe_failure(int status, const struct err *failure, struct err *ret) {
    if (failure)
        err_set(ret, ERR_UNAVAILABLE, "the token cannot be checked: %s", failure->text);
    else
        err_set(ret, ERR_UNAVAILABLE, "the token cannot be checked: sms answered this node with status %d%s", status,
                status == 401 || status == 403 ? "; its own token (token-file) is not good for that" : "");
}

static void on_answer(void *ctx, int status, json_val *root, const struct err *failure) {
    struct question *q = ctx;
    struct token_verifier *v = q->verifier;
    struct err e;
    bool is_answer = !failure && status == 200 && json_is_bool(json_get(root, "active"));
    string_table_remove(&v->questions, &q->node);
    if (is_answer) {
        learn(q, root);
    } else {
        describe_failure(status, failure, &e);
        atomic_fetch_add(&v->failed, 1);
    }
    atomic_store(&v->away_until_us, is_answer ? 0 : clock_monotonic_us() + AWAY_US);
    for (struct waiter *w = q->first, *next; w; w = next) {
        next = w->next;
        settle(w, is_answer ? NULL : &e);
    }
    free(q);
}

static void send_question(struct question *q) {
    char hex[SHA256_HEX + 1];
    struct json_out *out = json_out_new();
    json_node *root = json_out_object(out);
    sha256_to_hex(q->sha256, hex);
    json_add_text(out, root, "sha256", hex);
    atomic_fetch_add(&q->verifier->asked, 1);
    sms_client_request(q->verifier->config.sms, "POST", "/api/v1/tokens/verify", out, on_answer, q);
}

static void on_asked(void *arg) {
    struct waiter *w = arg;
    struct token_verifier *v = w->verifier;
    struct err e;
    if (v->is_stopped) {
        err_set(&e, ERR_UNAVAILABLE, "this node is stopping");
        settle(w, &e);
        return;
    }
    struct string_node *node = string_table_find(&v->questions, span_make(w->sha256, SHA256_BYTES));
    struct question *q = node ? CONTAINER_OF(node, struct question, node) : NEW(struct question);
    w->next = q->first;
    q->first = w;
    if (node)
        return;
    q->verifier = v;
    memcpy(q->sha256, w->sha256, SHA256_BYTES);
    string_table_add(&v->questions, &q->node, span_make(q->sha256, SHA256_BYTES));
    send_question(q);
}

// ---- any loop

static void refuse_flood(token_verified *done, void *ctx) {
    struct err e;
    err_set(&e, ERR_UNAVAILABLE, "%d requests wait for their tokens to be checked; try again in a moment",
            TOKEN_QUESTIONS_MAX);
    done(ctx, NULL, &e);
}

void token_verifier_ask(struct token_verifier *v, struct loop *asker, struct span token, token_verified *done,
                        void *ctx) {
    struct token_caller caller;
    unsigned char sha256[SHA256_BYTES];
    bool is_away = clock_monotonic_us() < atomic_load(&v->away_until_us);
    token_digest(token, sha256);
    enum token_verdict verdict = token_cache_find(v->cache, sha256, is_away, &caller);
    if (verdict != TOKEN_ASK_SMS) {
        done(ctx, verdict == TOKEN_ACCEPTED ? &caller : NULL, NULL);
        return;
    }
    if (atomic_fetch_add(&v->waiting, 1) >= TOKEN_QUESTIONS_MAX) {
        atomic_fetch_sub(&v->waiting, 1);
        refuse_flood(done, ctx);
        return;
    }
    struct waiter *w = NEW(struct waiter);
    *w = (struct waiter){.verifier = v, .asker = asker, .done = done, .ctx = ctx};
    memcpy(w->sha256, sha256, SHA256_BYTES);
    loop_post(v->config.loop, on_asked, w);
}
