// base/loop_group.h: a thread a loop, one stop for all, and loops that wait for work.
#include "unit.h"

#include "base/loop_group.h"

#include <pthread.h>

static struct loop_group *make(size_t count) {
    struct loop_group *g = NULL;
    struct err e;
    if (loop_group_new(count, &g, &e) < 0)
        fail_msg("%s", e.text);
    return g;
}

static void test_counts_and_indexes(void **state) {
    (void)state;
    struct loop_group *g = make(3);
    assert_int_equal(loop_group_count(g), 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(loop_group_index(g, loop_group_at(g, i)), i);
    loop_group_free(g); // never run
    loop_group_free(NULL);
    g = make(0);
    assert_true(loop_group_count(g) >= 1 && loop_group_count(g) <= 64);
    loop_group_free(g);
    g = make(1000);
    assert_int_equal(loop_group_count(g), 64);
    loop_group_free(g);
}

struct visit {
    struct loop_group *group;
    size_t index;
    pthread_t threads[4];
};

// Goes from loop to loop, noting the thread of each, and stops the group at the end.
static void visit_next(void *arg) {
    struct visit *v = arg;
    v->threads[v->index++] = pthread_self();
    if (v->index < loop_group_count(v->group))
        ASSERT(loop_post(loop_group_at(v->group, v->index), visit_next, v));
    else
        loop_group_stop(v->group);
}

static void test_every_loop_has_its_thread(void **state) {
    (void)state;
    struct visit v = {.group = make(4)};
    assert_true(loop_post(loop_group_at(v.group, 0), visit_next, &v));
    loop_group_run(v.group);
    assert_int_equal(v.index, 4);
    assert_true(pthread_equal(v.threads[0], pthread_self()));
    for (size_t i = 1; i < 4; i++)
        for (size_t j = 0; j < i; j++)
            assert_false(pthread_equal(v.threads[i], v.threads[j]));
    loop_group_free(v.group);
}

static void *stop_from_outside(void *group) {
    loop_group_stop(group);
    loop_group_stop(group);
    return NULL;
}

static void test_waits_for_a_stop_from_another_thread(void **state) {
    (void)state;
    struct loop_group *g = make(2);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, stop_from_outside, g), 0);
    loop_group_run(g);
    assert_int_equal(pthread_join(thread, NULL), 0);
    loop_group_free(g);
}

static void increment(void *counter) {
    __atomic_add_fetch((int *)counter, 1, __ATOMIC_RELAXED);
}

static void test_posts_before_the_stop_run(void **state) {
    (void)state;
    struct loop_group *g = make(4);
    int counter = 0;
    for (size_t i = 0; i < 400; i++)
        assert_true(loop_post(loop_group_at(g, i % 4), increment, &counter));
    loop_group_stop(g);
    loop_group_run(g);
    loop_group_free(g);
    assert_int_equal(counter, 400);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts_and_indexes),
        cmocka_unit_test(test_every_loop_has_its_thread),
        cmocka_unit_test(test_waits_for_a_stop_from_another_thread),
        cmocka_unit_test(test_posts_before_the_stop_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
