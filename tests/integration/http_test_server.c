// A server that does with its requests what the tests of net/ need done: echo, swallow, stall, stream, delay, relay.
// test_http_server.py drives it. Announces its address as the daemons do; SIGTERM drains it.
#include "http_test_server.h"

#include "base/loop_group.h"
#include "base/mem.h"
#include "base/notify.h"
#include "base/options.h"
#include "net/http_server_options.h"
#include "net/problem.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct server {
    struct loop_group *loops;
    struct http_server *http;
    const struct options *options;
    struct tls_credentials *tls;
    uv_signal_t terminate;
    atomic_ullong aborts;
    atomic_ullong held; // exchanges of /hold that wait for /release
    atomic_bool release;
};

static struct server server;

static uint64_t number(struct http_exchange *x, const char *name, uint64_t otherwise) {
    struct span text;
    uint64_t value;
    return http_query_value(x, name, &text) && span_to_u64(text, &value) ? value : otherwise;
}

static void count_abort(void *ctx) {
    (void)ctx;
    atomic_fetch_add(&server.aborts, 1);
}

static void respond_count(struct http_exchange *x, const char *what, uint64_t value) {
    char text[64];
    int n = snprintf(text, sizeof text, "%s%llu\n", what, (unsigned long long)value);
    struct http_header type = {SPAN_LITERAL("Content-Type"), SPAN_LITERAL("text/plain")};
    http_respond(x, 200, &type, 1, span_make(text, (size_t)n));
}

// ---- whole answers

static void on_static(struct http_exchange *x, void *ctx) {
    (void)ctx;
    struct http_header type = {SPAN_LITERAL("Content-Type"), SPAN_LITERAL("text/plain")};
    http_respond(x, 200, &type, 1, SPAN_LITERAL("hello\n"));
}

static void on_status(struct http_exchange *x, void *ctx) {
    (void)ctx;
    http_respond(x, (int)number(x, "code", 200), NULL, 0, SPAN_LITERAL("body"));
}

// What the server understood of a request, one fact a line.
static void on_inspect(struct http_exchange *x, void *ctx) {
    (void)ctx;
    struct buf text;
    buf_init(&text, 1 << 20);
    struct span method = http_method(x), path = http_path(x), query = http_query(x), value;
    buf_printf(&text, "method=%.*s\npath=%.*s\nquery=%.*s\n", SPAN_ARGS(method), SPAN_ARGS(path), SPAN_ARGS(query));
    if (http_query_value(x, "v", &value))
        buf_printf(&text, "v=%.*s\n", SPAN_ARGS(value));
    buf_printf(&text, "length=%lld\nname=%.*s\n", (long long)http_content_length(x), SPAN_ARGS(http_param(x, "name")));
    size_t count;
    const struct http_header *headers = http_headers(x, &count);
    for (size_t i = 0; i < count; i++)
        buf_printf(&text, "%.*s: %.*s\n", SPAN_ARGS(headers[i].name), SPAN_ARGS(headers[i].value));
    http_respond(x, 200, NULL, 0, buf_span(&text));
    buf_done(&text);
}

static void on_counts(struct http_exchange *x, void *ctx) {
    (void)ctx;
    struct http_server_stats stats;
    http_server_stats(server.http, &stats);
    struct json_out *out = json_out_new();
    json_node *object = json_out_object(out);
    json_add_i64(out, object, "aborts", (int64_t)atomic_load(&server.aborts));
    json_add_i64(out, object, "held", (int64_t)atomic_load(&server.held));
    json_add_i64(out, object, "connections_open", (int64_t)stats.connections_open);
    json_add_i64(out, object, "requests_total", (int64_t)stats.requests_total);
    json_add_i64(out, object, "refused_total", (int64_t)stats.refused_total);
    http_respond_json(x, 200, out);
}

static void on_large(struct http_exchange *x, void *ctx) {
    (void)ctx;
    size_t n = number(x, "bytes", 0);
    char *body = mem_alloc(n ? n : 1);
    memset(body, 'x', n);
    http_on_abort(x, count_abort, NULL);
    http_respond_owned(x, 200, NULL, 0, body, n, free);
}

static void on_file(struct http_exchange *x, void *ctx) {
    (void)ctx;
    struct stat st;
    int fd = open(options_text(server.options, "file"), O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0) {
        http_problem_text(x, ERR_FILE_NOT_FOUND, "no file");
        return;
    }
    uint64_t offset = number(x, "offset", 0);
    http_respond_file(x, 200, NULL, 0, fd, offset, number(x, "length", (uint64_t)st.st_size - offset));
}

