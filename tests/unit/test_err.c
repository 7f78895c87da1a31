// base/err.h: texts of a fixed size, wrapping, and a table without holes.
#include "unit.h"

#include "base/encode.h"
#include "base/err.h"

#include <errno.h>

static void test_set_fills_and_returns_minus_one(void **state) {
    (void)state;
    struct err e = {.sys = 5};
    assert_int_equal(err_set(&e, ERR_TASK_NOT_FOUND, "task \"%s\"", "x"), -1);
    assert_int_equal(e.kind, ERR_TASK_NOT_FOUND);
    assert_int_equal(e.sys, 0);
    assert_string_equal(e.text, "task \"x\"");
    err_clear(&e);
    assert_int_equal(e.kind, ERR_NONE);
    assert_string_equal(e.text, "");
}

static void test_null_is_allowed(void **state) {
    (void)state;
    assert_int_equal(err_set(NULL, ERR_IO, "x"), -1);
    assert_int_equal(err_set_sys(NULL, ERR_IO, ENOENT, "x"), -1);
    assert_int_equal(err_wrap(NULL, "x"), -1);
    err_clear(NULL);
}

static void test_sys_and_wrap(void **state) {
    (void)state;
    struct err e;
    assert_int_equal(err_set_sys(&e, ERR_IO, ENOENT, "/a/b"), -1);
    assert_int_equal(e.sys, ENOENT);
    assert_string_equal(e.text, "/a/b: No such file or directory");
    assert_int_equal(err_wrap(&e, "loading %d", 7), -1);
    assert_string_equal(e.text, "loading 7: /a/b: No such file or directory");
    assert_int_equal(e.kind, ERR_IO);
    assert_int_equal(e.sys, ENOENT);
}

static void test_own_text_as_argument(void **state) {
    (void)state;
    struct err e;
    err_set(&e, ERR_IO, "inner");
    err_set(&e, ERR_INTERNAL, "outer(%s)", e.text);
    assert_string_equal(e.text, "outer(inner)");
}

static void test_long_texts_are_cut(void **state) {
    (void)state;
    struct err e;
    char long_text[ERR_TEXT_MAX + 100];
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    err_set(&e, ERR_IO, "%s", long_text);
    assert_int_equal(strlen(e.text), ERR_TEXT_MAX - 1);
    assert_true(span_ends_with(span_of(e.text), "x..."));
    err_wrap(&e, "front");
    assert_int_equal(strlen(e.text), ERR_TEXT_MAX - 1);
    assert_true(span_starts_with(span_of(e.text), "front: xxx"));
    assert_true(span_ends_with(span_of(e.text), "..."));
    err_set_sys(&e, ERR_IO, EPERM, "%s", long_text);
    assert_true(span_ends_with(span_of(e.text), "..."));
    long_text[ERR_TEXT_MAX - 1] = '\0';
    err_set(&e, ERR_IO, "%s", long_text); // fits exactly
    assert_string_equal(e.text, long_text);
}

static void test_cut_keeps_utf8_whole(void **state) {
    (void)state;
    for (int shift = 0; shift < 4; shift++) {
        struct err e;
        struct buf text;
        buf_init(&text, 4096);
        buf_printf(&text, "%.*s", shift, "abc");
        while (text.n < ERR_TEXT_MAX + 10)
            buf_append_text(&text, "\xF0\x9F\x98\x80");
        err_set(&e, ERR_IO, "%s", buf_text(&text));
        assert_true(utf8_valid(span_of(e.text)));
        buf_done(&text);
    }
}

static void test_table_is_complete_and_unique(void **state) {
    (void)state;
    for (int kind = ERR_NONE; kind < ERR_KIND_COUNT; kind++) {
        const struct err_kind_info *info = err_kind_info((enum err_kind)kind);
        assert_non_null(info->name);
        assert_non_null(info->code);
        assert_true(kind == ERR_NONE || info->http_status >= 400);
        assert_true(kind == ERR_NONE || info->exit_code > 0);
        enum err_kind expected = (enum err_kind)kind;
        assert_int_equal(err_kind_by_name(span_of(info->name)), expected);
        assert_int_equal(err_kind_by_code(span_of(info->code)), expected);
    }
    assert_int_equal(err_kind_by_name(span_of("taskNotFound")), ERR_NONE);
    assert_int_equal(err_kind_by_code(span_of("")), ERR_NONE);
    assert_ptr_equal(err_kind_info((enum err_kind)999), err_kind_info(ERR_INTERNAL));
}

// The names that the contract fixes, with what clients see of them.
static void test_contract_kinds(void **state) {
    (void)state;
    static const struct {
        const char *name, *code;
        int status, exit_code;
    } rows[] = {{"ArtifactNotFound", "ARTIFACT_NOT_FOUND", 404, 4},
                {"TaskNotFound", "TASK_NOT_FOUND", 404, 4},
                {"InstanceNotFound", "INSTANCE_NOT_FOUND", 404, 4},
                {"RuntimeNotFound", "RUNTIME_NOT_FOUND", 404, 4},
                {"RuntimeError", "RUNTIME_ERROR", 500, 1},
                {"InvalidConfiguration", "INVALID_CONFIGURATION", 422, 2},
                {"InvalidRequest", "INVALID_REQUEST", 400, 1},
                {"ExecutionTimeout", "EXECUTION_TIMEOUT", 504, 124},
                {"ExecutionTerminated", "EXECUTION_TERMINATED", 500, 1},
                {"InstanceDestroyed", "INSTANCE_DESTROYED", 503, 1},
                {"ResourceExhausted", "RESOURCE_EXHAUSTED", 503, 1},
                {"InstanceCreationFailed", "INSTANCE_CREATION_FAILED", 500, 1},
                {"InstanceStartupFailed", "INSTANCE_STARTUP_FAILED", 500, 1},
                {"NotSupported", "NOT_SUPPORTED", 501, 1},
                {"Io", "IO", 500, 1},
                {"Serialization", "SERIALIZATION", 400, 1}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct err_kind_info *info = err_kind_info(err_kind_by_name(span_of(rows[i].name)));
        assert_string_equal(info->name, rows[i].name);
        assert_string_equal(info->code, rows[i].code);
        assert_int_equal(info->http_status, rows[i].status);
        assert_int_equal(info->exit_code, rows[i].exit_code);
    }
    assert_int_equal(err_kind_info(ERR_PAYLOAD_TOO_LARGE)->http_status, 413);
    assert_string_equal(err_kind_info(ERR_PAYLOAD_TOO_LARGE)->code, "PAYLOAD_TOO_LARGE");
    assert_int_equal(err_kind_info(ERR_CONFLICT)->exit_code, 5);
    assert_int_equal(err_kind_info(ERR_UNAVAILABLE)->exit_code, 69);
    assert_int_equal(err_kind_info(ERR_UNAUTHORIZED)->http_status, 401);
    assert_int_equal(err_kind_info(ERR_FORBIDDEN)->http_status, 403);
    assert_int_equal(err_kind_info(ERR_FORBIDDEN)->exit_code, 77);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set_fills_and_returns_minus_one),
        cmocka_unit_test(test_null_is_allowed),
        cmocka_unit_test(test_sys_and_wrap),
        cmocka_unit_test(test_own_text_as_argument),
        cmocka_unit_test(test_long_texts_are_cut),
        cmocka_unit_test(test_cut_keeps_utf8_whole),
        cmocka_unit_test(test_table_is_complete_and_unique),
        cmocka_unit_test(test_contract_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
