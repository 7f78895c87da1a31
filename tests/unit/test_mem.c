// base/mem.h: allocation that never gives NULL, cleanup by scope, assertions that stay on.
#include "unit.h"

#include "base/mem.h"

#include <errno.h>

static void test_allocations(void **state) {
    (void)state;
    void *p = mem_alloc(0);
    assert_non_null(p);
    p = mem_realloc(p, 0);
    assert_non_null(p);
    free(p);
    unsigned char *zeroed = mem_calloc(100, 3);
    for (size_t i = 0; i < 300; i++)
        assert_int_equal(zeroed[i], 0);
    free(zeroed);
    free(mem_calloc(0, 5));
}

static void overflow(void) {
    volatile size_t half = SIZE_MAX / 2;
    free(mem_calloc(half, 3));
}

static void test_overflow_ends_the_program(void **state) {
    (void)state;
    assert_true(unit_aborts(overflow));
}

static void test_copies(void **state) {
    (void)state;
    assert_null(mem_strdup(NULL));
    AUTO_FREE char *text = mem_strdup("abc");
    assert_string_equal(text, "abc");
    AUTO_FREE char *bytes = mem_dup("a\0b", 3);
    assert_memory_equal(bytes, "a\0b", 3);
    AUTO_FREE void *empty = mem_dup(NULL, 0);
    assert_non_null(empty);
    AUTO_FREE char *printed = mem_printf("%s-%05d", "x", 42);
    assert_string_equal(printed, "x-00042");
}

static void test_take_hands_over(void **state) {
    (void)state;
    char *p = mem_strdup("x"), *kept = p;
    AUTO_FREE char *taken = TAKE(p);
    assert_null(p);
    assert_ptr_equal(taken, kept);
    int fd = 7;
    assert_int_equal(TAKE_FD(fd), 7);
    assert_int_equal(fd, -1);
}

static void test_close_keeps_errno(void **state) {
    (void)state;
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), copy = fd;
    errno = EDOM;
    mem_close_fd(&fd);
    assert_int_equal(errno, EDOM);
    assert_int_equal(fd, -1);
    assert_int_equal(fcntl(copy, F_GETFD), -1);
    mem_close_fd(&fd);
}

static void fail_assertion(void) {
    ASSERT(1 + 1 == 3);
}

static void pass_assertion(void) {
    ASSERT(1 + 1 == 2);
}

static void test_assert(void **state) {
    (void)state;
    assert_true(unit_aborts(fail_assertion));
    assert_false(unit_aborts(pass_assertion));
}

struct outer {
    int before;
    int member;
};

static void test_container_of(void **state) {
    (void)state;
    struct outer o;
    assert_ptr_equal(CONTAINER_OF(&o.member, struct outer, member), &o);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations),
        cmocka_unit_test(test_overflow_ends_the_program),
        cmocka_unit_test(test_copies),
        cmocka_unit_test(test_take_hands_over),
        cmocka_unit_test(test_close_keeps_errno),
        cmocka_unit_test(test_assert),
        cmocka_unit_test(test_container_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
