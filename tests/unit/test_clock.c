// base/clock.h: moments as text, and clocks that agree with each other.
#include "unit.h"

#include "base/clock.h"

static void test_rfc3339(void **state) {
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } moments[] = {{0, "1970-01-01T00:00:00.000Z"},
                   {1795395723004, "2026-11-23T01:02:03.004Z"},
                   {951782400000, "2000-02-29T00:00:00.000Z"},
                   {-1, "1969-12-31T23:59:59.999Z"},
                   {253402300799999, "9999-12-31T23:59:59.999Z"},
                   {-62167219200000, "0000-01-01T00:00:00.000Z"}};
    for (size_t i = 0; i < COUNT_OF(moments); i++) {
        char text[RFC3339_TEXT];
        clock_rfc3339(moments[i].ms, text);
        assert_string_equal(text, moments[i].text);
    }
}

static void test_http_date(void **state) {
    (void)state;
    char text[HTTP_DATE_TEXT];
    clock_http_date(784111777, text);
    assert_string_equal(text, "Sun, 06 Nov 1994 08:49:37 GMT"); // the example of RFC 9110
    clock_http_date(1795395723, text);
    assert_string_equal(text, "Mon, 23 Nov 2026 01:02:03 GMT");
}

static void test_years_out_of_range_are_held(void **state) {
    (void)state;
    char text[RFC3339_TEXT];
    clock_rfc3339(INT64_MAX, text);
    assert_string_equal(text, "9999-12-31T23:59:59.807Z");
    clock_rfc3339(INT64_MIN, text);
    assert_memory_equal(text, "0000-01-01T00:00:00", 19);
    clock_http_date(INT64_MAX, text);
    assert_string_equal(text, "Fri, 31 Dec 9999 23:59:59 GMT");
}

static void test_clocks_agree(void **state) {
    (void)state;
    int64_t us = clock_unix_us(), ms = clock_unix_ms(), s = clock_unix_s();
    assert_true(ms - us / 1000 < 5000 && ms - us / 1000 > -5000);
    assert_true(s - us / 1000000 <= 5 && s - us / 1000000 >= -5);
    uint64_t before = clock_monotonic_us();
    for (int i = 0; i < 1000; i++) {
        uint64_t now = clock_monotonic_us();
        assert_true(now >= before);
        before = now;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc3339),
        cmocka_unit_test(test_http_date),
        cmocka_unit_test(test_years_out_of_range_are_held),
        cmocka_unit_test(test_clocks_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
