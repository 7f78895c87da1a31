// Instances from start to stop, and every way a worker can end, through runtime.h alone with explicit module bytes.
#include "unit.h"

#include "runtime_fixture.h"

#include "base/clock.h"
#include "base/mem.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static void test_hello(void **state) {
    (void)state;
    need_engine("echo.wasm");
    struct fixture f;
    struct outcome o;
    fixture_init(&f, "echo.wasm");
    struct instance *i = create_started(&f);
    assert_int_equal(instance_state(i), INSTANCE_READY);
    assert_int_not_equal(instance_pid(i), 0);
    for (int round = 0; round < 3; round++) {
        run(&f, i, round == 1 ? "" : "hello", NULL, 5000, &o);
        assert_kind(o.error, ERR_NONE);
        assert_int_equal(o.result.exit_code, 0);
        assert_string_equal(o.result.output, round == 1 ? "" : "hello");
        outcome_free(&o);
        assert_int_equal(instance_state(i), INSTANCE_READY);
    }
    stop(&f, i, 1000);
    assert_int_equal(instance_state(i), INSTANCE_STOPPED);
    assert_int_equal(instance_pid(i), 0);
    instance_unref(i);
    fixture_done(&f);
}

static void test_large_payload(void **state) {
    (void)state;
    need_engine("echo.wasm");
    struct fixture f;
    struct outcome o;
    fixture_init(&f, "echo.wasm");
    struct instance *i = create_started(&f);
    size_t n = 16 * 1024 * 1024;
    char *payload = mem_alloc(n + 2);
    memset(payload, 'x', n + 1);
    payload[n + 1] = '\0';
    run(&f, i, payload, NULL, 20000, &o);
    assert_kind(o.error, ERR_RESOURCE_EXHAUSTED);
    assert_says(o.error, "limit.payload_bytes");
    outcome_free(&o);
    payload[n] = '\0';
    run(&f, i, payload, NULL, 20000, &o);
    assert_kind(o.error, ERR_NONE);
    assert_int_equal(o.result.output_bytes, n);
    assert_memory_equal(o.result.output, payload, n);
    outcome_free(&o);
    free(payload);
    instance_unref(i);
    fixture_done(&f);
}

static void test_states(void **state) {
    (void)state;
    need_engine("echo.wasm");
    struct fixture f;
    struct err e;
    struct outcome o;
    fixture_init(&f, "echo.wasm");
    struct instance *i = create(&f, NULL, NULL, &e);
    assert_non_null(i);
    assert_int_equal(instance_state(i), INSTANCE_STOPPED);
    run(&f, i, "x", NULL, 0, &o); // not started
    assert_kind(o.error, ERR_INSTANCE_NOT_FOUND);
    assert_says(o.error, "stopped");
    outcome_free(&o);
    stop(&f, i, 0); // before it was ever started
    assert_int_equal(start(&f, i, &e), 0);
    assert_int_equal(start(&f, i, &e), 0); // twice
    stop(&f, i, 1000);
    stop(&f, i, 1000); // twice
    assert_int_equal(instance_state(i), INSTANCE_STOPPED);
    assert_int_equal(start(&f, i, &e), 0); // again
    run(&f, i, "again", NULL, 0, &o);
    assert_string_equal(o.result.output, "again");
    outcome_free(&o);
    instance_unref(i);
    fixture_done(&f);
}

static void set_flag(void *ctx, const struct err *e) {
    assert_null(e);
    *(bool *)ctx = true;
}

static void test_start_and_stop_at_once(void **state) {
    (void)state;
    need_engine("echo.wasm");
    struct fixture f;
    struct err e;
    bool first = false, second = false, stopped = false;
    fixture_init(&f, "echo.wasm");
    struct instance *i = create(&f, NULL, NULL, &e);
    start_instance(i, set_flag, &first);
    assert_int_equal(instance_state(i), INSTANCE_STARTING);
    start_instance(i, set_flag, &second);
    wait_for(&f, &second);
    assert_true(first);
    bool also_stopped = false;
    stop_instance(i, 1000, set_flag, &stopped);
    stop_instance(i, 1000, set_flag, &also_stopped);
    wait_for(&f, &stopped);
    wait_for(&f, &also_stopped);
    instance_unref(i);
    fixture_done(&f);
}

