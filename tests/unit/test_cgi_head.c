// What net/cgi_head.h promises.
#include "unit.h"

#include "net/cgi_head.h"

static enum cgi_head_result parse(const char *text, struct cgi_head *head, struct err *e) {
    return cgi_head_parse(span_of(text), head, e);
}

static void test_document(void **state) {
    (void)state;
    struct cgi_head h;
    struct err e;
    assert_int_equal(parse("Content-Type: text/plain\nX-A:  b c \n\nbody", &h, &e), CGI_HEAD_OK);
    assert_int_equal(h.status, 200);
    assert_int_equal(h.field_count, 2);
    assert_true(h.has_type);
    assert_int_equal(h.content_length, -1);
    assert_span_equal(h.fields[0].name, "Content-Type");
    assert_span_equal(h.fields[0].value, "text/plain");
    assert_span_equal(h.fields[1].name, "X-A");
    assert_span_equal(h.fields[1].value, "b c");
    assert_int_equal(h.bytes, strlen("Content-Type: text/plain\nX-A:  b c \n\n"));
}

static void test_line_ends(void **state) {
    (void)state;
    static const char *const texts[] = {"Status: 404 Not Found\r\nX: 1\r\n\r\n", "Status: 404\nX: 1\n\n",
                                        "STATUS:404\r\nX:1\n\r\n"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct cgi_head h;
        assert_int_equal(parse(texts[i], &h, NULL), CGI_HEAD_OK);
        assert_int_equal(h.status, 404);
        assert_int_equal(h.field_count, 1);
        assert_span_equal(h.fields[0].value, "1");
        assert_int_equal(h.bytes, strlen(texts[i]));
    }
}

static void test_location(void **state) {
    (void)state;
    struct cgi_head h;
    assert_int_equal(parse("Location: http://example.org/a\n\n", &h, NULL), CGI_HEAD_OK);
    assert_int_equal(h.status, 302);
    assert_span_equal(h.fields[0].name, "Location");
    assert_int_equal(parse("Location: /a\nStatus: 307 Go\n\n", &h, NULL), CGI_HEAD_OK);
    assert_int_equal(h.status, 307);
}

static void test_fields_that_are_not_the_guests(void **state) {
    (void)state;
    struct cgi_head h;
    assert_int_equal(
        parse("Status: 200\nConnection: close\nTransfer-Encoding: chunked\nkeep-alive: 1\nTE: x\nTrailer: x\n"
              "Upgrade: h2c\nProxy-Connection: x\nContent-Length: 12\n\n",
              &h, NULL),
        CGI_HEAD_OK);
    assert_int_equal(h.field_count, 0);
    assert_int_equal(h.content_length, 12);
    assert_false(h.has_type);
}

static void test_refuses(void **state) {
    (void)state;
    static const char *const bad[][2] = {
        {"\nbody", "none of Content-Type"},
        {"X: 1\n\n", "none of Content-Type"},
        {"hello\n\n", "not a header field"},
        {"Content-Type: a/b\n folded\n\n", "not a header field"},
        {"Content-Type: a/b\n folded: x\n\n", "no field name"},
        {"Content-Type : a/b\n\n", "no field name"},
        {": x\n\n", "no field name"},
        {"X\x01: x\n\n", "no field name"},
        {"X: a\rb\n\n", "control character"},
        {"X: a\x7f\n\n", "control character"},
        {"X: a\r\r\n\n", "control character"},
        {"Status: 99\n\n", "three digits"},
        {"Status: 100 Continue\n\n", "three digits"},
        {"Status: 600\n\n", "three digits"},
        {"Status: 0200\n\n", "three digits"},
        {"Status: 200OK\n\n", "three digits"},
        {"Status:\n\n", "three digits"},
        {"Status: 200\nStatus: 200\n\n", "second"},
        {"Content-Type: a/b\ncontent-type: a/b\n\n", "second"},
        {"Location: /\nLocation: /\n\n", "second"},
        {"Location:\n\n", "target"},
        {"Content-Length: 1\nContent-Length: 1\n\n", "second"},
        {"Content-Length: -1\n\n", "number of bytes"},
        {"Content-Length: 99999999999999999999\n\n", "number of bytes"},
        {"Content-Length: 9223372036854775808\n\n", "number of bytes"},
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct cgi_head h;
        struct err e = {0};
        assert_int_equal(parse(bad[i][0], &h, &e), CGI_HEAD_BAD);
        assert_int_equal(e.kind, ERR_BAD_GATEWAY);
        if (!strstr(e.text, bad[i][1]))
            fail_msg("\"%s\" said: %s", bad[i][0], e.text);
    }
}

