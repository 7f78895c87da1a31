// Collecting a body chunk by chunk; each chunk is counted before it is kept.
#include "spearlet/request_body.h"

#include "base/mem.h"

#include <inttypes.h>

enum { RESERVE_BYTES = 256 * 1024 }; // taken at once on an announced length; more grows with what comes

struct reading {
    struct http_exchange *x;
    struct request_body *body;
    uint64_t max_bytes;
    const char *limit_name;
    void (*done)(void *ctx, struct request_body *body, const struct err *e);
    void *ctx;
    struct err error;
};

struct request_body *request_body_new(struct payload_budget *budget, size_t max_bytes) {
    struct request_body *body = NEW(struct request_body);
    buf_init(&body->bytes, max_bytes);
    body->budget = budget;
    return body;
}

void request_body_free(struct request_body *body) {
    if (!body)
        return;
    buf_done(&body->bytes);
    atomic_fetch_sub_explicit(&body->budget->held_bytes, body->held_bytes, memory_order_relaxed);
    free(body);
}

int request_body_hold(struct request_body *body, uint64_t n, struct err *e) {
    struct payload_budget *budget = body->budget;
    uint64_t alone = body->beside_bytes + body->held_bytes + n;
    if (alone > budget->max_bytes)
        return err_set(e, ERR_PAYLOAD_TOO_LARGE,
                       "the request takes %" PRIu64 " bytes or more, alone more than payload-memory-max = %" PRIu64
                       " bytes",
                       alone, budget->max_bytes);
    uint64_t before = atomic_fetch_add_explicit(&budget->held_bytes, n, memory_order_relaxed);
    if (before + n <= budget->max_bytes) {
        body->held_bytes += n;
        return 0;
    }
    atomic_fetch_sub_explicit(&budget->held_bytes, n, memory_order_relaxed);
    atomic_fetch_add_explicit(&budget->refused, 1, memory_order_relaxed);
    return err_set(e, ERR_RESOURCE_EXHAUSTED,
                   "the requests at hand take %" PRIu64 " bytes; payload-memory-max = %" PRIu64 " bytes", before,
                   budget->max_bytes);
}

static void set_too_large(struct reading *r) {
    int64_t length = http_content_length(r->x);
    if (length >= 0)
        err_set(&r->error, ERR_PAYLOAD_TOO_LARGE,
                "the request's body of %" PRId64 " bytes is larger than %s = %" PRIu64 " bytes", length, r->limit_name,
                r->max_bytes);
    else
        err_set(&r->error, ERR_PAYLOAD_TOO_LARGE, "the request's body is larger than %s = %" PRIu64 " bytes",
                r->limit_name, r->max_bytes);
}

// After an error the rest is read and dropped by the server, up to the limit.
static bool on_data(void *ctx, struct span chunk) {
    struct reading *r = ctx;
    if (r->error.kind == ERR_NONE && request_body_hold(r->body, chunk.n, &r->error) == 0 &&
        buf_append_span(&r->body->bytes, chunk) < 0)
        set_too_large(r);
    return true;
}

static void on_end(void *ctx, enum http_body_end how) {
    struct reading *r = ctx;
    if (how == HTTP_BODY_TOO_LARGE)
        set_too_large(r);
    else if (how == HTTP_BODY_ABORTED)
        err_set(&r->error, ERR_INVALID_REQUEST, "the request's body was cut off or malformed");
    struct request_body *body = r->body;
    if (r->error.kind != ERR_NONE)
        request_body_free(TAKE(body));
    r->done(r->ctx, body, body ? NULL : &r->error);
    free(r);
}

void request_body_read(struct http_exchange *x, struct payload_budget *budget, uint64_t max_bytes,
                       const char *limit_name, void (*done)(void *ctx, struct request_body *body, const struct err *e),
                       void *ctx) {
    static const struct http_body_sink sink = {.data = on_data, .end = on_end};
    struct reading *r = NEW(struct reading);
    *r = (struct reading){.x = x, .max_bytes = max_bytes, .limit_name = limit_name, .done = done, .ctx = ctx};
    r->body = request_body_new(budget, max_bytes);
    int64_t length = http_content_length(x);
    if (max_bytes > budget->max_bytes) {
        r->max_bytes = max_bytes = budget->max_bytes; // it could never be held
        r->limit_name = "payload-memory-max";
    }
    if (length > 0 && (uint64_t)length <= max_bytes)
        buf_reserve(&r->body->bytes, length < RESERVE_BYTES ? (size_t)length : RESERVE_BYTES);
    if (http_has_body(x))
        http_body_read(x, max_bytes, &sink, r);
    else
        on_end(r, HTTP_BODY_COMPLETE);
}