static void expect_error(void *ctx, const struct err *e) {
    assert_non_null(e);
    *(bool *)ctx = true;
}

static void test_stop_while_starting(void **state) {
    (void)state;
    need_engine("echo.wasm");
    struct fixture f;
    struct err e;
    bool started = false, stopped = false;
    fixture_init(&f, "echo.wasm");
    struct instance *i = create(&f, NULL, NULL, &e);
    start_instance(i, expect_error, &started);
    stop_instance(i, 1000, set_flag, &stopped);
    wait_for(&f, &stopped);
    assert_true(started);
    assert_int_equal(instance_state(i), INSTANCE_STOPPED);
    instance_unref(i);
    fixture_done(&f);
}

// ---- stop during a running invocation

static const char *const sleep_briefly[] = {"sleep", "150", NULL};
static const char *const sleep_long[] = {"sleep", "60000", NULL};

static void test_stop_lets_it_end(void **state) {
    (void)state;
    need_engine("sleep.wasm");
    struct fixture f;
    struct outcome o;
    fixture_init(&f, "sleep.wasm");
    struct instance *i = create_started(&f);
    begin(i, "", sleep_briefly, 0, &o);
    assert_int_equal(instance_state(i), INSTANCE_RUNNING);
    stop(&f, i, 20000);
    assert_true(o.done);
    assert_kind(o.error, ERR_NONE);
    assert_string_equal(o.result.output, "slept 150\n");
    outcome_free(&o);
    instance_unref(i);
    fixture_done(&f);
}

static void stop_kills(uint64_t grace_ms) {
    struct fixture f;
    struct outcome o;
    fixture_init(&f, "sleep.wasm");
    struct instance *i = create_started(&f);
    int pid = instance_pid(i);
    begin(i, "", sleep_long, 0, &o);
    uint64_t before_us = clock_monotonic_us();
    stop(&f, i, grace_ms);
    uint64_t took_ms = (clock_monotonic_us() - before_us) / 1000;
    assert_true(took_ms >= grace_ms && took_ms < grace_ms + 3000);
    assert_false(process_exists(pid));
    assert_true(o.done);
    assert_kind(o.error, ERR_EXECUTION_TERMINATED);
    assert_int_equal(o.result.exit_code, -1);
    outcome_free(&o);
    instance_unref(i);
    fixture_done(&f);
}

static void test_stop_kills(void **state) {
    (void)state;
    need_engine("sleep.wasm");
    stop_kills(0);
    stop_kills(100);
}

static void test_shorter_grace_counts(void **state) {
    (void)state;
    need_engine("sleep.wasm");
    struct fixture f;
    struct outcome o;
    bool stopped = false;
    fixture_init(&f, "sleep.wasm");
    struct instance *i = create_started(&f);
    begin(i, "", sleep_long, 0, &o);
    stop_instance(i, 60000, set_flag, &stopped);
    stop(&f, i, 10);
    assert_true(stopped);
    outcome_free(&o);
    instance_unref(i);
    fixture_done(&f);
}

static void test_unref_destroys(void **state) {
    (void)state;
    need_engine("sleep.wasm");
    struct fixture f;
    struct outcome o;
    fixture_init(&f, "sleep.wasm");
    struct instance *i = create_started(&f);
    int pid = instance_pid(i);
    begin(i, "", sleep_long, 0, &o);
    instance_unref(i);
    wait_for(&f, &o.done);
    assert_kind(o.error, ERR_INSTANCE_DESTROYED);
    assert_false(process_exists(pid));
    outcome_free(&o);
    fixture_done(&f);
}

static void test_cancel(void **state) {
    (void)state;
    need_engine("sleep.wasm");
    struct fixture f;
    struct outcome o, second;
    fixture_init(&f, "sleep.wasm");
    struct instance *i = create_started(&f);
    assert_false(cancel_invocation(i, "execution"));
    begin(i, "", sleep_long, 0, &o);
    assert_int_equal(instance_room(i), 7);
    run(&f, i, "", NULL, 20, &second); // its deadline passes while it waits behind the other
    assert_kind(second.error, ERR_EXECUTION_TIMEOUT);
    outcome_free(&second);
    assert_false(cancel_invocation(i, "another"));
    assert_true(cancel_invocation(i, "execution"));
    wait_for(&f, &o.done);
    assert_kind(o.error, ERR_EXECUTION_TERMINATED);
    assert_int_equal(instance_state(i), INSTANCE_UNHEALTHY);
    outcome_free(&o);
    instance_unref(i);
    fixture_done(&f);
}

