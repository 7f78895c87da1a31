// net/http_router.h, through a server and a client on one loop: which route a request takes and what its parameters are.
#include "unit.h"

#include "net/http_client.h"
#include "net/http_router.h"

struct world {
    struct loop loop;
    struct http_server *server;
    struct http_client *client;
    int status; // of the last answer
    char allow[64];
    struct buf body;
};

// Answers "route a=… b=…".
static void answer(struct http_exchange *x, const char *route) {
    struct buf text;
    buf_init(&text, 4096);
    struct span a = http_param(x, "a"), b = http_param(x, "b");
    buf_printf(&text, "%s a=%.*s b=%.*s", route, SPAN_ARGS(a), SPAN_ARGS(b));
    http_respond(x, 200, NULL, 0, buf_span(&text));
    buf_done(&text);
}

#define ROUTE(name)                                                                                                    \
    static void name(struct http_exchange *x, void *ctx) {                                                             \
        (void)ctx;                                                                                                     \
        answer(x, #name);                                                                                              \
    }
ROUTE(root)
ROUTE(literal)
ROUTE(one)
ROUTE(two)
ROUTE(rest)
ROUTE(deep)
ROUTE(put_one)
ROUTE(own_head)
ROUTE(any)

static const struct http_route routes[] = {
    {"GET", "/", root, 0},
    {"GET", "/files/{a...}", rest, 0},
    {"GET", "/files/{a}", one, 0},
    {"PUT", "/files/{a}", put_one, 0},
    {"GET", "/files/list", literal, 0},
    {"GET", "/files/{a}/of/{b}", two, 0},
    {"GET", "/files/{a}/of/{b...}", deep, 0},
    {"GET", "/head", root, 0},
    {"HEAD", "/head", own_head, 0},
    {"*", "/any", any, 0},
};

static void handle(struct http_exchange *x, void *ctx) {
    http_route_dispatch(x, routes, COUNT_OF(routes), NULL, ctx);
}

static void on_head(void *ctx, int status, const struct http_header *headers, size_t count) {
    struct world *w = ctx;
    (void)status;
    for (size_t i = 0; i < count; i++)
        if (span_equal_nocase(headers[i].name, "allow"))
            snprintf(w->allow, sizeof w->allow, "%.*s", SPAN_ARGS(headers[i].value));
}

static bool on_data(void *ctx, struct span chunk) {
    struct world *w = ctx;
    return buf_append_span(&w->body, chunk) == 0;
}

static void on_done(void *ctx, int status, enum http_call_failure failure, const struct err *e) {
    struct world *w = ctx;
    if (failure != HTTP_CALL_OK)
        fail_msg("%s", e->text);
    w->status = status;
    loop_stop(&w->loop);
}

static const char *ask(struct world *w, const char *method, const char *path) {
    char *url = mem_printf("http://%s%s", http_server_address(w->server), path);
    struct http_call_config config = {
        .method = method, .url = url, .head = on_head, .data = on_data, .done = on_done, .ctx = w};
    buf_reset(&w->body);
    w->allow[0] = '\0';
    http_call_start(w->client, &config);
    loop_run(&w->loop);
    free(url);
    return buf_text(&w->body);
}

static int setup(void **state) {
    struct world *w = NEW(struct world);
    struct loop *loops[] = {&w->loop};
    struct http_server_config config = {.address = "127.0.0.1:0", .handler = handle};
    assert_int_equal(loop_init(&w->loop, NULL), 0);
    assert_int_equal(http_server_start(&config, loops, 1, &w->server, NULL), 0);
    assert_int_equal(http_client_new(&w->loop, &w->client, NULL), 0);
    buf_init(&w->body, 1 << 20);
    *state = w;
    return 0;
}

static int teardown(void **state) {
    struct world *w = *state;
    http_client_free(w->client);
    http_server_free(w->server);
    loop_done(&w->loop);
    buf_done(&w->body);
    free(w);
    return 0;
}

static void test_precedence(void **state) {
    struct world *w = *state;
    assert_string_equal(ask(w, "GET", "/"), "root a= b=");
    assert_string_equal(ask(w, "GET", "/files/list"), "literal a= b=");
    assert_string_equal(ask(w, "GET", "/files/lis"), "one a=lis b=");
    assert_string_equal(ask(w, "GET", "/files/"), "rest a= b=");
    assert_string_equal(ask(w, "GET", "/files/x/y"), "rest a=x/y b=");
    assert_string_equal(ask(w, "GET", "/files/x/of/y"), "two a=x b=y");
    assert_string_equal(ask(w, "GET", "/files/x/of/y/z"), "deep a=x b=y/z");
    assert_string_equal(ask(w, "GET", "/files/x/of/"), "deep a=x b=");
}

static void test_methods(void **state) {
    struct world *w = *state;
    assert_string_equal(ask(w, "PUT", "/files/list"), "put_one a=list b=");
    assert_string_equal(ask(w, "PATCH", "/any"), "any a= b=");
    ask(w, "HEAD", "/files/list");
    assert_int_equal(w->status, 200);
    ask(w, "HEAD", "/head");
    assert_int_equal(w->status, 200);
    ask(w, "POST", "/files/list");
    assert_int_equal(w->status, 405);
    assert_string_equal(w->allow, "GET, HEAD, PUT");
    ask(w, "DELETE", "/files/a/b");
    assert_int_equal(w->status, 405);
    assert_string_equal(w->allow, "GET, HEAD");
}

static void test_decoding(void **state) {
    struct world *w = *state;
    assert_string_equal(ask(w, "GET", "/files/a%20b%2Fc"), "one a=a b/c b=");
    assert_string_equal(ask(w, "GET", "/f%69les/l%69st"), "literal a= b=");
    assert_string_equal(ask(w, "GET", "/files/x%2Fy/of/%7Bb%7d"), "two a=x/y b={b}");
    assert_string_equal(ask(w, "GET", "/files/a+b?a=c"), "one a=a+b b=");
    static const char *const bad[] = {"/files/%", "/files/%1", "/files/%zz", "/files/%00", "/nothing/%"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        ask(w, "GET", bad[i]);
        assert_int_equal(w->status, 400);
    }
}

static void test_not_found(void **state) {
    struct world *w = *state;
    static const char *const paths[] = {"/nothing", "/files", "/head/", "/any/x", "//", "/Files/list"};
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        ask(w, "GET", paths[i]);
        assert_int_equal(w->status, 404);
        assert_non_null(strstr(buf_text(&w->body), "\"NOT_FOUND\""));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_precedence),
        cmocka_unit_test(test_methods),
        cmocka_unit_test(test_decoding),
        cmocka_unit_test(test_not_found),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
