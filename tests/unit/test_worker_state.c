// Every invocation of one worker finds the module's first state, whatever the one before did and however it ended; and what a start asks of an
// invocation (environment, time, log) it is told by the one that it is for.
#include "test_worker_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"

#include <cmocka.h>

enum { ROUNDS = 5 };

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

// The reply of a call that succeeds; the caller frees it.
static char *reply(const struct client_call *call) {
    const struct ipc_result *r = client_call(&worker, call);
    if (r->kind != ERR_NONE)
        fail_msg("%s: %s", call->function, r->text);
    return span_dup(client_reply(&worker));
}

static void check_look(const char *wanted, const char *after) {
    char *found = reply(&(struct client_call){.function = "look", .params = "[]"});
    if (strcmp(found, wanted) != 0)
        fail_msg("after %s: found %s, at first it was %s", after, found, wanted);
    free(found);
}

static void nothing_is_left_behind(void **state) {
    (void)state;
    client_serve(&zygote, &worker, "tests/guests/state.wasm");
    char *first = reply(&(struct client_call){.function = "look", .params = "[]"});
    for (int round = 0; round < ROUNDS; round++) {
        check_look(first, "a call");
        assert_int_equal(client_call(&worker, &(struct client_call){.function = "look_and_trap", .params = "[]"})->kind,
                         ERR_RUNTIME_ERROR);
        check_look(first, "a trap");
        assert_int_equal(
            client_call(&worker, &(struct client_call){.function = "look_and_leave", .params = "[300]"})->exit_code, 3);
        check_look(first, "an exit from deep inside");
        assert_int_equal(client_call(&worker, &(struct client_call){.function = "none", .params = "[]"})->kind,
                         ERR_INVALID_REQUEST);
        check_look(first, "a request for no export");
    }
    free(first);
    client_close(&worker);
}

static void a_start_is_told_of_its_own_invocation(void **state) {
    (void)state;
    static const char *const numbers[] = {"10", "20", "20", "5"};
    client_serve(&zygote, &worker, "tests/guests/greeting.wasm");
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        char entry[32], log[32], wanted[32];
        snprintf(entry, sizeof entry, "NUMBER=%s", numbers[i]);
        snprintf(log, sizeof log, "begun with %s\n", numbers[i]);
        snprintf(wanted, sizeof wanted, "[%d]", (int)strtol(numbers[i], NULL, 10) + 1);
        char *found = reply(&(struct client_call){.function = "next", .params = "[]", .environment = {entry}});
        assert_string_equal(found, wanted);
        assert_true(span_equal_text(client_log(&worker), log));
        free(found);
    }
    client_close(&worker);
}

// The module keeps the time of its start; an invocation's start is never an earlier one's.
static void check_times(const char *file) {
    uint64_t last = 0, now = 0;
    client_serve(&zygote, &worker, file);
    for (int round = 0; round < ROUNDS; round++) {
        char *found = reply(&(struct client_call){.function = "began", .params = "[]"});
        assert_true(span_to_u64(span_make(found + 1, strlen(found) - 2), &now));
        assert_true(now > last);
        last = now;
        free(found);
    }
    client_close(&worker);
}

static void time_does_not_stand_still(void **state) {
    (void)state;
    check_times("tests/guests/start_asks.wasm");
    check_times("tests/guests/initialize_asks.wasm");
}

static void tables_are_fresh(void **state) {
    (void)state;
    client_serve(&zygote, &worker, "tests/guests/table_set.wasm");
    for (int round = 0; round < ROUNDS; round++) {
        char *found = reply(&(struct client_call){.function = "swap", .params = "[]"});
        assert_string_equal(found, "[1]");
        free(found);
    }
    client_close(&worker);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_left_behind),
        cmocka_unit_test(a_start_is_told_of_its_own_invocation),
        cmocka_unit_test(time_does_not_stand_still),
        cmocka_unit_test(tables_are_fresh),
    };
    return cmocka_run_group_tests(tests, start, end);
}
