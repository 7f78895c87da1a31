// net/http_client.h where it is a matter of the calling program: starting, cancelling, pausing and freeing from inside
// callbacks, bodies pulled bit by bit. What the other side may do wrong is tests/integration/test_http_client.py.
#include "unit.h"

#include "net/http_client.h"
#include "net/http_router.h"

enum { LARGE_BYTES = 1000000 };

struct world {
    struct loop loop;
    struct http_server *server;
    struct http_client *client;
    struct http_exchange *held; // of /hold
    size_t left;                // calls that must end before the loop stops
    bool running;
};

// What to do in which callback.
enum action { NOTHING, CANCEL, FREE_CLIENT, START_ANOTHER, PAUSE, PAUSE_AND_RESUME };

struct call {
    struct world *w;
    struct http_call *call;
    enum action in_head, in_data, in_done;
    struct call *another;
    struct buf body;
    int status, heads, ends, pauses;
    bool failed;
    enum http_call_failure failure;
    enum err_kind kind;
    size_t left_to_send;
    bool hesitates, hesitated, gives_up, stops_short;
};

// ---- the server

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

static void on_echo(struct http_exchange *x, void *ctx) {
    (void)ctx;
    static const struct http_body_sink sink = {echo_data, echo_end};
    http_body_read(x, UINT64_MAX, &sink, x);
    http_stream_start(x, 200, NULL, 0, -1);
    http_stream_on_drain(x, echo_drain, x);
}

static void on_large(struct http_exchange *x, void *ctx) {
    (void)ctx;
    http_respond_owned(x, 200, NULL, 0, mem_calloc(1, LARGE_BYTES), LARGE_BYTES, free);
}

static void on_hold(struct http_exchange *x, void *ctx) {
    struct world *w = ctx;
    w->held = x;
    loop_stop(&w->loop);
}

static void on_headers(struct http_exchange *x, void *ctx) {
    (void)ctx;
    struct buf text;
    buf_init(&text, 65536);
    size_t count;
    const struct http_header *headers = http_headers(x, &count);
    for (size_t i = 0; i < count; i++)
        buf_printf(&text, "%.*s=%.*s;", SPAN_ARGS(headers[i].name), SPAN_ARGS(headers[i].value));
    http_respond(x, 200, NULL, 0, buf_span(&text));
    buf_done(&text);
}

static const struct http_route routes[] = {{"*", "/echo", on_echo, 0},
                                           {"GET", "/large", on_large, 0},
                                           {"GET", "/hold", on_hold, 0},
                                           {"*", "/headers", on_headers, 0}};

static void handle(struct http_exchange *x, void *ctx) {
    http_route_dispatch(x, routes, COUNT_OF(routes), NULL, ctx);
}

// ---- the calls

static void start(struct call *c, const char *method, const char *path);

static void act(struct call *c, enum action action) {
    if (action == CANCEL)
        http_call_cancel(c->call);
    else if (action == FREE_CLIENT)
        http_client_free(TAKE(c->w->client));
    else if (action == START_ANOTHER)
        start(c->another, "GET", "/large");
}

static void on_head(void *ctx, int status, const struct http_header *headers, size_t count) {
    struct call *c = ctx;
    (void)headers, (void)count;
    c->heads++;
    c->status = status;
    act(c, c->in_head);
}

static void resume(void *arg) {
    struct call *c = arg;
    http_call_resume(c->call);
}

static bool on_data(void *ctx, struct span chunk) {
    struct call *c = ctx;
    assert_int_equal(c->ends, 0);
    act(c, c->in_data);
    if ((c->in_data == PAUSE || c->in_data == PAUSE_AND_RESUME) && c->pauses++ % 2 == 0) {
        if (c->in_data == PAUSE)
            loop_timer_start(&c->w->loop, 1, resume, c);
        else
            http_call_resume(c->call);
        return false;
    }
    if (c->in_data == START_ANOTHER)
        c->in_data = NOTHING;
    assert_int_equal(buf_append_span(&c->body, chunk), 0);
    return true;
}