// ---- deaths

static void test_deadline(void **state) {
    (void)state;
    need_engine("spin.wasm");
    struct fixture f;
    struct outcome o;
    struct err e;
    fixture_init(&f, "spin.wasm");
    struct instance *i = create_started(&f);
    int pid = instance_pid(i);
    uint64_t before_us = clock_monotonic_us();
    run(&f, i, "", NULL, 100, &o);
    uint64_t took_ms = (clock_monotonic_us() - before_us) / 1000;
    assert_true(took_ms >= 100 && took_ms < 2000);
    assert_kind(o.error, ERR_EXECUTION_TIMEOUT);
    assert_says(o.error, "limit.time_ms");
    assert_false(process_exists(pid));
    assert_int_equal(instance_state(i), INSTANCE_UNHEALTHY);
    outcome_free(&o);
    run(&f, i, "", NULL, 100, &o);
    assert_kind(o.error, ERR_INSTANCE_NOT_FOUND);
    assert_says(o.error, "unhealthy");
    outcome_free(&o);
    assert_int_equal(start(&f, i, &e), 0); // a new worker
    assert_int_not_equal(instance_pid(i), pid);
    instance_unref(i);
    fixture_done(&f);
}

static void test_deadline_passed(void **state) {
    (void)state;
    need_engine("echo.wasm");
    struct fixture f;
    struct outcome o = {0};
    fixture_init(&f, "echo.wasm");
    struct instance *i = create_started(&f);
    begin(i, "", NULL, 0, &o);
    wait_for(&f, &o.done);
    outcome_free(&o);
    instance_unref(i);
    fixture_done(&f);
}

static void test_worker_killed(void **state) {
    (void)state;
    need_engine("sleep.wasm");
    struct fixture f;
    struct outcome o;
    struct err e;
    fixture_init(&f, "sleep.wasm");
    struct instance *i = create_started(&f);
    begin(i, "", sleep_long, 0, &o);
    kill(instance_pid(i), SIGKILL);
    wait_for(&f, &o.done);
    assert_kind(o.error, ERR_RUNTIME_ERROR);
    assert_says(o.error, "killed by the system");
    outcome_free(&o);
    assert_int_equal(start(&f, i, &e), 0);
    run(&f, i, "", sleep_briefly, 0, &o);
    assert_kind(o.error, ERR_NONE);
    outcome_free(&o);
    // and while it is idle
    kill(instance_pid(i), SIGKILL);
    wait_state(&f, i, INSTANCE_UNHEALTHY);
    stop(&f, i, 0);
    assert_int_equal(instance_state(i), INSTANCE_STOPPED);
    instance_unref(i);
    fixture_done(&f);
}

static void run_to_death(const char *module_file, const char *words) {
    struct fixture f;
    struct outcome o;
    fixture_init(&f, module_file);
    struct instance *i = create_started(&f);
    run(&f, i, "", NULL, 60000, &o);
    assert_kind(o.error, ERR_RUNTIME_ERROR);
    assert_says(o.error, words);
    outcome_free(&o);
    instance_unref(i);
    fixture_done(&f);
}

static void test_guest_failures(void **state) {
    (void)state;
    need_engine("trap.wasm");
    run_to_death("trap.wasm", "unreachable");
}

static uint64_t zygote_pid(struct fixture *f) {
    struct runtime_stats s;
    runtime_stats(f->shared, &s);
    return s.zygote_pid;
}