// ---- later

static void on_delay_over(void *arg) {
    http_respond(arg, 200, NULL, 0, SPAN_LITERAL("late\n"));
}

static void on_delay(struct http_exchange *x, void *ctx) {
    (void)ctx;
    http_on_abort(x, count_abort, NULL);
    loop_timer_start(http_exchange_loop(x), number(x, "ms", 50), on_delay_over, x);
}

struct hold { // in the exchange's arena
    struct http_exchange *x;
    struct loop_timer *timer;
};

static void end_hold(struct hold *h, const char *text) {
    atomic_fetch_sub(&server.held, 1);
    http_respond(h->x, 200, NULL, 0, span_of(text));
}

static void check_held(void *arg) {
    struct hold *h = arg;
    if (atomic_load(&server.release))
        end_hold(h, "released\n");
    else
        h->timer = loop_timer_start(http_exchange_loop(h->x), 5, check_held, h);
}

static void on_hold_abort(void *ctx) {
    struct hold *h = ctx;
    count_abort(NULL);
    loop_timer_cancel(h->timer);
    end_hold(h, "nobody is there\n");
}

// Answers when /release was called, or the client has gone.
static void on_hold(struct http_exchange *x, void *ctx) {
    (void)ctx;
    struct hold *h = arena_alloc(http_arena(x), sizeof *h);
    h->x = x;
    http_on_abort(x, on_hold_abort, h);
    atomic_store(&server.release, false);
    atomic_fetch_add(&server.held, 1);
    h->timer = loop_timer_start(http_exchange_loop(x), 5, check_held, h);
}

static void on_release(struct http_exchange *x, void *ctx) {
    (void)ctx;
    atomic_store(&server.release, true);
    http_respond(x, 200, NULL, 0, SPAN_LITERAL("ok\n"));
}

// ---- bodies

static void collected(struct http_exchange *x, struct span body, void *ctx) {
    (void)ctx;
    http_respond(x, 200, NULL, 0, body);
}

static void on_collect(struct http_exchange *x, void *ctx) {
    http_body_collect(x, number(x, "max", 1 << 20), collected, ctx);
}

static void json_read(struct http_exchange *x, json_val *root, void *ctx) {
    (void)ctx;
    struct span name = SPAN_LITERAL("(none)");
    struct err e;
    if (root && json_want_string(root, "name", &name, &e) < 0) {
        http_problem(x, &e);
        return;
    }
    struct json_out *out = json_out_new();
    json_add_string(out, json_out_object(out), "name", name);
    http_respond_json(x, 200, out);
}

static void on_json(struct http_exchange *x, void *ctx) {
    http_read_json(x, 4096, number(x, "optional", 0) != 0, json_read, ctx);
}

struct swallow { // in the exchange's arena
    struct http_exchange *x;
    struct loop_timer *timer; // while it pauses
    uint64_t bytes, chunks, pause_ms;
    bool once;
};

static void swallow_on(void *arg) {
    struct swallow *s = arg;
    s->timer = NULL;
    http_body_resume(s->x);
}

static bool swallow_data(void *ctx, struct span chunk) {
    struct swallow *s = ctx;
    s->bytes += chunk.n;
    s->chunks++;
    if (!s->pause_ms || (s->once && s->chunks > 1))
        return true;
    s->timer = loop_timer_start(http_exchange_loop(s->x), s->pause_ms, swallow_on, s);
    return false;
}

static void swallow_end(void *ctx, enum http_body_end how) {
    struct swallow *s = ctx;
    loop_timer_cancel(s->timer);
    if (how == HTTP_BODY_ABORTED)
        count_abort(NULL);
    if (how == HTTP_BODY_TOO_LARGE)
        http_problem_text(s->x, ERR_PAYLOAD_TOO_LARGE, "too large");
    else
        respond_count(s->x, how == HTTP_BODY_COMPLETE ? "" : "aborted after ", s->bytes);
}

static const struct http_body_sink swallow_sink = {swallow_data, swallow_end};

static void swallow_later(void *arg) {
    struct swallow *s = arg;
    http_body_read(s->x, number(s->x, "max", UINT64_MAX), &swallow_sink, s);
}

// Counts the body; ?pause=MS stalls after each chunk, ?once=1 only after the first; ?later=MS begins later.
static void on_sink(struct http_exchange *x, void *ctx) {
    (void)ctx;
    struct swallow *s = arena_alloc(http_arena(x), sizeof *s);
    *s = (struct swallow){.x = x, .pause_ms = number(x, "pause", 0), .once = number(x, "once", 0) != 0};
    uint64_t later_ms = number(x, "later", 0);
    if (later_ms)
        loop_timer_start(http_exchange_loop(x), later_ms, swallow_later, s);
    else
        swallow_later(s);
}

