// base/id.h: the form of identifiers, and that none comes twice, also not in a forked child.
#include "unit.h"

#include "base/id.h"

static void test_form(void **state) {
    (void)state;
    for (int i = 0; i < 1000; i++) {
        char id[UUID_TEXT + 1];
        uuid_new(id);
        assert_int_equal(strlen(id), UUID_TEXT);
        assert_true(uuid_valid(span_of(id)));
        assert_int_equal(id[14], '4');
        assert_non_null(strchr("89ab", id[19]));
        for (const char *c = id; *c; c++)
            assert_false(*c >= 'A' && *c <= 'F');
    }
}

static void test_valid(void **state) {
    (void)state;
    assert_true(uuid_valid(span_of("01234567-89ab-CDEF-0123-456789abcdef")));
    static const char *const bad[] = {"",
                                      "01234567-89ab-cdef-0123-456789abcde",
                                      "01234567-89ab-cdef-0123-456789abcdef0",
                                      "01234567089ab-cdef-0123-456789abcdef",
                                      "01234567-89ab-cdef-0123-456789abcdeg",
                                      "0123456--89ab-cdef-0123-456789abcdef",
                                      "{1234567-89ab-cdef-0123-456789abcde}"};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_false(uuid_valid(span_of(bad[i])));
}

static void test_no_repetition(void **state) {
    (void)state;
    char here[UUID_TEXT + 1], there[UUID_TEXT + 1] = "";
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        uuid_new(there);
        _exit(write(ends[1], there, UUID_TEXT) == UUID_TEXT ? 0 : 1);
    }
    uuid_new(here);
    assert_int_equal(read(ends[0], there, UUID_TEXT), UUID_TEXT);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_string_not_equal(here, there);
    close(ends[0]);
    close(ends[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_form),
        cmocka_unit_test(test_valid),
        cmocka_unit_test(test_no_repetition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
