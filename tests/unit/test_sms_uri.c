// model/sms_uri.h: the accepted forms, and refusals that name the uri and these forms.
#include "unit.h"

#include "base/buf.h"
#include "model/sms_uri.h"

static void test_accepts(void **state) {
    (void)state;
    static const char *const rows[][3] = {
        {"sms+file://abc-1.2_3", "", "abc-1.2_3"},
        {"smsfile://abc", "", "abc"},
        {"SMS+FILE://abc", "", "abc"},
        {"sms+file://127.0.0.1:8080/abc", "127.0.0.1:8080", "abc"},
        {"smsfile://[::1]:80/abc", "[::1]:80", "abc"},
        {"sms+file://6f1c2c9e-3b1f-4a37-9d0e-0d7a0c1f2b3a", "", "6f1c2c9e-3b1f-4a37-9d0e-0d7a0c1f2b3a"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct sms_uri uri;
        assert_int_equal(sms_uri_parse(span_of(rows[i][0]), &uri, NULL), 0);
        assert_string_equal(uri.host_port, rows[i][1]);
        assert_string_equal(uri.file_id, rows[i][2]);
    }
}

static void test_refuses(void **state) {
    (void)state;
    static const char *const bad[] = {"",
                                      "http://a/b",
                                      "file:///etc/passwd",
                                      "sms+file:",
                                      "sms+file://",
                                      "sms+file:///abc",
                                      "sms+file://host:80/",
                                      "sms+file://host/abc",
                                      "sms+file://host:0/abc",
                                      "sms+file://host:80/a/b",
                                      "sms+file://..",
                                      "sms+file://.",
                                      "sms+file://host:80/..",
                                      "sms+file://a b",
                                      "sms+file://a%2Fb",
                                      "sms+file://abc?x=1",
                                      "sms+file://abc#x",
                                      "sms+file://user@host:80/abc",
                                      "sms+file://\xC3\xA4"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct sms_uri uri = {.file_id = "kept"};
        struct err e;
        assert_int_equal(sms_uri_parse(span_of(bad[i]), &uri, &e), -1);
        assert_int_equal(e.kind, ERR_INVALID_CONFIGURATION);
        assert_non_null(strstr(e.text, bad[i]));
        assert_non_null(strstr(e.text, "sms+file://<file_id>"));
        assert_string_equal(uri.file_id, "kept");
    }
}

static void test_bounds(void **state) {
    (void)state;
    struct buf text;
    struct sms_uri uri;
    struct err e;
    buf_init(&text, 10000);
    buf_append_text(&text, "sms+file://");
    for (int i = 0; i < SMS_URI_ID_MAX; i++)
        buf_append_char(&text, 'a');
    assert_int_equal(sms_uri_parse(buf_span(&text), &uri, &e), 0);
    char path[SMS_URI_ID_MAX + 32];
    sms_uri_path(&uri, path);
    assert_int_equal(strlen(path), strlen("/api/v1/files/") + SMS_URI_ID_MAX);
    buf_append_char(&text, 'a');
    assert_int_equal(sms_uri_parse(buf_span(&text), &uri, &e), -1);
    while (buf_append_char(&text, 'a') == 0)
        continue;
    assert_int_equal(sms_uri_parse(buf_span(&text), &uri, &e), -1);
    assert_non_null(strstr(e.text, "accepted:")); // the forms are said however long the uri is
    buf_done(&text);
}

static void test_path(void **state) {
    (void)state;
    struct sms_uri uri;
    char path[SMS_URI_ID_MAX + 32];
    assert_int_equal(sms_uri_parse(span_of("smsfile://h:1/abc"), &uri, NULL), 0);
    sms_uri_path(&uri, path);
    assert_string_equal(path, "/api/v1/files/abc");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepts),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
