// spearlet/task_health.h: how many crashes make a task unhealthy, for how long, and what ends it.
#include "unit.h"

#include "spearlet/task_health.h"

static uint64_t crash(struct task_health *h, uint64_t now_ms) {
    return task_health_crashed(h, now_ms * 1000, "it died");
}

static void test_a_few_are_nothing(void **state) {
    (void)state;
    struct task_health h;
    task_health_init(&h);
    for (int turn = 0; turn < 3; turn++) {
        for (int i = 1; i < TASK_CRASHES_MAX; i++)
            assert_int_equal(crash(&h, 10), 0);
        assert_false(task_health_is_unhealthy(&h));
        assert_false(task_health_answered(&h));
    }
    task_health_done(&h);
}

static void test_the_time_doubles(void **state) {
    (void)state;
    struct task_health h;
    uint64_t now_ms = 10;
    task_health_init(&h);
    for (int i = 1; i < TASK_CRASHES_MAX; i++)
        crash(&h, now_ms);
    for (uint64_t wanted_ms = TASK_BACKOFF_FIRST_MS; wanted_ms < TASK_BACKOFF_MAX_MS; wanted_ms *= 2) {
        assert_int_equal(crash(&h, now_ms), wanted_ms);
        assert_int_equal(task_health_wait_ms(&h, now_ms * 1000), wanted_ms);
        assert_int_equal(crash(&h, now_ms), 0); // died together with the one before
        now_ms += wanted_ms;
        assert_int_equal(task_health_wait_ms(&h, now_ms * 1000), 0);
        assert_true(task_health_is_unhealthy(&h)); // until something answers
    }
    for (int i = 0; i < 100; i++, now_ms += TASK_BACKOFF_MAX_MS)
        assert_int_equal(crash(&h, now_ms), TASK_BACKOFF_MAX_MS);
    assert_true(task_health_answered(&h));
    assert_false(task_health_answered(&h));
    assert_int_equal(task_health_wait_ms(&h, now_ms * 1000), 0);
    assert_int_equal(crash(&h, now_ms), 0);
    task_health_done(&h);
}

static void test_what_is_said(void **state) {
    (void)state;
    struct task_health h;
    struct task_health_view view;
    struct err e;
    task_health_init(&h);
    for (int i = 0; i < TASK_CRASHES_MAX; i++)
        crash(&h, 10);
    task_health_view(&h, 10 * 1000, &view);
    assert_true(view.is_unhealthy);
    assert_int_equal(view.crashes, TASK_CRASHES_MAX);
    assert_string_equal(view.reason, "it died");
    assert_int_equal(task_health_refuse(&h, 10 * 1000, "mine", &e), -1);
    assert_int_equal(e.kind, ERR_UNAVAILABLE);
    assert_non_null(strstr(e.text, "\"mine\""));
    assert_non_null(strstr(e.text, "it died"));
    assert_non_null(strstr(e.text, "1000 ms"));
    task_health_done(&h);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_few_are_nothing),
        cmocka_unit_test(test_the_time_doubles),
        cmocka_unit_test(test_what_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
