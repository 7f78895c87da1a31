// spearlet/service_times.h: the mean, the fastest of the last, and when nothing should be concluded.
#include "unit.h"

#include "spearlet/service_times.h"

enum { SECOND_US = 1000000 };

static void note_many(struct service_times *t, uint64_t now_us, uint64_t took_us, int count) {
    for (int i = 0; i < count; i++)
        service_times_note(t, now_us, took_us);
}

static void test_few_say_nothing(void **state) {
    (void)state;
    struct service_times t = {0};
    assert_int_equal(service_times_fastest_us(&t, SECOND_US), 0);
    assert_int_equal(service_times_mean_us(&t), 0);
    note_many(&t, 100 * SECOND_US, 500, 7);
    assert_int_equal(service_times_fastest_us(&t, 100 * SECOND_US), 0);
    assert_int_equal(service_times_mean_us(&t), 500);
    service_times_note(&t, 100 * SECOND_US, 700);
    assert_int_equal(service_times_fastest_us(&t, 100 * SECOND_US), 500);
    assert_int_equal(service_times_count(&t), 8);
}

static void test_the_mean_follows(void **state) {
    (void)state;
    struct service_times t = {0};
    service_times_note(&t, SECOND_US, 1000);
    service_times_note(&t, SECOND_US, 1800);
    assert_int_equal(service_times_mean_us(&t), 1100);
    service_times_note(&t, SECOND_US, 300);
    assert_int_equal(service_times_mean_us(&t), 1000);
    note_many(&t, SECOND_US, 64, 100);
    assert_in_range(service_times_mean_us(&t), 64, 72);
}

static void test_the_old_is_forgotten(void **state) {
    (void)state;
    struct service_times t = {0};
    uint64_t now_us = 100 * SECOND_US;
    note_many(&t, now_us, 10, 8);
    note_many(&t, now_us + 11 * SECOND_US, 50, 8);
    assert_int_equal(service_times_fastest_us(&t, now_us + 11 * SECOND_US), 10); // of the period before
    note_many(&t, now_us + 22 * SECOND_US, 60, 1);
    assert_int_equal(service_times_fastest_us(&t, now_us + 22 * SECOND_US), 50);
    assert_int_equal(service_times_fastest_us(&t, now_us + 40 * SECOND_US), 0); // none of late
    note_many(&t, now_us + 90 * SECOND_US, 70, 8);
    assert_int_equal(service_times_fastest_us(&t, now_us + 90 * SECOND_US), 70);
}

static void test_guest_alone(void **state) {
    (void)state;
    struct service_times t = {0};
    assert_false(service_times_knows_guest(&t));
    for (int i = 0; i < 8; i++)
        service_times_note_guest(&t, 3);
    assert_true(service_times_knows_guest(&t));
    assert_int_equal(service_times_guest_us(&t, 1), 3);
    assert_int_equal(service_times_guest_us(&t, 10), 30);
    service_times_note_guest(&t, 10 * 1000 * 1000); // once: hardly seen
    assert_in_range(service_times_guest_us(&t, 1), 4, 20);
    for (int i = 0; i < 40; i++)
        service_times_note_guest(&t, 100000); // again and again: believed
    assert_in_range(service_times_guest_us(&t, 1), 50000, 100000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_guest_alone),
        cmocka_unit_test(test_few_say_nothing),
        cmocka_unit_test(test_the_mean_follows),
        cmocka_unit_test(test_the_old_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
