// base/buf.h: the NUL behind the content, the ceiling, and who owns the memory.
#include "unit.h"

#include "base/buf.h"

static void check_invariants(const struct buf *b) {
    assert_true(b->n <= b->max);
    if (b->p)
        assert_int_equal(b->p[b->n], '\0');
    else
        assert_int_equal(b->n, 0);
    assert_int_equal(strlen(buf_text(b)), b->n); // the contents below hold no NUL
}

static void test_grows_and_stays_a_text(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, 100000);
    check_invariants(&b);
    assert_string_equal(buf_text(&b), "");
    for (int i = 0; i < 3000; i++) {
        assert_int_equal(buf_printf(&b, "%d,", i), 0);
        check_invariants(&b);
    }
    assert_true(span_starts_with(buf_span(&b), "0,1,2,"));
    assert_true(span_ends_with(buf_span(&b), ",2998,2999,"));
    buf_reset(&b);
    check_invariants(&b);
    assert_int_equal(b.n, 0);
    buf_done(&b);
    assert_null(b.p);
}

static void test_ceiling_refuses_whole_and_says_so(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, 10);
    assert_int_equal(buf_append_text(&b, "12345678"), 0);
    assert_false(b.full);
    assert_int_equal(buf_append_text(&b, "abc"), -1);
    assert_true(b.full);
    assert_string_equal(buf_text(&b), "12345678");
    assert_int_equal(buf_printf(&b, "%d", 999), -1);
    assert_string_equal(buf_text(&b), "12345678");
    assert_null(buf_reserve(&b, 3));
    assert_int_equal(buf_append_char(&b, '9'), 0);
    assert_int_equal(buf_append_char(&b, '0'), 0);
    assert_int_equal(buf_append_char(&b, 'x'), -1);
    assert_string_equal(buf_text(&b), "1234567890");
    assert_true(b.full);
    buf_reset(&b);
    assert_false(b.full);
    assert_null(buf_reserve(&b, SIZE_MAX));
    buf_done(&b);
}

static void test_nothing_fits_a_ceiling_of_zero(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, 0);
    assert_int_equal(buf_append(&b, NULL, 0), 0);
    assert_int_equal(buf_append_text(&b, ""), 0);
    assert_false(b.full);
    assert_int_equal(buf_append_char(&b, 'a'), -1);
    assert_string_equal(buf_text(&b), "");
    buf_done(&b);
}

static void test_no_ceiling(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, SIZE_MAX);
    assert_int_equal(buf_append_text(&b, "abc"), 0);
    assert_null(buf_reserve(&b, SIZE_MAX - 1));
    assert_string_equal(buf_text(&b), "abc");
    buf_done(&b);
}

static void test_reserve_then_count(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, 5000);
    buf_append_text(&b, "ab");
    char *room = buf_reserve(&b, 4000);
    memset(room, 'x', 4000);
    buf_added(&b, 3);
    check_invariants(&b);
    assert_string_equal(buf_text(&b), "abxxx");
    buf_done(&b);
}

static void test_consume(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, 100);
    buf_consume(&b, 0);
    buf_append_text(&b, "head,tail");
    buf_consume(&b, 5);
    check_invariants(&b);
    assert_string_equal(buf_text(&b), "tail");
    buf_consume(&b, 4);
    check_invariants(&b);
    assert_int_equal(b.n, 0);
    buf_done(&b);
}

static void test_take_gives_the_memory_away(void **state) {
    (void)state;
    struct buf b;
    size_t n = 99;
    buf_init(&b, 5);
    char *empty = buf_take(&b, &n);
    assert_string_equal(empty, "");
    assert_int_equal(n, 0);
    buf_append_text(&b, "12345");
    char *text = buf_take(&b, NULL);
    assert_string_equal(text, "12345");
    assert_int_equal(b.n, 0);
    assert_int_equal(buf_append_text(&b, "123456"), -1); // the ceiling stays
    free(empty);
    free(text);
    buf_done(&b);
}

static void count_too_much(void) {
    struct buf b;
    buf_init(&b, 1000);
    buf_reserve(&b, 10);
    buf_added(&b, 500);
}

static void consume_too_much(void) {
    struct buf b;
    buf_init(&b, 1000);
    buf_consume(&b, 1);
}

static void test_misuse_aborts(void **state) {
    (void)state;
    assert_true(unit_aborts(count_too_much));
    assert_true(unit_aborts(consume_too_much));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grows_and_stays_a_text),
        cmocka_unit_test(test_ceiling_refuses_whole_and_says_so),
        cmocka_unit_test(test_nothing_fits_a_ceiling_of_zero),
        cmocka_unit_test(test_no_ceiling),
        cmocka_unit_test(test_reserve_then_count),
        cmocka_unit_test(test_consume),
        cmocka_unit_test(test_take_gives_the_memory_away),
        cmocka_unit_test(test_misuse_aborts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
