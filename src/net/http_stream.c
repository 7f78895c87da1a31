// Answers written piece by piece: framing, what waits, holding back, and cutting off what will not be finished.
#include "net/http_internal.h"

#include <stdio.h>

void http_stream_start(struct http_exchange *x, int status, const struct http_header *headers, size_t header_count,
                       int64_t content_length) {
    ASSERT(x->running && x->answer == HTTP_ANSWER_NONE);
    if (!x->dropped) {
        struct http_answer_head head = {status, headers, header_count, content_length, false};
        http_response_head(x, &head);
    }
    x->answer = HTTP_ANSWER_STREAMING;
    http_connection_mark(http_connection_of(x)); // the first piece may still travel with the head
}

static void write_chunk(struct http_connection *c, struct span chunk) {
    char size[24];
    int n = snprintf(size, sizeof size, "%zx\r\n", chunk.n);
    struct span parts[] = {{size, (size_t)n}, chunk, SPAN_LITERAL("\r\n")};
    http_output_write(c, parts, COUNT_OF(parts));
}

// More than was promised would be taken for the next answer: the connection is cut instead.
static bool within_promise(struct http_exchange *x, size_t n) {
    if (x->answer_left < 0)
        return true;
    if (n > (uint64_t)x->answer_left) {
        http_connection_of(x)->broken = true;
        return false;
    }
    x->answer_left -= (int64_t)n;
    return true;
}

bool http_stream_write(struct http_exchange *x, struct span chunk) {
    ASSERT(x->answer == HTTP_ANSWER_STREAMING);
    struct http_connection *c = http_connection_of(x);
    if (x->dropped || x->answer_bodyless || chunk.n == 0)
        return true;
    if (!c->broken && within_promise(x, chunk.n)) {
        if (x->answer_chunked)
            write_chunk(c, chunk);
        else
            http_output_write(c, &chunk, 1);
    }
    http_connection_touched(c);
    x->answer_held = c->broken || http_output_waiting(&c->out) > HTTP_OUTPUT_HIGH_BYTES;
    return !x->answer_held;
}

void http_stream_on_drain(struct http_exchange *x, void (*drain)(void *ctx), void *ctx) {
    x->drain = drain;
    x->drain_ctx = ctx;
}

void http_stream_end(struct http_exchange *x) {
    ASSERT(x->answer == HTTP_ANSWER_STREAMING);
    struct http_connection *c = http_connection_of(x);
    x->answer_held = false;
    if (!x->dropped && !c->broken && !x->answer_bodyless) {
        if (x->answer_chunked)
            http_output_append(&c->out, SPAN_LITERAL("0\r\n\r\n"));
        else if (x->answer_left > 0)
            c->broken = true; // less than was promised
    }
    http_response_done(x);
}

void http_stream_abort(struct http_exchange *x) {
    ASSERT(x->answer == HTTP_ANSWER_STREAMING);
    struct http_connection *c = http_connection_of(x);
    x->answer_held = false;
    if (!x->dropped) {
        c->reset_on_cut = !x->answer_chunked && x->answer_left < 0;
        c->broken = true;
    }
    http_response_done(x);
}