static void on_done(void *ctx, int status, enum http_call_failure failure, const struct err *e) {
    struct call *c = ctx;
    assert_int_equal(c->ends++, 0);
    c->status = status;
    c->failure = failure;
    c->failed = e != NULL;
    c->kind = e ? e->kind : ERR_NONE;
    act(c, c->in_done);
    if (--c->w->left == 0 && c->w->running)
        loop_stop(&c->w->loop);
}

static void resume_read(void *arg) {
    struct call *c = arg;
    http_call_resume_read(c->call);
}

static ssize_t pull(void *ctx, char *p, size_t n) {
    struct call *c = ctx;
    if (c->hesitates && !c->hesitated) {
        c->hesitated = true;
        loop_timer_start(&c->w->loop, 1, resume_read, c);
        return HTTP_CALL_PAUSE;
    }
    c->hesitated = false;
    if (c->gives_up && c->left_to_send < LARGE_BYTES / 2)
        return HTTP_CALL_ABORT;
    if (c->left_to_send == 0 || (c->stops_short && c->left_to_send < LARGE_BYTES / 2))
        return 0;
    n = n < c->left_to_send ? n : c->left_to_send;
    n = n < 50000 ? n : 50000;
    memset(p, 'p', n);
    c->left_to_send -= n;
    return (ssize_t)n;
}

static void start_with(struct call *c, struct http_call_config config, const char *path) {
    char *url = mem_printf("http://%s%s", http_server_address(c->w->server), path);
    config.url = url;
    config.head = on_head;
    config.data = on_data;
    config.done = on_done;
    config.ctx = c;
    c->w->left++;
    c->call = http_call_start(c->w->client, &config);
    assert_int_equal(c->heads + c->ends, 0); // callbacks come later
    free(url);
}

static void start(struct call *c, const char *method, const char *path) {
    start_with(c, (struct http_call_config){.method = method}, path);
}

static void call_init(struct call *c, struct world *w) {
    *c = (struct call){.w = w};
    buf_init(&c->body, (size_t)4 * LARGE_BYTES);
}

static void assert_whole(struct call *c, size_t bytes) {
    assert_int_equal(c->ends, 1);
    assert_int_equal(c->failure, HTTP_CALL_OK);
    assert_false(c->failed);
    assert_int_equal(c->status, 200);
    assert_int_equal(c->heads, 1);
    assert_int_equal(c->body.n, bytes);
    buf_done(&c->body);
}

static void assert_stopped(struct call *c) {
    assert_int_equal(c->ends, 1);
    assert_int_equal(c->failure, HTTP_CALL_STOPPED);
    assert_int_equal(c->kind, ERR_EXECUTION_TERMINATED);
    buf_done(&c->body);
}

static void run(struct world *w) {
    w->running = true;
    loop_run(&w->loop);
    w->running = false;
}

static int setup(void **state) {
    struct world *w = NEW(struct world);
    struct loop *loops[] = {&w->loop};
    struct http_server_config config = {.address = "127.0.0.1:0", .handler = handle, .ctx = w};
    assert_int_equal(loop_init(&w->loop, NULL), 0);
    assert_int_equal(http_server_start(&config, loops, 1, &w->server, NULL), 0);
    assert_int_equal(http_client_new(&w->loop, &w->client, NULL), 0);
    *state = w;
    return 0;
}

static int teardown(void **state) {
    struct world *w = *state;
    http_client_free(w->client);
    http_server_free(w->server);
    loop_done(&w->loop);
    free(w);
    return 0;
}

// ---- starting

