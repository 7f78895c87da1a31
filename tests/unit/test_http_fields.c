// net/http_fields.h: ranges, entity tags, digests and addresses, with what is almost one of them among the inputs.
#include "unit.h"

#include "base/encode.h"
#include "net/http_fields.h"

struct range_case {
    const char *value;
    uint64_t length;
    enum range_result result;
    uint64_t offset, n;
};

static void test_ranges(void **state) {
    (void)state;
    static const struct range_case cases[] = {
        {"bytes=0-99", 1000, RANGE_OK, 0, 100},
        {"bytes=0-0", 1000, RANGE_OK, 0, 1},
        {"bytes=100-", 1000, RANGE_OK, 100, 900},
        {"bytes=999-", 1000, RANGE_OK, 999, 1},
        {"bytes=-5", 1000, RANGE_OK, 995, 5},
        {"bytes=-5000", 1000, RANGE_OK, 0, 1000},
        {"bytes=500-5000", 1000, RANGE_OK, 500, 500},
        {"bytes=0-18446744073709551615", 1000, RANGE_OK, 0, 1000},
        {"BYTES=1-2", 1000, RANGE_OK, 1, 2},
        {" bytes= 1-2 ", 1000, RANGE_OK, 1, 2},
        {"bytes=1000-", 1000, RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=1000-2000", 1000, RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=0-", 0, RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=-5", 0, RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=-0", 1000, RANGE_UNSATISFIABLE, 0, 0},
        {"", 1000, RANGE_NONE, 0, 0},
        {"bytes", 1000, RANGE_NONE, 0, 0},
        {"bytes=", 1000, RANGE_NONE, 0, 0},
        {"bytes=-", 1000, RANGE_NONE, 0, 0},
        {"bytes=5", 1000, RANGE_NONE, 0, 0},
        {"bytes=5-4", 1000, RANGE_NONE, 0, 0},
        {"bytes=a-b", 1000, RANGE_NONE, 0, 0},
        {"bytes=1-2,3-4", 1000, RANGE_NONE, 0, 0},
        {"bytes=1-2-3", 1000, RANGE_NONE, 0, 0},
        {"bytes=+1-2", 1000, RANGE_NONE, 0, 0},
        {"bytes=1 -2", 1000, RANGE_NONE, 0, 0},
        {"bytes=0-99999999999999999999", 1000, RANGE_NONE, 0, 0},
        {"lines=1-2", 1000, RANGE_NONE, 0, 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        uint64_t offset = 7, n = 7;
        if (http_parse_range(span_of(cases[i].value), cases[i].length, &offset, &n) != cases[i].result)
            fail_msg("\"%s\" of %llu", cases[i].value, (unsigned long long)cases[i].length);
        bool ok = cases[i].result == RANGE_OK;
        assert_int_equal(offset, ok ? cases[i].offset : 7); // untouched otherwise
        assert_int_equal(n, ok ? cases[i].n : 7);
    }
}

static void test_ranges_at_the_end_of_the_numbers(void **state) {
    (void)state;
    uint64_t offset, n;
    assert_int_equal(http_parse_range(span_of("bytes=1-18446744073709551615"), UINT64_MAX, &offset, &n), RANGE_OK);
    assert_true(offset == 1 && n == UINT64_MAX - 1);
}

static void test_etags(void **state) {
    (void)state;
    struct span tag = span_of("\"abc\"");
    assert_true(http_etag_listed(span_of("\"abc\""), tag));
    assert_true(http_etag_listed(span_of("W/\"abc\""), tag));
    assert_true(http_etag_listed(span_of("\"abc\""), span_of("W/\"abc\"")));
    assert_true(http_etag_listed(span_of("\"x\", \"y,z\" ,, W/\"abc\",\"k\""), tag));
    assert_true(http_etag_listed(span_of(" * "), tag));
    assert_false(http_etag_listed(span_of("\"ab\", \"abcd\""), tag));
    assert_false(http_etag_listed(span_of("\"x, \"abc\""), tag)); // the quotes pair up differently
    assert_false(http_etag_listed(span_of("\"x,\"abc\""), tag));
    assert_false(http_etag_listed(span_of("abc"), tag));
    assert_false(http_etag_listed(span_of("w/\"abc\""), tag)); // case counts
    assert_false(http_etag_listed(span_of("\"abc"), tag));
    assert_false(http_etag_listed(span_of(""), tag));
    assert_false(http_etag_listed(span_of("*, \"x\""), tag));
}

static void test_content_digest(void **state) {
    (void)state;
    unsigned char digest[SHA256_BYTES], read[SHA256_BYTES];
    char text[CONTENT_DIGEST_TEXT], list[256];
    sha256_of(SPAN_LITERAL("hello"), digest);
    http_format_content_digest(digest, text);
    assert_string_equal(text, "sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:");
    assert_int_equal(http_parse_content_digest(span_of(text), read), 1);
    assert_memory_equal(read, digest, SHA256_BYTES);
    memset(read, 0, sizeof read);
    snprintf(list, sizeof list, "sha-512=:AAAA:, %s , md5=:BB==:", text);
    assert_int_equal(http_parse_content_digest(span_of(list), read), 1);
    assert_memory_equal(read, digest, SHA256_BYTES);
}

static void test_content_digests_that_are_none(void **state) {
    (void)state;
    unsigned char read[SHA256_BYTES];
    assert_int_equal(http_parse_content_digest(span_of(""), read), 0);
    assert_int_equal(http_parse_content_digest(span_of("sha-512=:AAAA:"), read), 0);
    static const char *const malformed[] = {
        "sha-256",
        "=:AAAA:",
        "sha-256=",
        "sha-256=:",
        "sha-256=::",
        "sha-256=:AAAA:",
        "sha-256=LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=",
        "sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ:",
        "sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmC?=:",
        "sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:, nonsense",
        "sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQAAAA=:",
    };
    for (size_t i = 0; i < COUNT_OF(malformed); i++)
        if (http_parse_content_digest(span_of(malformed[i]), read) != -1)
            fail_msg("\"%s\" was taken", malformed[i]);
}

static void test_addresses(void **state) {
    (void)state;
    struct span host;
    uint16_t port;
    assert_true(http_split_address(span_of("127.0.0.1:8080"), &host, &port));
    assert_true(span_equal_text(host, "127.0.0.1") && port == 8080);
    assert_true(http_split_address(span_of("[::1]:0"), &host, &port));
    assert_true(span_equal_text(host, "::1") && port == 0);
    assert_true(http_split_address(span_of("a.example:65535"), &host, &port));
    static const char *const malformed[] = {"",     ":",    "a",     "a:",      ":80",   "a:65536",
                                            "a:-1", "a:8x", "[::1]", "[::1:80", "::1:80"};
    for (size_t i = 0; i < COUNT_OF(malformed); i++)
        if (http_split_address(span_of(malformed[i]), &host, &port))
            fail_msg("\"%s\" was taken", malformed[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges),    cmocka_unit_test(test_ranges_at_the_end_of_the_numbers),
        cmocka_unit_test(test_etags),     cmocka_unit_test(test_content_digest),
        cmocka_unit_test(test_addresses), cmocka_unit_test(test_content_digests_that_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
