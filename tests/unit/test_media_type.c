// model/media_type.h: what may be copied into a Content-Type field.
#include "unit.h"

#include "model/media_type.h"

static void test_accepts(void **state) {
    (void)state;
    static const char *const good[] = {"text/html",
                                       "application/problem+json",
                                       "text/html; charset=utf-8",
                                       "text/html;charset=\"utf-8\"",
                                       "multipart/mixed; boundary=\"a b\\\"c\" ; x=y",
                                       "a/b"};
    for (size_t i = 0; i < COUNT_OF(good); i++)
        assert_true(media_type_valid(span_of(good[i])));
}

static void test_refuses(void **state) {
    (void)state;
    static const char *const bad[] = {"",           "text",          "text/",         "/html",         "text/ html",
                                      "text/html;", "text/html; x",  "text/html; x=", "a/b c",         "a/b\r\nX: y",
                                      "a/b; x=\"y", "a/b; x=\"\n\"", "a/b;;x=y",      "text/h\x7Ftml", "a/b; x=\"y\\"};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_false(media_type_valid(span_of(bad[i])));
    assert_false(media_type_valid(span_make("a/b\0", 4)));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_accepts), cmocka_unit_test(test_refuses)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