static bool half_data(void *ctx, struct span chunk) {
    (void)chunk;
    http_respond(ctx, 200, NULL, 0, SPAN_LITERAL("enough\n"));
    return true;
}

static void half_end(void *ctx, enum http_body_end how) {
    (void)how;
    http_respond(ctx, 200, NULL, 0, SPAN_LITERAL("end\n"));
}

// Answers at the first bytes of the body.
static void on_half(struct http_exchange *x, void *ctx) {
    (void)ctx;
    static const struct http_body_sink sink = {half_data, half_end};
    http_body_read(x, UINT64_MAX, &sink, x);
}

static bool echo_data(void *ctx, struct span chunk) {
    return http_stream_write(ctx, chunk);
}

static void echo_end(void *ctx, enum http_body_end how) {
    if (how == HTTP_BODY_COMPLETE)
        http_stream_end(ctx);
    else
        http_stream_abort(ctx);
}

static void echo_drain(void *ctx) {
    http_body_resume(ctx);
}

// Streams the body back as it comes.
static void on_echo(struct http_exchange *x, void *ctx) {
    (void)ctx;
    static const struct http_body_sink sink = {echo_data, echo_end};
    http_on_abort(x, count_abort, NULL);
    http_body_read(x, UINT64_MAX, &sink, x);
    http_stream_start(x, 200, NULL, 0, -1);
    http_stream_on_drain(x, echo_drain, x);
}

struct pour { // in the exchange's arena
    struct http_exchange *x;
    uint64_t left;
    bool cut;
};

static void pour_on(void *arg) {
    static const char bytes[8192] = {'p', 'o', 'u', 'r'};
    struct pour *p = arg;
    while (p->left) {
        size_t n = p->left < sizeof bytes ? (size_t)p->left : sizeof bytes;
        p->left -= n;
        if (!http_stream_write(p->x, span_make(bytes, n)))
            return;
    }
    if (p->cut)
        http_stream_abort(p->x);
    else
        http_stream_end(p->x);
}

// Streams ?bytes=N, chunked or (?length=1) with Content-Length; ?cut=1 breaks off at the end; ?short=1 promises more.
static void on_stream(struct http_exchange *x, void *ctx) {
    (void)ctx;
    struct pour *p = arena_alloc(http_arena(x), sizeof *p);
    *p = (struct pour){x, number(x, "bytes", 0), number(x, "cut", 0) != 0};
    http_on_abort(x, count_abort, NULL);
    bool with_length = number(x, "length", 0) != 0;
    http_stream_start(x, 200, NULL, 0, with_length ? (int64_t)(p->left + number(x, "short", 0)) : -1);
    http_stream_on_drain(x, pour_on, p);
    pour_on(p);
}

static const struct http_route routes[] = {
    {"GET", "/static", on_static, 0},
    {"*", "/status", on_status, 0},
    {"*", "/inspect", on_inspect, 0},
    {"GET", "/inspect/{name}", on_inspect, 0},
    {"PUT", "/inspect/{name}", on_inspect, 0},
    {"GET", "/inspect/literal", on_inspect, 0},
    {"GET", "/rest/{name...}", on_inspect, 0},
    {"GET", "/counts", on_counts, 0},
    {"GET", "/large", on_large, 0},
    {"GET", "/file", on_file, 0},
    {"*", "/delay", on_delay, 0},
    {"*", "/hold", on_hold, 0},
    {"GET", "/release", on_release, 0},
    {"POST", "/collect", on_collect, 0},
    {"POST", "/json", on_json, 0},
    {"POST", "/sink", on_sink, 0},
    {"POST", "/half", on_half, 0},
    {"POST", "/echo", on_echo, 0},
    {"*", "/ignore", on_static, 0},
    {"GET", "/stream", on_stream, 0},
    {"*", "/proxy/{path...}", http_test_proxy, 0},
};

static void handle(struct http_exchange *x, void *ctx) {
    http_route_dispatch(x, routes, COUNT_OF(routes), NULL, ctx);
}

// ---- the program

