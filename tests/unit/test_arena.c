// base/arena.h: zeroed, aligned, bounded, and everything given back at once.
#include "unit.h"

#include "base/arena.h"

static void test_zeroed_and_aligned(void **state) {
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 20);
    for (size_t n = 0; n < 300; n++) {
        arena_strdup(&a, span_of("x")); // leaves an odd end behind
        unsigned char *p = arena_alloc(&a, n);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xAA, n);
    }
    arena_done(&a);
}

static void test_reset_memory_is_zeroed_again(void **state) {
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 20);
    memset(arena_alloc(&a, 1000), 0xAA, 1000);
    arena_alloc(&a, 10000);
    arena_alloc(&a, 10000);
    arena_reset(&a);
    assert_int_equal(a.used_bytes, 0);
    unsigned char *p = arena_alloc(&a, 1000);
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(p[i], 0);
    arena_done(&a);
}

static void test_ceiling(void **state) {
    (void)state;
    struct arena a;
    arena_init(&a, 100);
    assert_non_null(arena_alloc(&a, 100));
    assert_null(arena_alloc(&a, 1));
    assert_null(arena_alloc(&a, 0));
    assert_null(arena_alloc(&a, SIZE_MAX));
    assert_null(arena_strdup(&a, span_of("")));
    assert_null(arena_printf(&a, "%d", 1));
    arena_reset(&a);
    assert_null(arena_alloc(&a, 101));
    assert_non_null(arena_alloc(&a, 100));
    arena_done(&a);
    arena_init(&a, 0);
    assert_null(arena_alloc(&a, 1));
    arena_done(&a);
}

static void test_empty_allocations_use_up_the_ceiling(void **state) {
    (void)state;
    struct arena a;
    arena_init(&a, 4096);
    size_t count = 0;
    while (arena_alloc(&a, 0) && count <= 4096)
        count++;
    assert_true(count <= 4096);
    arena_done(&a);
}

static void test_texts(void **state) {
    (void)state;
    struct arena a;
    arena_init(&a, 100000);
    assert_string_equal(arena_strdup(&a, span_make("abcdef", 3)), "abc");
    assert_string_equal(arena_strdup(&a, span_of(NULL)), "");
    assert_string_equal(arena_printf(&a, "%s-%d", "x", 42), "x-42");
    char *large = arena_printf(&a, "%9000d", 1);
    assert_int_equal(strlen(large), 9000);
    arena_done(&a);
    assert_null(a.blocks);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_zeroed_and_aligned),
        cmocka_unit_test(test_reset_memory_is_zeroed_again),
        cmocka_unit_test(test_ceiling),
        cmocka_unit_test(test_empty_allocations_use_up_the_ceiling),
        cmocka_unit_test(test_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
