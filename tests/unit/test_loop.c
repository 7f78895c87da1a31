// base/loop.h: order of posts, stopping, work off the loop, timers, and an end that loses nothing.
#include "unit.h"

#include "base/clock.h"
#include "base/loop.h"

#include <pthread.h>

static struct loop loop;
static char trace[64];
static size_t trace_length;

static int set_up(void **state) {
    (void)state;
    trace_length = 0;
    memset(trace, 0, sizeof trace);
    return loop_init(&loop, NULL);
}

static int tear_down(void **state) {
    (void)state;
    loop_done(&loop);
    return 0;
}

// Adds the letter that `arg` points to.
static void note(void *arg) {
    trace[trace_length++] = *(const char *)arg;
}

static void post(const char *letter) {
    assert_true(loop_post(&loop, note, (void *)(uintptr_t)letter));
}

static void stop(void *unused) {
    (void)unused;
    loop_stop(&loop);
}

static void test_nothing_to_do_returns(void **state) {
    (void)state;
    loop_run(&loop);
    loop_run(&loop);
}

static void test_posts_run_in_order(void **state) {
    (void)state;
    post("a");
    post("b");
    post("c");
    loop_run(&loop);
    assert_string_equal(trace, "abc");
}

static void post_more(void *unused) {
    (void)unused;
    post("2");
    post("3");
}

static void test_posts_of_posts_run(void **state) {
    (void)state;
    assert_true(loop_post(&loop, post_more, NULL));
    post("1");
    loop_run(&loop);
    assert_string_equal(trace, "123");
}

static void test_stop_before_run_counts_once(void **state) {
    (void)state;
    struct loop_timer *t = loop_timer_start(&loop, 3600 * 1000, note, (void *)(uintptr_t) "x");
    loop_stop(&loop);
    loop_run(&loop); // returns although a timer is there
    loop_timer_cancel(t);
    post("a");
    loop_run(&loop);
    assert_string_equal(trace, "a");
}

static void test_stop_ends_a_busy_loop(void **state) {
    (void)state;
    loop_timer_start(&loop, 3600 * 1000, note, (void *)(uintptr_t) "x");
    post("a");
    assert_true(loop_post(&loop, stop, NULL));
    post("b"); // of the same turn
    loop_run(&loop);
    assert_string_equal(trace, "ab");
}

static void test_done_runs_waiting_posts_and_refuses_later_ones(void **state) {
    (void)state;
    struct loop other;
    assert_int_equal(loop_init(&other, NULL), 0);
    assert_true(loop_post(&other, note, (void *)(uintptr_t) "a"));
    loop_timer_start(&other, 0, note, (void *)(uintptr_t) "x"); // is dropped
    loop_done(&other);
    assert_string_equal(trace, "a");
    assert_false(loop_post(&other, note, (void *)(uintptr_t) "b"));
    assert_string_equal(trace, "a");
}

static pthread_t work_thread;

static void work(void *unused) {
    (void)unused;
    work_thread = pthread_self();
}

static void work_done(void *unused) {
    (void)unused;
    assert_false(pthread_equal(work_thread, pthread_self()));
    post("d");
}

static void test_work_runs_elsewhere_and_ends_here(void **state) {
    (void)state;
    loop_work(&loop, work, work_done, NULL);
    loop_run(&loop);
    assert_string_equal(trace, "d");
}

static void test_done_waits_for_work(void **state) {
    (void)state;
    struct loop other;
    assert_int_equal(loop_init(&other, NULL), 0);
    loop_work(&other, work, work_done, NULL);
    loop_done(&other);
    loop_run(&loop); // work_done posted here
    assert_string_equal(trace, "d");
}

static void test_timers_fire_once_in_order(void **state) {
    (void)state;
    uint64_t start = clock_monotonic_us();
    loop_timer_start(&loop, 20, note, (void *)(uintptr_t) "b");
    loop_timer_start(&loop, 0, note, (void *)(uintptr_t) "a");
    struct loop_timer *cancelled = loop_timer_start(&loop, 1, note, (void *)(uintptr_t) "x");
    loop_timer_cancel(cancelled);
    loop_timer_cancel(NULL);
    loop_run(&loop);
    assert_string_equal(trace, "ab");
    assert_true(clock_monotonic_us() - start >= 19000);
}

static struct loop_timer *own_timer;

static void cancel_itself(void *unused) {
    (void)unused;
    loop_timer_cancel(own_timer);
    trace[trace_length++] = 'f';
}

static void test_timer_may_cancel_itself(void **state) {
    (void)state;
    own_timer = loop_timer_start(&loop, 0, cancel_itself, NULL);
    loop_run(&loop);
    assert_string_equal(trace, "f");
}

enum { THREADS = 4, POSTS = 5000 };
static unsigned counts[THREADS];
static bool in_order = true;

struct numbered {
    unsigned thread, number;
};

static void count(void *arg) {
    struct numbered *n = arg;
    in_order = in_order && counts[n->thread] == n->number;
    counts[n->thread]++;
    free(n);
}

static void *post_many(void *arg) {
    unsigned thread = *(unsigned *)arg;
    for (unsigned i = 0; i < POSTS; i++) {
        struct numbered *n = NEW(struct numbered);
        *n = (struct numbered){thread, i};
        ASSERT(loop_post(&loop, count, n));
    }
    return NULL;
}

static void test_posts_from_many_threads(void **state) {
    (void)state;
    pthread_t threads[THREADS];
    unsigned numbers[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        numbers[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, post_many, &numbers[i]), 0);
    }
    loop_run(&loop);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    loop_run(&loop);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(counts[i], POSTS);
    assert_true(in_order);
}

static void leave_a_handle(void) {
    struct loop other;
    uv_idle_t idle;
    ASSERT(loop_init(&other, NULL) == 0);
    uv_idle_init(&other.uv, &idle);
    loop_done(&other);
}

static void test_foreign_handles_are_an_assertion(void **state) {
    (void)state;
    assert_true(unit_aborts(leave_a_handle));
}

#define WITH_LOOP(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_LOOP(test_nothing_to_do_returns),
        WITH_LOOP(test_posts_run_in_order),
        WITH_LOOP(test_posts_of_posts_run),
        WITH_LOOP(test_stop_before_run_counts_once),
        WITH_LOOP(test_stop_ends_a_busy_loop),
        WITH_LOOP(test_done_runs_waiting_posts_and_refuses_later_ones),
        WITH_LOOP(test_work_runs_elsewhere_and_ends_here),
        WITH_LOOP(test_done_waits_for_work),
        WITH_LOOP(test_timers_fire_once_in_order),
        WITH_LOOP(test_timer_may_cancel_itself),
        WITH_LOOP(test_posts_from_many_threads),
        cmocka_unit_test(test_foreign_handles_are_an_assertion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