static const struct option_spec specs[] = {
    {.name = "http-addr", .type = OPTION_ADDRESS, .default_value = "127.0.0.1:0", .help = "where to listen"},
    {.name = "data-dir", .type = OPTION_TEXT, .default_value = ".", .help = "not used"},
    {.name = "file", .type = OPTION_TEXT, .default_value = "", .help = "what /file sends"},
    {.name = "upstream", .type = OPTION_ADDRESS, .default_value = "127.0.0.1:1", .help = "where /proxy relays to"},
    {.name = "loops", .type = OPTION_COUNT, .default_value = "2", .help = "event loops"},
    {.name = "connections-max", .type = OPTION_COUNT, .default_value = "0", .help = "ceiling"},
    {.name = "connections-per-client-max", .type = OPTION_COUNT, .default_value = "0", .help = "ceiling"},
    {.name = "answers-max", .type = OPTION_BYTES, .default_value = "0", .help = "see http_server.h"},
    {.name = "tls-cert", .type = OPTION_TEXT, .help = "serve HTTPS"},
    {.name = "tls-key", .type = OPTION_TEXT, .help = "its key"},
    {.name = "tls-client-ca", .type = OPTION_TEXT, .help = "demand certificates of clients"},
    {.name = "header-timeout", .type = OPTION_DURATION_MS, .default_value = "0", .help = "see http_server.h"},
    {.name = "body-timeout", .type = OPTION_DURATION_MS, .default_value = "0", .help = "see http_server.h"},
    {.name = "idle-timeout", .type = OPTION_DURATION_MS, .default_value = "0", .help = "see http_server.h"},
    {.name = "write-timeout", .type = OPTION_DURATION_MS, .default_value = "0", .help = "see http_server.h"},
    {.name = "client-timeout", .type = OPTION_DURATION_MS, .default_value = "0", .help = "of /proxy: total"},
    {.name = "client-idle-timeout", .type = OPTION_DURATION_MS, .default_value = "0", .help = "of /proxy: idle"},
    {.name = "grace", .type = OPTION_DURATION_MS, .default_value = "5s", .help = "for running exchanges, at SIGTERM"},
};

static const struct option_program program = {
    .name = "http-test-server",
    .usage = "usage: http-test-server [options]",
    .summary = "Serves requests for the tests.",
    .specs = specs,
    .spec_count = COUNT_OF(specs),
};

static void on_drained(void *ctx) {
    (void)ctx;
    http_test_proxy_done();
    http_server_free(server.http);
    uv_close((uv_handle_t *)&server.terminate, NULL);
    loop_group_stop(server.loops);
}

static void on_terminate(uv_signal_t *handle, int number_) {
    (void)number_;
    uv_signal_stop(handle);
    notify_stopping();
    http_server_drain(server.http, options_number(server.options, "grace"), on_drained, NULL);
}

static int start(struct err *e) {
    struct loop *loops[16];
    if (loop_group_new(options_number(server.options, "loops"), &server.loops, e) < 0)
        return -1;
    size_t count = loop_group_count(server.loops);
    ASSERT(count <= COUNT_OF(loops));
    for (size_t i = 0; i < count; i++)
        loops[i] = loop_group_at(server.loops, i);
    struct http_server_config config = {
        .address = options_text(server.options, "http-addr"),
        .handler = handle,
        .connections_max = options_number(server.options, "connections-max"),
        .connections_per_client_max = options_number(server.options, "connections-per-client-max"),
        .answers_max_bytes = options_number(server.options, "answers-max"),
        .header_timeout_ms = options_number(server.options, "header-timeout"),
        .body_timeout_ms = options_number(server.options, "body-timeout"),
        .idle_timeout_ms = options_number(server.options, "idle-timeout"),
        .write_timeout_ms = options_number(server.options, "write-timeout"),
    };
    if (http_server_options_tls(server.options, &server.tls, e) < 0)
        return -1;
    config.tls = server.tls;
    if (http_server_start(&config, loops, count, &server.http, e) < 0)
        return -1;
    http_test_proxy_init(loops, count, server.options);
    uv_signal_init(&loops[0]->uv, &server.terminate);
    uv_signal_start(&server.terminate, on_terminate, SIGTERM);
    return 0;
}

int main(int argc, char **argv) {
    struct err e = {.kind = ERR_NONE};
    struct options *options;
    signal(SIGPIPE, SIG_IGN);
    if (options_parse(&program, argc, argv, &options, NULL, &e) < 0) {
        fprintf(stderr, "%s\n", e.text);
        return 2;
    }
    server.options = options;
    if (start(&e) < 0) {
        fprintf(stderr, "%s\n", e.text);
        return 1;
    }
    notify_ready(http_server_address(server.http));
    fprintf(stderr, "listening on %s\n", http_server_address(server.http));
    loop_group_run(server.loops);
    loop_group_free(server.loops);
    tls_credentials_free(server.tls);
    options_free(options);
    return 0;
}