static void test_zygote_killed(void **state) {
    (void)state;
    need_engine("sleep.wasm");
    struct fixture f;
    struct outcome o;
    fixture_init(&f, "sleep.wasm");
    struct instance *i = create_started(&f);
    begin(i, "", sleep_briefly, 0, &o);
    uint64_t before = zygote_pid(&f);
    assert_int_not_equal(before, 0);
    kill((pid_t)before, SIGKILL);
    struct instance *next = create_started(&f); // from another zygote
    wait_for(&f, &o.done);
    assert_kind(o.error, ERR_NONE); // workers outlive their zygote
    outcome_free(&o);
    run(&f, next, "", sleep_briefly, 0, &o);
    assert_kind(o.error, ERR_NONE);
    outcome_free(&o);
    assert_int_not_equal(zygote_pid(&f), before);
    instance_unref(i);
    instance_unref(next);
    fixture_done(&f);
}

// A zygote that is killed while it makes workers: every start ends well, one way or the other.
static void test_zygote_killed_while_starting(void **state) {
    (void)state;
    need_engine("echo.wasm");
    struct fixture f;
    struct err e;
    fixture_init(&f, "echo.wasm");
    for (int round = 0; round < 20; round++) {
        bool started = false;
        struct instance *i = create(&f, NULL, NULL, &e);
        if (!i)
            fail_msg("%s", e.text);
        start_instance(i, set_flag, &started);
        uv_run(&f.loop.uv, UV_RUN_ONCE);
        pid_t zygote = (pid_t)zygote_pid(&f);
        if (zygote)
            kill(zygote, SIGKILL);
        wait_for(&f, &started);
        instance_unref(i);
    }
    fixture_done(&f);
}

static void use_no_worker(struct fixture *f) {
    f->config.worker_path = "/nonexistent/spear-worker";
}

static void test_no_worker_program(void **state) {
    (void)state;
    need_engine("echo.wasm");
    struct fixture f;
    struct err e;
    fixture_init_with(&f, "echo.wasm", use_no_worker);
    assert_null(create(&f, NULL, NULL, &e));
    assert_kind(e, ERR_INSTANCE_STARTUP_FAILED);
    assert_says(e, "/nonexistent/spear-worker");
    fixture_done(&f);
}

static void test_without_engine(void **state) {
    (void)state;
    if (runtime_has_engine())
        skip();
    struct fixture f;
    struct outcome o;
    fixture_init(&f, "types.wasm"); // assembled: there in every build
    struct instance *i = create_started(&f);
    assert_int_equal(instance_state(i), INSTANCE_READY);
    run(&f, i, "", NULL, 0, &o);
    assert_kind(o.error, ERR_NOT_SUPPORTED);
    assert_says(o.error, "-Dwasmedge=enabled");
    outcome_free(&o);
    stop(&f, i, 1000);
    instance_unref(i);
    fixture_done(&f);
}

// ---- nothing is left

static size_t count_fds(void) {
    size_t n = 0;
    DIR *directory = opendir("/proc/self/fd");
    while (readdir(directory))
        n++;
    closedir(directory);
    return n;
}

static void test_no_descriptor_left(void **state) {
    (void)state;
    need_engine("echo.wasm");
    struct fixture f;
    struct outcome o;
    size_t before = count_fds();
    fixture_init(&f, "echo.wasm");
    for (int round = 0; round < 5; round++) {
        struct instance *i = create_started(&f);
        run(&f, i, "x", NULL, 0, &o);
        outcome_free(&o);
        stop(&f, i, 1000);
        instance_unref(i);
    }
    fixture_done(&f);
    assert_int_equal(count_fds(), before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hello),
        cmocka_unit_test(test_large_payload),
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_start_and_stop_at_once),
        cmocka_unit_test(test_stop_while_starting),
        cmocka_unit_test(test_stop_lets_it_end),
        cmocka_unit_test(test_stop_kills),
        cmocka_unit_test(test_shorter_grace_counts),
        cmocka_unit_test(test_unref_destroys),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_deadline),
        cmocka_unit_test(test_deadline_passed),
        cmocka_unit_test(test_worker_killed),
        cmocka_unit_test(test_guest_failures),
        cmocka_unit_test(test_zygote_killed),
        cmocka_unit_test(test_zygote_killed_while_starting),
        cmocka_unit_test(test_no_worker_program),
        cmocka_unit_test(test_without_engine),
        cmocka_unit_test(test_no_descriptor_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
