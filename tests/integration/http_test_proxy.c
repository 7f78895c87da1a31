// The test server's relay: what comes to /proxy/… goes to --upstream through net/http_client, streamed in both
// directions with backpressure. Failures become 502 or 504 with the kind of failure in the text.
#include "http_test_server.h"

#include "base/mem.h"
#include "net/http_client.h"
#include "net/problem.h"

enum { LOOPS_MAX = 16, HEADERS_MAX = 100 };

static struct loop *proxy_loops[LOOPS_MAX];
static struct http_client *proxy_clients[LOOPS_MAX];
static size_t proxy_loop_count;
static const struct options *proxy_options;

struct relay { // lives until both the call and the exchange are over
    struct http_exchange *x;
    struct http_call *call;
    struct span chunk; // of the request's body, taken by curl bit by bit; valid while the sink is paused
    char *copy;
    bool body_ended, body_lost;
    bool started; // the answer
    bool held;    // the server asked to hold back
};

static size_t loop_index(const struct loop *l) {
    for (size_t i = 0; i < proxy_loop_count; i++)
        if (proxy_loops[i] == l)
            return i;
    ASSERT(false);
    return 0;
}

static bool on_body_data(void *ctx, struct span chunk) {
    struct relay *r = ctx;
    r->copy = mem_dup(chunk.p, chunk.n);
    r->chunk = span_make(r->copy, chunk.n);
    http_call_resume_read(r->call);
    return false;
}

static void on_body_end(void *ctx, enum http_body_end how) {
    struct relay *r = ctx;
    r->body_ended = true;
    r->body_lost = how != HTTP_BODY_COMPLETE;
    if (r->call)
        http_call_resume_read(r->call);
}

static ssize_t pull(void *ctx, char *p, size_t n) {
    struct relay *r = ctx;
    if (r->chunk.n) {
        size_t taken = r->chunk.n < n ? r->chunk.n : n;
        memcpy(p, r->chunk.p, taken);
        r->chunk = span_slice(r->chunk, taken, r->chunk.n);
        if (r->chunk.n == 0) {
            free(TAKE(r->copy));
            http_body_resume(r->x);
        }
        return (ssize_t)taken;
    }
    if (r->body_lost)
        return HTTP_CALL_ABORT;
    return r->body_ended ? 0 : HTTP_CALL_PAUSE;
}

static void on_head(void *ctx, int status, const struct http_header *headers, size_t count) {
    struct relay *r = ctx;
    int64_t length = -1;
    uint64_t value;
    for (size_t i = 0; i < count; i++)
        if (span_equal_nocase(headers[i].name, "content-length") && span_to_u64(headers[i].value, &value))
            length = (int64_t)value;
    r->started = true;
    http_stream_start(r->x, status, headers, count < HEADERS_MAX ? count : HEADERS_MAX, length);
}

// The server takes every chunk and asks to hold back afterwards; the client offers a refused one again.
static bool on_data(void *ctx, struct span chunk) {
    struct relay *r = ctx;
    if (r->held)
        return false;
    r->held = !http_stream_write(r->x, chunk);
    return true;
}

static void on_drain(void *ctx) {
    struct relay *r = ctx;
    r->held = false;
    http_call_resume(r->call);
}

static void on_abort(void *ctx) {
    struct relay *r = ctx;
    http_call_cancel(r->call);
}

static void answer_failure(struct relay *r, enum http_call_failure failure, const struct err *e) {
    static const char *const names[] = {"ok", "connect", "timeout", "broken", "stopped"};
    if (r->started)
        http_stream_abort(r->x);
    else
        http_problem_text(r->x, ERR_BAD_GATEWAY, "%s: %s", names[failure], e->text);
}

static void on_done(void *ctx, int status, enum http_call_failure failure, const struct err *e) {
    (void)status;
    struct relay *r = ctx;
    if (failure == HTTP_CALL_OK)
        http_stream_end(r->x);
    else
        answer_failure(r, failure, e);
    free(r->copy);
    free(r);
}

static struct http_client *client_of(struct loop *l) {
    struct http_client **client = &proxy_clients[loop_index(l)];
    if (!*client)
        ASSERT(http_client_new(l, client, NULL) == 0);
    return *client;
}

static void start(struct relay *r) {
    struct http_exchange *x = r->x;
    size_t count;
    const struct http_header *headers = http_headers(x, &count);
    struct span target = http_target(x), method = http_method(x);
    target = span_slice(target, strlen("/proxy"), target.n);
    AUTO_FREE char *url = mem_printf("http://%s%.*s", options_text(proxy_options, "upstream"), SPAN_ARGS(target));
    AUTO_FREE char *method_text = span_dup(method);
    struct http_call_config config = {
        .method = method_text,
        .url = url,
        .headers = headers,
        .header_count = count,
        .read = http_has_body(x) ? pull : NULL,
        .read_length = http_content_length(x),
        .total_timeout_ms = options_number(proxy_options, "client-timeout"),
        .idle_timeout_ms = options_number(proxy_options, "client-idle-timeout"),
        .head = on_head,
        .data = on_data,
        .done = on_done,
        .ctx = r,
    };
    r->call = http_call_start(client_of(http_exchange_loop(x)), &config);
}

void http_test_proxy(struct http_exchange *x, void *ctx) {
    (void)ctx;
    static const struct http_body_sink sink = {on_body_data, on_body_end};
    struct relay *r = NEW(struct relay);
    r->x = x;
    start(r);
    http_on_abort(x, on_abort, r);
    http_stream_on_drain(x, on_drain, r);
    if (http_has_body(x))
        http_body_read(x, UINT64_MAX, &sink, r);
}

void http_test_proxy_init(struct loop *const loops[], size_t count, const struct options *options) {
    ASSERT(count <= LOOPS_MAX);
    for (size_t i = 0; i < count; i++)
        proxy_loops[i] = loops[i];
    proxy_loop_count = count;
    proxy_options = options;
}

static void free_client(void *client) {
    http_client_free(client);
}

void http_test_proxy_done(void) {
    for (size_t i = 0; i < proxy_loop_count; i++)
        if (proxy_clients[i])
            loop_post(proxy_loops[i], free_client, proxy_clients[i]);
}
