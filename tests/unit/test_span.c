// base/span.h: comparing, cutting and splitting, with empty spans and NULL among the inputs.
#include "unit.h"

#include "base/span.h"

static void test_slice_is_clamped(void **state) {
    (void)state;
    struct span s = span_of("abcdef");
    assert_span_equal(span_slice(s, 2, 3), "cde");
    assert_span_equal(span_slice(s, 2, SIZE_MAX), "cdef");
    assert_span_equal(span_slice(s, 6, 1), "");
    assert_span_equal(span_slice(s, SIZE_MAX, SIZE_MAX), "");
    assert_int_equal(span_slice(span_of(NULL), 1, 1).n, 0);
}

static void test_equality(void **state) {
    (void)state;
    assert_true(span_equal(span_of(""), span_of(NULL)));
    assert_true(span_equal(span_of("ab"), span_make("abc", 2)));
    assert_false(span_equal(span_of("ab"), span_of("abc")));
    assert_true(span_equal_text(span_of("ab"), "ab"));
    assert_false(span_equal_text(span_of("AB"), "ab"));
    assert_true(span_equal_nocase(span_of("Content-LENGTH"), "content-length"));
    assert_false(span_equal_nocase(span_of("a@"), "a`")); // one bit apart, but no letters
    assert_true(span_equal_nocase(span_of(NULL), ""));
}

static void test_ends(void **state) {
    (void)state;
    assert_true(span_starts_with(span_of("abc"), "ab"));
    assert_true(span_starts_with(span_of("abc"), ""));
    assert_false(span_starts_with(span_of("a"), "ab"));
    assert_true(span_starts_with_nocase(span_of("BEARER x"), "bearer "));
    assert_false(span_starts_with_nocase(span_of("BEAR"), "bearer"));
    assert_true(span_ends_with(span_of("abc"), "bc"));
    assert_false(span_ends_with(span_of("c"), "bc"));
    assert_true(span_ends_with(span_of(NULL), ""));
}

static void test_find(void **state) {
    (void)state;
    assert_int_equal(span_find(span_of("abca"), 'a'), 0);
    assert_int_equal(span_find(span_of("abc"), 'c'), 2);
    assert_int_equal(span_find(span_of("abc"), 'x'), 3);
    assert_int_equal(span_find(span_of(NULL), 'x'), 0);
    assert_int_equal(span_find(span_make("a\0b", 3), '\0'), 1);
    assert_true(span_contains(span_of("abcd"), span_of("bc")));
    assert_true(span_contains(span_of(""), span_of("")));
    assert_false(span_contains(span_of("bc"), span_of("abcd")));
}

static void test_trim(void **state) {
    (void)state;
    assert_span_equal(span_trim(span_of(" \t a b\t ")), "a b");
    assert_span_equal(span_trim(span_of(" \t ")), "");
    assert_span_equal(span_trim(span_of("\na")), "\na");
}

static void check_parts(const char *text, const char *want) {
    char got[64] = "";
    size_t n = 0;
    struct span rest = span_of(text), part;
    while (span_next(&rest, ',', &part))
        n += (size_t)snprintf(got + n, sizeof got - n, "[%.*s]", SPAN_ARGS(part));
    assert_string_equal(got, want);
    assert_false(span_next(&rest, ',', &part));
}

static void test_next(void **state) {
    (void)state;
    check_parts("a,,b", "[a][][b]");
    check_parts("", "");
    check_parts("a", "[a]");
    check_parts("a,", "[a]");
    check_parts(",a", "[][a]");
    check_parts(",", "[]");
}

static void test_numbers(void **state) {
    (void)state;
    static const char *const bad[] = {
        "", "-1", "+1", " 1", "1 ", "0x1", "1.0", "18446744073709551616", "99999999999999999999999"};
    uint64_t value = 7;
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_false(span_to_u64(span_of(bad[i]), &value));
    assert_int_equal(value, 7);
    assert_true(span_to_u64(span_of("18446744073709551615"), &value));
    assert_true(value == UINT64_MAX);
    assert_true(span_to_u64(span_of("007"), &value));
    assert_int_equal(value, 7);
}

static void test_dup(void **state) {
    (void)state;
    AUTO_FREE char *text = span_dup(span_make("abc", 2));
    AUTO_FREE char *empty = span_dup(span_of(NULL));
    assert_string_equal(text, "ab");
    assert_string_equal(empty, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slice_is_clamped),
        cmocka_unit_test(test_equality),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_trim),
        cmocka_unit_test(test_next),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_dup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
