// Several invocations in one worker at a time, through the runtime library: who is told what when one of them ends badly, and what is made of a worker
// that lies (lying_worker.c).
#include "unit.h"

#include "runtime_fixture.h"

#include "base/clock.h"

#include <string.h>

static const char *const sleep_long[] = {"sleep", "60000", NULL}, *const sleep_1[] = {"sleep", "1", NULL};

static struct instance *create_limited(struct fixture *f, bool strict) {
    struct err e = {0};
    struct artifact_snapshot artifact = {"sms+file://good", NULL};
    struct instance_config config = {.task_id = "task", .artifact = &artifact};
    fixture_limits(&config);
    config.limits.isolation_strict = strict;
    struct instance *i = create_with(f, &config, &e);
    if (!i || start(f, i, &e) < 0)
        fail_msg("%s", e.text);
    return i;
}

static void test_strict_is_alone(void **state) {
    (void)state;
    need_engine("sleep.wasm");
    struct fixture f;
    struct outcome first, second;
    fixture_init(&f, "sleep.wasm");
    struct instance *i = create_limited(&f, true);
    assert_int_equal(instance_room(i), 1);
    begin(i, "", sleep_1, 0, &first);
    assert_int_equal(instance_room(i), 0);
    run(&f, i, "", sleep_1, 0, &second);
    assert_kind(second.error, ERR_RESOURCE_EXHAUSTED);
    wait_for(&f, &first.done);
    assert_kind(first.error, ERR_NONE);
    assert_int_equal(instance_room(i), 1);
    outcome_free(&first);
    outcome_free(&second);
    instance_unref(i);
    fixture_done(&f);
}

static void test_all_answers_are_right(void **state) {
    (void)state;
    need_engine("echo.wasm");
    enum { ROUNDS = 40, DEPTH = 8 };
    struct fixture f;
    struct outcome o[DEPTH];
    char payload[DEPTH][32];
    fixture_init(&f, "echo.wasm");
    struct instance *i = create_limited(&f, false);
    for (int round = 0; round < ROUNDS; round++) {
        for (int n = 0; n < DEPTH; n++) {
            snprintf(payload[n], sizeof payload[n], "request %d of round %d", n, round);
            begin(i, payload[n], NULL, 30000, &o[n]);
        }
        assert_int_equal(instance_room(i), 0);
        for (int n = 0; n < DEPTH; n++) {
            wait_for(&f, &o[n].done);
            assert_kind(o[n].error, ERR_NONE);
            assert_string_equal(o[n].result.output, payload[n]);
            outcome_free(&o[n]);
        }
        assert_int_equal(instance_room(i), DEPTH);
    }
    instance_unref(i);
    fixture_done(&f);
}

// What waits behind is untouched, and in time to be given to somebody else.
static void expect_untouched(struct fixture *f, struct outcome *o) {
    wait_for(f, &o->done);
    assert_true(o->result.untouched);
    assert_int_equal(o->result.exit_code, -1);
    outcome_free(o);
}

static void test_deadline_ends_one(void **state) {
    (void)state;
    need_engine("sleep.wasm");
    struct fixture f;
    struct outcome running, waiting[3];
    fixture_init(&f, "sleep.wasm");
    struct instance *i = create_limited(&f, false);
    begin(i, "", sleep_long, 300, &running);
    for (int n = 0; n < 3; n++)
        begin(i, "", sleep_1, 30000, &waiting[n]);
    wait_for(&f, &running.done);
    assert_kind(running.error, ERR_EXECUTION_TIMEOUT);
    assert_false(running.result.untouched);
    for (int n = 0; n < 3; n++)
        expect_untouched(&f, &waiting[n]);
    outcome_free(&running);
    instance_unref(i);
    fixture_done(&f);
}

static void test_taken_back(void **state) {
    (void)state;
    need_engine("sleep.wasm");
    struct fixture f;
    struct outcome running, waiting[2];
    fixture_init(&f, "sleep.wasm");
    struct instance *i = create_limited(&f, false);
    begin(i, "", sleep_long, 0, &running);
    for (int n = 0; n < 2; n++)
        begin(i, "", sleep_1, 0, &waiting[n]);
    take_back_invocations(i);
    for (int n = 0; n < 2; n++)
        expect_untouched(&f, &waiting[n]);
    assert_false(running.done);
    assert_true(cancel_invocation(i, "execution"));
    wait_for(&f, &running.done);
    outcome_free(&running);
    instance_unref(i);
    fixture_done(&f);
}

static void test_killed_worker_loses_one(void **state) {
    (void)state;
    need_engine("sleep.wasm");
    struct fixture f;
    struct outcome first, running, waiting;
    fixture_init(&f, "sleep.wasm");
    struct instance *i = create_limited(&f, false);
    begin(i, "", sleep_1, 0, &first);
    begin(i, "", sleep_long, 0, &running);
    begin(i, "", sleep_1, 0, &waiting);
    wait_for(&f, &first.done);
    outcome_free(&first);
    kill(instance_pid(i), SIGKILL);
    wait_for(&f, &running.done);
    assert_kind(running.error, ERR_RUNTIME_ERROR); // begun or not, as the signal found it
    expect_untouched(&f, &waiting);
    outcome_free(&running);
    instance_unref(i);
    fixture_done(&f);
}

