// base/encode.h: base64 with the vectors of RFC 4648, percent-encoding, UTF-8.
#include "unit.h"

#include "base/encode.h"

static void test_base64_vectors(void **state) {
    (void)state;
    static const char *const pairs[][2] = {{"", ""},
                                           {"f", "Zg=="},
                                           {"fo", "Zm8="},
                                           {"foo", "Zm9v"},
                                           {"foob", "Zm9vYg=="},
                                           {"fooba", "Zm9vYmE="},
                                           {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        struct buf text, bytes;
        buf_init(&text, 100);
        buf_init(&bytes, 100);
        assert_int_equal(base64_encode(span_of(pairs[i][0]), &text), 0);
        assert_string_equal(buf_text(&text), pairs[i][1]);
        assert_int_equal(base64_decode(buf_span(&text), &bytes, NULL), 0);
        assert_span_equal(buf_span(&bytes), pairs[i][0]);
        buf_done(&text);
        buf_done(&bytes);
    }
}

static void test_base64_all_bytes(void **state) {
    (void)state;
    char all[768];
    for (size_t i = 0; i < sizeof all; i++)
        all[i] = (char)(i * 7 + i / 256);
    for (size_t n = 0; n < sizeof all; n++) {
        struct buf text, bytes;
        buf_init(&text, 2000);
        buf_init(&bytes, n); // exactly enough
        assert_int_equal(base64_encode(span_make(all, n), &text), 0);
        assert_int_equal(base64_decode(buf_span(&text), &bytes, NULL), 0);
        assert_true(span_equal(buf_span(&bytes), span_make(all, n)));
        buf_done(&text);
        buf_done(&bytes);
    }
}

static void test_base64_refuses(void **state) {
    (void)state;
    static const struct {
        const char *text, *said;
    } bad[] = {{"Zg=", "multiple of 4"}, {"Z", "multiple of 4"}, {"Zg==\n", "multiple of 4"}, {"Zg =", "offset 2"},
               {"Z===", "offset 1"},     {"====", "offset 0"},   {"Zg==Zg==", "offset 2"},    {"Zm9_", "offset 3"},
               {"Zh==", "offset 1"},     {"Zm9=", "offset 2"},   {"Zm9vZ*==", "offset 5"}};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct buf out;
        struct err e;
        buf_init(&out, 100);
        buf_append_text(&out, "kept");
        assert_int_equal(base64_decode(span_of(bad[i].text), &out, &e), -1);
        assert_int_equal(e.kind, ERR_INVALID_REQUEST);
        assert_non_null(strstr(e.text, bad[i].said));
        assert_string_equal(buf_text(&out), "kept");
        buf_done(&out);
    }
}

static void test_base64_ceiling(void **state) {
    (void)state;
    struct buf out;
    struct err e;
    buf_init(&out, 3);
    assert_int_equal(base64_encode(span_of("a"), &out), -1);
    assert_int_equal(base64_decode(span_of("Zm9vYg=="), &out, &e), -1);
    assert_int_equal(e.kind, ERR_PAYLOAD_TOO_LARGE);
    assert_int_equal(out.n, 0);
    buf_done(&out);
}

static void test_percent(void **state) {
    (void)state;
    struct buf text, bytes;
    buf_init(&text, 100);
    buf_init(&bytes, 100);
    assert_int_equal(percent_encode(span_of("a b/c~\xC3\xA4%"), NULL, &text), 0);
    assert_string_equal(buf_text(&text), "a%20b%2Fc~%C3%A4%25");
    assert_int_equal(percent_decode(buf_span(&text), &bytes), 0);
    assert_string_equal(buf_text(&bytes), "a b/c~\xC3\xA4%");
    buf_reset(&text);
    assert_int_equal(percent_encode(span_make("/a\0b", 4), "/", &text), 0);
    assert_string_equal(buf_text(&text), "/a%00b");
    buf_done(&text);
    buf_done(&bytes);
}

static void test_percent_refuses(void **state) {
    (void)state;
    static const char *const bad[] = {"%", "%4", "%zz", "a%00b", "%%41", "%-1"};
    struct buf out;
    buf_init(&out, 100);
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_int_equal(percent_decode(span_of(bad[i]), &out), -1);
    assert_int_equal(out.n, 0);
    assert_int_equal(percent_decode(span_of("%41%6a+"), &out), 0);
    assert_string_equal(buf_text(&out), "Aj+");
    buf_done(&out);
    buf_init(&out, 1);
    assert_int_equal(percent_decode(span_of("%41"), &out), 0); // as long as the ceiling once decoded
    assert_int_equal(percent_decode(span_of("%41"), &out), -1);
    assert_int_equal(percent_encode(span_of("a"), NULL, &out), -1);
    buf_done(&out);
}

static void test_utf8(void **state) {
    (void)state;
    static const char *const good[] = {
        "", "abc", "\xC2\x80", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"};
    static const char *const bad[] = {"\x80",
                                      "\xC0\x80",
                                      "\xC1\xBF",
                                      "\xC2",
                                      "\xE0\x9F\xBF",
                                      "\xED\xA0\x80",
                                      "\xE2\x82",
                                      "\xF0\x8F\xBF\xBF",
                                      "\xF5\x80\x80\x80",
                                      "\xF4\x90\x80\x80",
                                      "\xFF",
                                      "a\xC3(b"};
    for (size_t i = 0; i < COUNT_OF(good); i++)
        assert_true(utf8_valid(span_of(good[i])));
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_false(utf8_valid(span_of(bad[i])));
    assert_int_equal(utf8_length(span_of("\xE2\x82\xAC!")), 3);
    assert_int_equal(utf8_length(span_of("\xE2\x82")), 0);
}

static void test_utf8_clean(void **state) {
    (void)state;
    struct buf out;
    buf_init(&out, 100);
    assert_int_equal(utf8_clean(span_of("a\xFF"
                                        "b\xC3"),
                                &out),
                     0);
    assert_string_equal(buf_text(&out), "a\xEF\xBF\xBD"
                                        "b\xEF\xBF\xBD");
    buf_done(&out);
    buf_init(&out, 3);
    assert_int_equal(utf8_clean(span_of("a\xFF"), &out), -1);
    assert_int_equal(out.n, 0);
    buf_done(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base64_vectors), cmocka_unit_test(test_base64_all_bytes),
        cmocka_unit_test(test_base64_refuses), cmocka_unit_test(test_base64_ceiling),
        cmocka_unit_test(test_percent),        cmocka_unit_test(test_percent_refuses),
        cmocka_unit_test(test_utf8),           cmocka_unit_test(test_utf8_clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
