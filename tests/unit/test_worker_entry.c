// Entry selection and typed params and results, through the real worker (contract, section 5).
#include "test_worker_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/err.h"

#include <cmocka.h>

static struct client_zygote zygote;
static struct client_worker worker;

static int start(void **state) {
    (void)state;
    client_zygote_start(&zygote);
    return 0;
}

static int end(void **state) {
    (void)state;
    client_zygote_stop(&zygote);
    return 0;
}

struct row {
    const char *function, *params;
    const char *reply; // of a success
    const char *error; // or a part of the refusal
};

static void check(const struct row *row) {
    const struct ipc_result *r =
        client_call(&worker, &(struct client_call){.function = row->function, .params = row->params});
    if (row->reply) {
        if (r->kind != ERR_NONE || !(r->flags & IPC_RESULT_HAS_RESULTS) ||
            !span_equal_text(client_reply(&worker), row->reply))
            fail_msg("%s %s: kind %u '%s', reply '%.*s', wanted '%s'", row->function, row->params, r->kind, r->text,
                     SPAN_ARGS(client_reply(&worker)), row->reply);
    } else if (r->kind != ERR_INVALID_REQUEST || !strstr(r->text, row->error)) {
        fail_msg("%s %s: kind %u '%s', wanted '%s'", row->function, row->params, r->kind, r->text, row->error);
    }
}

static void check_all(const char *file, const struct row *rows, size_t count) {
    client_serve(&zygote, &worker, file);
    for (size_t i = 0; i < count; i++)
        check(&rows[i]);
    client_close(&worker);
}
#define CHECK_ALL(file, rows) check_all(file, rows, sizeof(rows) / sizeof((rows)[0]))

static void numbers_go_in_and_out(void **state) {
    (void)state;
    static const struct row rows[] = {
        {"add", "[2, 3]", "[5]", NULL},
        {"add", " [ 2147483647 , 1 ] ", "[-2147483648]", NULL},
        {"add", "[4294967295, 0]", "[-1]", NULL},
        {"add", "[-2147483648, 0]", "[-2147483648]", NULL},
        {"addi64", "[9007199254740991, 1]", "[9007199254740992]", NULL},
        {"addi64", "[9007199254740992, 1]", "[\"9007199254740993\"]", NULL},
        {"addi64", "[\"-9223372036854775808\", 0]", "[\"-9223372036854775808\"]", NULL},
        {"addi64", "[18446744073709551615, \"18446744073709551615\"]", "[-2]", NULL},
        {"mulf64", "[1.5, 2]", "[3.0]", NULL},
        {"mulf64", "[\"Infinity\", 0]", "[\"NaN\"]", NULL},
        {"mulf64", "[\"-Infinity\", 2]", "[\"-Infinity\"]", NULL},
        {"mulf64", "[\"NaN\", 2]", "[\"NaN\"]", NULL},
        {"halff32", "[0.2]", "[0.1]", NULL},
        {"halff32", "[3.4028234663852886e38]", "[1.7014117e38]", NULL},
        {"nothing", "[]", "[]", NULL},
        {"nothing", "", "[]", NULL},
    };
    CHECK_ALL("samples/add.wasm", rows);
}

static void what_does_not_fit_is_told(void **state) {
    (void)state;
    static const struct row rows[] = {
        {"add", "[2]", NULL, "add(i32, i32) -> (i32) takes 2 params, got 1; exports: "},
        {"add", "", NULL, "takes 2 params, got 0"},
        {"add", "[1, 2, 3]", NULL, "takes 2 params, got 3"},
        {"add", "[1.5, 2]", NULL, "param 1 of add: 1.5 is not an i32"},
        {"add", "[4294967296, 2]", NULL, "param 1 of add: 4294967296 is not an i32"},
        {"add", "[0, -2147483649]", NULL, "param 2 of add: -2147483649 is not an i32"},
        {"add", "[18446744073709551615, 0]", NULL, "is not an i32"},
        {"add", "[\"1\", 2]", NULL, "param 1 of add: \"1\" is not an i32"},
        {"add", "[null, 2]", NULL, "null is not an i32"},
        {"addi64", "[\"18446744073709551616\", 0]", NULL, "is not an i64"},
        {"addi64", "[\"-9223372036854775809\", 0]", NULL, "is not an i64"},
        {"addi64", "[\"x\", 0]", NULL, "is not an i64"},
        {"addi64", "[\"\", 0]", NULL, "is not an i64"},
        {"mulf64", "[\"1\", 2]", NULL, "is not an f64"},
        {"halff32", "[1e39]", NULL, "is not an f32"},
        {"add", "{}", NULL, "params of add must be a JSON array"},
        {"add", "[1,", NULL, "params of add: "},
        {"nope", "[]", NULL, "no export \"nope\"; exports: "},
        {"nope", "[]", NULL, "add(i32, i32) -> (i32)"},
        {"", "", NULL, "no default entry"},
        {"__spear_default_entry__", "", NULL, "halff32(f32) -> (f32)"},
    };
    CHECK_ALL("samples/add.wasm", rows);
}