static void test_stop_ends_what_runs_and_gives_the_rest_back(void **state) {
    (void)state;
    need_engine("sleep.wasm");
    struct fixture f;
    struct outcome running, waiting;
    static const char *const sleep_300[] = {"sleep", "300", NULL};
    fixture_init(&f, "sleep.wasm");
    struct instance *i = create_limited(&f, false);
    begin(i, "", sleep_300, 0, &running);
    begin(i, "", sleep_long, 0, &waiting);
    stop(&f, i, 20000);
    assert_true(running.done);
    assert_kind(running.error, ERR_NONE);
    expect_untouched(&f, &waiting);
    outcome_free(&running);
    instance_unref(i);
    fixture_done(&f);
}

// ---- a worker that lies

static void use_lying_worker(struct fixture *f) {
    f->config.worker_path = getenv("SPEAR_LYING_WORKER");
}

static void test_lies_end_the_worker(void **state) {
    (void)state;
    need_engine("echo.wasm");
    static const char *const lies[] = {"i", "o", "l", "L", "k", "s"};
    struct fixture f;
    struct outcome o;
    struct err e = {0};
    fixture_init_with(&f, "echo.wasm", use_lying_worker);
    struct instance *i = create_limited(&f, false);
    for (size_t n = 0; n < COUNT_OF(lies); n++) {
        int pid = instance_pid(i);
        run(&f, i, "fine", NULL, 30000, &o);
        assert_kind(o.error, ERR_NONE);
        outcome_free(&o);
        run(&f, i, lies[n], NULL, 30000, &o);
        assert_kind(o.error, ERR_RUNTIME_ERROR);
        assert_says(o.error, "the worker broke the protocol");
        assert_false(process_exists(pid));
        outcome_free(&o);
        if (start(&f, i, &e) < 0)
            fail_msg("%s", e.text);
    }
    instance_unref(i);
    fixture_done(&f);
}

static void test_a_text_without_end_is_cut(void **state) {
    (void)state;
    need_engine("echo.wasm");
    struct fixture f;
    struct outcome o;
    fixture_init_with(&f, "echo.wasm", use_lying_worker);
    struct instance *i = create_limited(&f, false);
    run(&f, i, "t", NULL, 30000, &o);
    assert_true(o.error.kind != ERR_NONE);
    assert_true(strlen(o.error.text) < sizeof o.error.text);
    outcome_free(&o);
    instance_unref(i);
    fixture_done(&f);
}

static void test_a_lie_about_beginning_only_repeats_its_own_task(void **state) {
    (void)state;
    need_engine("echo.wasm");
    struct fixture f;
    struct outcome o;
    fixture_init_with(&f, "echo.wasm", use_lying_worker);
    struct instance *i = create_limited(&f, false);
    run(&f, i, "u", NULL, 30000, &o);
    assert_kind(o.error, ERR_RUNTIME_ERROR);
    assert_true(o.result.untouched);
    outcome_free(&o);
    instance_unref(i);
    fixture_done(&f);
}

static void count_bytes(void *ctx, struct span bytes, bool has_head) {
    (void)ctx, (void)bytes, (void)has_head;
}

static void on_streamed(void *ctx, struct invocation_result *result, const struct err *e) {
    struct outcome *o = ctx;
    (void)result;
    o->done = true;
    if (e)
        o->error = *e;
}

static void test_a_stream_beyond_its_window_ends_the_worker(void **state) {
    (void)state;
    need_engine("echo.wasm");
    struct fixture f;
    struct outcome o = {0};
    fixture_init_with(&f, "echo.wasm", use_lying_worker);
    struct instance *i = create_limited(&f, false);
    struct invocation v = {.execution_id = "execution", .payload = span_of("w"), .output = count_bytes};
    invoke(i, &v, on_streamed, &o);
    wait_for(&f, &o.done);
    assert_kind(o.error, ERR_RUNTIME_ERROR);
    assert_says(o.error, "the worker broke the protocol");
    instance_unref(i);
    fixture_done(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strict_is_alone),
        cmocka_unit_test(test_all_answers_are_right),
        cmocka_unit_test(test_deadline_ends_one),
        cmocka_unit_test(test_taken_back),
        cmocka_unit_test(test_killed_worker_loses_one),
        cmocka_unit_test(test_stop_ends_what_runs_and_gives_the_rest_back),
        cmocka_unit_test(test_lies_end_the_worker),
        cmocka_unit_test(test_a_text_without_end_is_cut),
        cmocka_unit_test(test_a_lie_about_beginning_only_repeats_its_own_task),
        cmocka_unit_test(test_a_stream_beyond_its_window_ends_the_worker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