static void test_many_at_once_and_again(void **state) {
    struct world *w = *state;
    struct call calls[100];
    for (int turn = 0; turn < 2; turn++) {
        for (size_t i = 0; i < COUNT_OF(calls); i++) {
            call_init(&calls[i], w);
            start(&calls[i], "GET", "/large");
        }
        run(w);
        for (size_t i = 0; i < COUNT_OF(calls); i++)
            assert_whole(&calls[i], LARGE_BYTES);
    }
    struct http_server_stats stats;
    http_server_stats(w->server, &stats);
    assert_true(stats.connections_total < 200); // kept and used again
}

static void test_start_from_callbacks(void **state) {
    struct world *w = *state;
    struct call first, second, third;
    call_init(&first, w);
    call_init(&second, w);
    call_init(&third, w);
    first.in_data = START_ANOTHER;
    first.another = &second;
    second.in_done = START_ANOTHER;
    second.another = &third;
    start(&first, "GET", "/large");
    run(w);
    assert_whole(&first, LARGE_BYTES);
    assert_whole(&second, LARGE_BYTES);
    assert_whole(&third, LARGE_BYTES);
}

static void test_methods_and_headers(void **state) {
    struct world *w = *state;
    struct call c;
    struct http_header headers[] = {{SPAN_LITERAL("X-A"), SPAN_LITERAL("b c")},
                                    {SPAN_LITERAL("X-Empty"), SPAN_LITERAL("")},
                                    {SPAN_LITERAL("Content-Length"), SPAN_LITERAL("77")},
                                    {SPAN_LITERAL("Transfer-Encoding"), SPAN_LITERAL("gzip")}};
    call_init(&c, w);
    start_with(&c, (struct http_call_config){.method = "POST", .headers = headers, .header_count = 4}, "/headers");
    run(w);
    char *expected = mem_printf("Host=%s;X-A=b c;X-Empty=;Content-Length=0;", http_server_address(w->server));
    assert_string_equal(buf_text(&c.body), expected);
    free(expected);
    assert_whole(&c, c.body.n);
    call_init(&c, w);
    start(&c, "HEAD", "/large");
    run(w);
    assert_whole(&c, 0);
}

static void test_nobody_there(void **state) {
    struct world *w = *state;
    static const char *const urls[] = {"http://127.0.0.1:1/", "https://127.0.0.1/",      "file:///etc/passwd",
                                       "nonsense://",         "http://nothing.invalid/", "http://127.0.0.1:99999/"};
    for (size_t i = 0; i < COUNT_OF(urls); i++) {
        struct call c;
        call_init(&c, w);
        struct http_call_config config = {.method = "GET", .url = urls[i], .done = on_done, .ctx = &c};
        w->left++;
        http_call_start(w->client, &config);
        run(w);
        if (c.failure != HTTP_CALL_CONNECT || c.status != 0)
            fail_msg("%s: failure %d, status %d", urls[i], (int)c.failure, c.status);
        assert_int_equal(c.kind, ERR_IO);
    }
}

// ---- stopping

static void test_cancel_from_callbacks(void **state) {
    struct world *w = *state;
    struct call in_head, in_data, other;
    call_init(&in_head, w);
    call_init(&in_data, w);
    call_init(&other, w);
    in_head.in_head = CANCEL;
    in_data.in_data = CANCEL;
    start(&in_head, "GET", "/large");
    start(&in_data, "GET", "/large");
    start(&other, "GET", "/large");
    run(w);
    assert_stopped(&in_head);
    assert_stopped(&in_data);
    assert_whole(&other, LARGE_BYTES);
}

static void test_cancel_at_once_and_while_waiting(void **state) {
    struct world *w = *state;
    struct call c;
    call_init(&c, w);
    start(&c, "GET", "/large");
    http_call_cancel(c.call);
    assert_stopped(&c);
    call_init(&c, w);
    start(&c, "GET", "/hold");
    run(w); // until the server has it
    http_call_cancel(c.call);
    assert_stopped(&c);
    http_respond(w->held, 200, NULL, 0, SPAN_LITERAL("late"));
}