static void test_refuses_nul(void **state) {
    (void)state;
    struct cgi_head h;
    struct err e;
    assert_int_equal(cgi_head_parse(span_make("X: a\0b\n\n", 8), &h, &e), CGI_HEAD_BAD);
    assert_int_equal(cgi_head_parse(span_make("X\0: a\n\n", 7), &h, &e), CGI_HEAD_BAD);
}

// Every leading part wants more; the text in an error is fit for one.
static void test_wants_more(void **state) {
    (void)state;
    const char *text = "Content-Type: text/plain\r\nX: y\r\n\r\n";
    struct cgi_head h;
    struct err e;
    for (size_t n = 0; n < strlen(text); n++)
        assert_int_equal(cgi_head_parse(span_make(text, n), &h, NULL), CGI_HEAD_MORE);
    assert_int_equal(cgi_head_missing(span_of("a\x1b[31m"), &e), -1);
    assert_non_null(strstr(e.text, "a?[31m"));
    assert_int_equal(cgi_head_missing(span_of(""), &e), -1);
    assert_non_null(strstr(e.text, "nothing"));
}

static void fill_fields(struct buf *b, int count) {
    buf_init(b, 1 << 20);
    buf_append_text(b, "Content-Type: a/b\n");
    for (int i = 1; i < count; i++)
        buf_printf(b, "X-%d: y\n", i);
    buf_append_text(b, "\n");
}

static void test_limits(void **state) {
    (void)state;
    struct cgi_head h;
    struct err e;
    struct buf b;
    fill_fields(&b, CGI_FIELDS_MAX);
    assert_int_equal(cgi_head_parse(buf_span(&b), &h, &e), CGI_HEAD_OK);
    assert_int_equal(h.field_count, CGI_FIELDS_MAX);
    buf_done(&b);
    fill_fields(&b, CGI_FIELDS_MAX + 1);
    assert_int_equal(cgi_head_parse(buf_span(&b), &h, &e), CGI_HEAD_BAD);
    assert_non_null(strstr(e.text, "64"));
    buf_done(&b);
    buf_init(&b, 1 << 20);
    buf_append_text(&b, "Content-Type: ");
    while (b.n < CGI_HEAD_BYTES_MAX - 2)
        buf_append_char(&b, 'a');
    struct buf fits = b;
    assert_int_equal(cgi_head_parse(buf_span(&fits), &h, &e), CGI_HEAD_MORE);
    buf_append_text(&b, "\n\n");
    assert_int_equal(cgi_head_parse(buf_span(&b), &h, &e), CGI_HEAD_OK);
    b.p[CGI_HEAD_BYTES_MAX - 2] = 'a';
    assert_int_equal(cgi_head_parse(buf_span(&b), &h, &e), CGI_HEAD_BAD);
    assert_non_null(strstr(e.text, "32768"));
    buf_done(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_document),   cmocka_unit_test(test_line_ends),
        cmocka_unit_test(test_location),   cmocka_unit_test(test_fields_that_are_not_the_guests),
        cmocka_unit_test(test_refuses),    cmocka_unit_test(test_refuses_nul),
        cmocka_unit_test(test_wants_more), cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
