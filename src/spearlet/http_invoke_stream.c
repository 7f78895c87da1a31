// The answer to a raw request, sent while the guest writes it.
//
// Nothing is sent before the first byte of output (with http.cgi: before its header fields are whole), so that a guest that
// fails without a word is still answered with a problem. What fails afterwards cuts the answer. A client that reads slowly is
// not told to anybody but the guest, which waits; one that goes ends the guest.
#include "spearlet/http_invoke.h"

#include "base/mem.h"
#include "spearlet/call_output.h"

// ---- who wants it

static bool accepts_events(const struct http_exchange *x) {
    struct span rest = http_header_value(x, "accept"), part;
    while (span_next(&rest, ',', &part))
        if (span_equal_nocase(span_trim(span_slice(part, 0, span_find(part, ';'))), "text/event-stream"))
            return true;
    return false;
}

void raw_stream_choose(struct raw_request *r) {
    r->is_events = accepts_events(r->x);
    bool asked = r->is_events || span_equal_nocase(http_header_value(r->x, "x-stream"), "true");
    r->is_streamed = !r->is_async && (asked || r->function->task->limits.http_stream);
}

// ---- sending

static void on_drain(void *ctx) {
    struct raw_request *r = ctx;
    struct raw_stream *s = &r->stream;
    uint64_t bytes = s->untaken;
    s->held = false;
    s->untaken = 0;
    if (bytes)
        call_output_taken(s->call, bytes);
}

static void start(struct raw_request *r, int status, const struct raw_headers *h, int64_t content_length) {
    r->stream.started = true;
    http_stream_on_drain(r->x, on_drain, r);
    http_stream_start(r->x, status, h->list, h->count, content_length);
}

static void start_plain(struct raw_request *r) {
    struct raw_headers h;
    raw_headers_init(&h, r->stream.call);
    raw_headers_add(&h, SPAN_LITERAL("Content-Type"), raw_content_type(r));
    if (r->is_events)
        raw_headers_add(&h, SPAN_LITERAL("Cache-Control"), SPAN_LITERAL("no-store"));
    start(r, 200, &h, -1);
}

static void start_cgi(struct raw_request *r, const struct cgi_head *head) {
    struct raw_headers h;
    raw_headers_init(&h, r->stream.call);
    raw_headers_add_cgi(&h, r, head);
    start(r, head->status, &h, head->content_length);
}

static void send_bytes(struct raw_request *r, struct span bytes) {
    r->stream.held = !http_stream_write(r->x, bytes);
}

// ---- ending the guest early

static void cancelled(void *ctx, bool was_active) {
    (void)ctx, (void)was_active;
}

static void cancel(struct raw_request *r) {
    if (r->stream.over)
        return;
    r->stream.over = true;
    function_service_cancel(r->spearlet->functions, http_exchange_loop(r->x), r->stream.call->record, cancelled, NULL);
}

static void on_client_gone(void *ctx) {
    cancel(ctx);
}

// ---- what comes

// Gathers until the header fields are whole; parses only where a line ends.
static void take_head(struct raw_request *r, struct span bytes) {
    struct raw_stream *s = &r->stream;
    struct cgi_head head;
    buf_append_span(&s->head, bytes);
    if (span_find(bytes, '\n') == bytes.n && s->head.n < CGI_HEAD_BYTES_MAX)
        return;
    switch (cgi_head_parse(buf_span(&s->head), &head, &s->failure)) {
    case CGI_HEAD_MORE:
        return;
    case CGI_HEAD_BAD:
        cancel(r);
        return;
    case CGI_HEAD_OK:
        break;
    }
    start_cgi(r, &head);
    send_bytes(r, span_slice(buf_span(&s->head), head.bytes, s->head.n));
    buf_done(&s->head);
}

static void on_output(struct function_call *call, struct span bytes) {
    struct raw_request *r = call->ctx;
    struct raw_stream *s = &r->stream;
    if (!s->over) {
        if (!s->started && !raw_wants_cgi(r, call))
            start_plain(r);
        if (s->started)
            send_bytes(r, bytes);
        else
            take_head(r, bytes);
    }
    if (s->held)
        s->untaken += bytes.n;
    else
        call_output_taken(call, bytes.n);
}

void raw_stream_begin(struct raw_request *r, struct function_call *call) {
    r->stream.call = call;
    buf_init(&r->stream.head, CGI_HEAD_BYTES_MAX + (size_t)1024 * 1024); // and one piece
    call->output = on_output;
    http_on_abort(r->x, on_client_gone, r);
    http_abort_on_end(r->x);
}

// ---- the end

// It is over, and nothing was sent.
static void answer(struct raw_request *r, struct function_call *call) {
    struct raw_stream *s = &r->stream;
    bool completed = call->outcome.state == EXECUTION_COMPLETED && !call->rejected;
    if (s->failure.kind == ERR_NONE && completed && s->head.n)
        cgi_head_missing(buf_span(&s->head), &s->failure);
    if (s->failure.kind != ERR_NONE)
        raw_answer_failure(r, call, &s->failure);
    else
        raw_answer(r, call);
}

void raw_stream_finish(struct raw_request *r, struct function_call *call) {
    if (!r->stream.started)
        answer(r, call);
    else if (call->outcome.state == EXECUTION_COMPLETED)
        http_stream_end(r->x);
    else
        http_stream_abort(r->x);
}