static void several_results(void **state) {
    (void)state;
    static const struct row rows[] = {
        {"same", "[1, \"-1\", 0.5, 1e300]", "[1,-1,0.5,1e300]", NULL},
        {"same", "[1, 2, \"Infinity\", \"NaN\"]", "[1,2,\"Infinity\",\"NaN\"]", NULL},
    };
    CHECK_ALL("tests/guests/types.wasm", rows);
    static const struct row vector[] = {{"take", "[1]", NULL, "cannot be called from outside"}};
    CHECK_ALL("tests/guests/vector.wasm", vector);
    static const struct row tail[] = {{"count", "[1000000]", "[42]", NULL}};
    CHECK_ALL("tests/guests/tail_call.wasm", tail);
}

static void reactors_start_afresh(void **state) {
    (void)state;
    static const struct row rows[] = {
        {"next", "[]", "[101]", NULL},     {"next", "[]", "[101]", NULL},      {"add", "[5]", "[105]", NULL},
        {"_initialize", "[]", "[]", NULL}, {"", "", NULL, "no default entry"},
    };
    CHECK_ALL("samples/counter.wasm", rows);
}

static void tables_do_not_grow_without_end(void **state) {
    (void)state;
    static const struct row rows[] = {
        {"grow_table", "[99999]", "[1]", NULL},
        {"grow_table", "[100000]", "[-1]", NULL},
        {"grow_table", "[4294967295]", "[-1]", NULL},
    };
    CHECK_ALL("tests/guests/table_grow.wasm", rows);
}

static void main_stands_in_for_start(void **state) {
    (void)state;
    client_serve(&zygote, &worker, "tests/guests/bare_main.wasm");
    const struct ipc_result *r = client_call(&worker, &(struct client_call){.args = {"a", "b"}});
    assert_int_equal(r->kind, ERR_RUNTIME_ERROR);
    assert_int_equal(r->exit_code, 21);
    assert_int_equal(r->flags & IPC_RESULT_HAS_RESULTS, 0);
    check(&(struct row){"main", "[1, 2]", "[8]", NULL});
    check(&(struct row){"main", "", NULL, "takes 2 params, got 0"});
    client_close(&worker);
}

static void start_may_be_named(void **state) {
    (void)state;
    client_serve(&zygote, &worker, "samples/hello.wasm");
    check(&(struct row){"_start", "[]", "[]", NULL});
    assert_true(span_equal_text(client_output(&worker), "Hello, world!\n"));
    check(&(struct row){"_start", "[1]", NULL, "takes 0 params, got 1"});
    check(&(struct row){"", "[1]", NULL, "takes 0 params, got 1"});
    client_close(&worker);
    client_serve(&zygote, &worker, "tests/guests/old_wasi.wasm");
    assert_int_equal(client_call(&worker, &(struct client_call){0})->exit_code, 5);
    client_close(&worker);
}

static void traps_are_named(void **state) {
    (void)state;
    client_serve(&zygote, &worker, "samples/add.wasm");
    const struct ipc_result *r = client_call(&worker, &(struct client_call){.function = "div", .params = "[1, 0]"});
    assert_int_equal(r->kind, ERR_RUNTIME_ERROR);
    assert_non_null(strstr(r->text, "trap: integer divide by zero"));
    r = client_call(&worker, &(struct client_call){.function = "div", .params = "[-2147483648, -1]"});
    assert_non_null(strstr(r->text, "trap: integer overflow"));
    client_close(&worker);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_go_in_and_out),
        cmocka_unit_test(what_does_not_fit_is_told),
        cmocka_unit_test(several_results),
        cmocka_unit_test(reactors_start_afresh),
        cmocka_unit_test(tables_do_not_grow_without_end),
        cmocka_unit_test(main_stands_in_for_start),
        cmocka_unit_test(start_may_be_named),
        cmocka_unit_test(traps_are_named),
    };
    return cmocka_run_group_tests(tests, start, end);
}
