// A request's body on its way to the handler's sink: lengths, pauses, ceilings, and gathering it whole.
//
// http_connection.c brings the bytes and asks what is due; the chunked coding is undone in http_parser.c.
#include "net/http_internal.h"
#include "net/problem.h"

enum {
    COLLECT_RESERVE_BYTES = 1024 * 1024, // taken at once on an announced length; more grows with what comes
};

// Ends the sink's part. It is the last call to it.
static void end(struct http_exchange *x, enum http_body_end how) {
    x->body = HTTP_BODY_ENDED;
    x->sink.end(x->sink_ctx, how);
}

void http_body_read(struct http_exchange *x, uint64_t max_bytes, const struct http_body_sink *sink, void *ctx) {
    ASSERT(x->body == HTTP_BODY_UNASKED && x->answer != HTTP_ANSWER_DONE);
    x->sink = *sink;
    x->sink_ctx = ctx;
    x->body_max = max_bytes;
    x->body = HTTP_BODY_ASKED;
    struct http_connection *c = http_connection_of(x);
    if (x->dropped)
        http_connection_tell_later(c);
    else
        http_connection_touched(c);
}

void http_body_resume(struct http_exchange *x) {
    x->body_resumed = true;
    if (x->body != HTTP_BODY_PAUSED)
        return;
    x->body = HTTP_BODY_READING;
    http_connection_touched(http_connection_of(x));
}

void http_body_lost(struct http_exchange *x) {
    if (x->body == HTTP_BODY_ASKED || x->body == HTTP_BODY_READING || x->body == HTTP_BODY_PAUSED)
        end(x, HTTP_BODY_ABORTED);
}

bool http_body_can_be_dropped(const struct http_exchange *x) {
    return x->content_length > 0 && x->body_left <= HTTP_DISCARD_BYTES && !x->expects_continue;
}

static void begin(struct http_exchange *x) {
    struct http_connection *c = http_connection_of(x);
    if (x->content_length > 0 && (uint64_t)x->content_length > x->body_max) {
        end(x, HTTP_BODY_TOO_LARGE);
        return;
    }
    x->body = HTTP_BODY_READING;
    if (x->expects_continue && x->answer == HTTP_ANSWER_NONE && c->pending.n == 0)
        http_response_continue(x);
    x->expects_continue = false;
}

bool http_body_settle(struct http_exchange *x) {
    if (x->body == HTTP_BODY_ASKED) {
        begin(x);
        return true;
    }
    if (x->body == HTTP_BODY_READING && x->body_complete) {
        end(x, HTTP_BODY_COMPLETE);
        return true;
    }
    return false;
}

bool http_body_deliver(struct http_exchange *x, struct span data) {
    x->body_seen += data.n;
    if (x->body == HTTP_BODY_DROPPED)
        return true;
    if (x->body_seen > x->body_max) {
        end(x, HTTP_BODY_TOO_LARGE);
        return false;
    }
    x->body_resumed = false;
    bool more = x->sink.data(x->sink_ctx, data);
    if (!more && !x->body_resumed && x->body == HTTP_BODY_READING)
        x->body = HTTP_BODY_PAUSED;
    return x->body == HTTP_BODY_READING;
}

static size_t take_chunked(struct http_connection *c, const char *p, size_t n) {
    size_t used = 0;
    switch (http_parser_chunks(c, p, n, &used)) {
    case HTTP_PARSED_DONE:
        c->x.body_complete = true;
        break;
    case HTTP_PARSED_REFUSED:
        if (c->x.running)
            http_connection_overrule(c, c->refusal);
        c->x.keep_alive = false;
        break;
    case HTTP_PARSED_MORE:
        break;
    }
    return used;
}

size_t http_body_take(struct http_connection *c, const char *p, size_t n) {
    struct http_exchange *x = &c->x;
    if (x->content_length < 0)
        return take_chunked(c, p, n);
    size_t used = n < x->body_left ? n : (size_t)x->body_left;
    x->body_left -= used;
    x->body_complete = x->body_left == 0;
    http_body_deliver(x, span_make(p, used));
    return used;
}

// ---- gathering

static bool collect_data(void *ctx, struct span chunk) {
    struct http_exchange *x = ctx;
    buf_append_span(&x->collected, chunk); // http_body_deliver has kept the ceiling
    return true;
}

static void collect_end(void *ctx, enum http_body_end how) {
    struct http_exchange *x = ctx;
    if (how == HTTP_BODY_COMPLETE)
        x->collect(x, buf_span(&x->collected), x->collect_ctx);
    else if (how == HTTP_BODY_TOO_LARGE)
        http_problem_text(x, ERR_PAYLOAD_TOO_LARGE, "the request body is larger than the %llu bytes allowed here",
                          (unsigned long long)x->body_max);
    else
        http_problem_text(x, ERR_INVALID_REQUEST, "the request body is cut off or malformed");
}

void http_body_collect(struct http_exchange *x, size_t max_bytes,
                       void (*fn)(struct http_exchange *x, struct span body, void *ctx), void *ctx) {
    static const struct http_body_sink sink = {collect_data, collect_end};
    x->collect = fn;
    x->collect_ctx = ctx;
    x->collected.max = max_bytes > SIZE_MAX / 4 ? SIZE_MAX / 4 : max_bytes;
    uint64_t announced = x->content_length > 0 ? (uint64_t)x->content_length : 0;
    if (announced <= max_bytes)
        buf_reserve(&x->collected, announced < COLLECT_RESERVE_BYTES ? (size_t)announced : COLLECT_RESERVE_BYTES);
    http_body_read(x, max_bytes, &sink, x);
}