static void test_free_with_calls_under_way(void **state) {
    struct world *w = *state;
    enum action *where[2];
    for (int turn = 0; turn < 3; turn++) {
        struct call c, other;
        call_init(&c, w);
        call_init(&other, w);
        where[0] = &c.in_head;
        where[1] = &c.in_data;
        start(&c, "GET", "/large");
        start(&other, "GET", "/hold");
        if (turn < 2) {
            *where[turn] = FREE_CLIENT;
            do
                run(w);
            while (w->left);
        } else {
            http_client_free(TAKE(w->client));
        }
        assert_stopped(&c);
        assert_stopped(&other);
        if (w->held)
            http_respond(TAKE(w->held), 200, NULL, 0, SPAN_LITERAL("late"));
        assert_int_equal(http_client_new(&w->loop, &w->client, NULL), 0);
    }
}

static void test_free_when_done(void **state) {
    struct world *w = *state;
    struct call c;
    call_init(&c, w);
    c.in_done = FREE_CLIENT;
    start(&c, "GET", "/large");
    run(w);
    assert_whole(&c, LARGE_BYTES);
    assert_int_equal(http_client_new(&w->loop, &w->client, NULL), 0);
}

// ---- bodies

static void test_pause(void **state) {
    struct world *w = *state;
    static const enum action how[] = {PAUSE, PAUSE_AND_RESUME};
    for (size_t i = 0; i < COUNT_OF(how); i++) {
        struct call c;
        call_init(&c, w);
        c.in_data = how[i];
        start(&c, "GET", "/large");
        run(w);
        assert_true(c.pauses > 1);
        assert_whole(&c, LARGE_BYTES);
    }
}

static void test_pulled_bodies(void **state) {
    struct world *w = *state;
    for (int turn = 0; turn < 8; turn++) {
        struct call c;
        call_init(&c, w);
        c.left_to_send = LARGE_BYTES;
        c.hesitates = turn & 1;
        c.in_data = turn & 2 ? PAUSE : NOTHING;
        struct http_call_config config = {.method = "POST", .read = pull, .read_length = turn & 4 ? LARGE_BYTES : -1};
        start_with(&c, config, "/echo");
        run(w);
        assert_whole(&c, LARGE_BYTES);
    }
}

static void test_bodies_in_memory(void **state) {
    struct world *w = *state;
    static char bytes[3 * LARGE_BYTES];
    static const size_t sizes[] = {0, 1, 1000, LARGE_BYTES, sizeof bytes};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        struct call c;
        call_init(&c, w);
        start_with(&c, (struct http_call_config){.method = "PUT", .body = span_make(bytes, sizes[i])}, "/echo");
        run(w);
        assert_whole(&c, sizes[i]);
    }
}

static void test_pulled_bodies_that_end_early(void **state) {
    struct world *w = *state;
    for (int turn = 0; turn < 2; turn++) {
        struct call c;
        call_init(&c, w);
        c.left_to_send = LARGE_BYTES;
        c.gives_up = turn == 0;
        c.stops_short = turn == 1;
        struct http_call_config config = {.method = "POST", .read = pull, .read_length = LARGE_BYTES};
        start_with(&c, config, "/echo");
        run(w);
        assert_stopped(&c);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_at_once_and_again),
        cmocka_unit_test(test_start_from_callbacks),
        cmocka_unit_test(test_methods_and_headers),
        cmocka_unit_test(test_nobody_there),
        cmocka_unit_test(test_cancel_from_callbacks),
        cmocka_unit_test(test_cancel_at_once_and_while_waiting),
        cmocka_unit_test(test_free_with_calls_under_way),
        cmocka_unit_test(test_free_when_done),
        cmocka_unit_test(test_pause),
        cmocka_unit_test(test_pulled_bodies),
        cmocka_unit_test(test_bodies_in_memory),
        cmocka_unit_test(test_pulled_bodies_that_end_early),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
