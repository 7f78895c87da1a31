// spearlet/instance_slots.h: who gets one of the node's instances, and when somebody should give one up.
#include "unit.h"

#include "spearlet/instance_slots.h"

enum { OWNERS = 4 };

struct owner {
    struct function function;
    struct slot_waiter waiter;
    struct instance_slots *slots;
    int granted;
};

static struct loop loop;
static struct instance_slots slots;
static struct owner owners[OWNERS];

static void on_granted(void *arg) {
    struct owner *o = arg;
    instance_slots_arrived(o->slots, &o->waiter);
    o->granted++;
}

static int setup(void **state) {
    (void)state;
    assert_int_equal(loop_init(&loop, NULL), 0);
    instance_slots_init(&slots, 2);
    for (int i = 0; i < OWNERS; i++) {
        owners[i] = (struct owner){.slots = &slots};
        owners[i].waiter = (struct slot_waiter){
            .function = &owners[i].function, .loop = &loop, .granted = on_granted, .arg = &owners[i]};
    }
    return 0;
}

static int teardown(void **state) {
    (void)state;
    loop_done(&loop);
    instance_slots_done(&slots);
    return 0;
}

static bool take(int i) {
    return instance_slots_take(&slots, &owners[i].function);
}

static void line_up(int i) {
    instance_slots_wait(&slots, &owners[i].waiter);
}

static void give(int i) {
    instance_slots_give(&slots, &owners[i].function);
    loop_run(&loop);
}

static void test_taking_and_giving(void **state) {
    (void)state;
    assert_true(instance_slots_free(&slots) && take(0) && take(0));
    assert_false(instance_slots_free(&slots));
    assert_false(take(1));
    assert_int_equal(instance_slots_used(&slots), 2);
    give(0);
    assert_true(take(1));
    assert_int_equal(owners[0].function.instances, 1);
    assert_int_equal(owners[1].function.instances, 1);
}

static void test_in_line(void **state) {
    (void)state;
    assert_true(take(0) && take(0));
    line_up(1);
    line_up(1); // once is enough
    line_up(2);
    assert_true(instance_slots_wanted(&slots));
    give(0);
    assert_int_equal(owners[1].granted, 1);
    assert_int_equal(owners[2].granted, 0);
    assert_false(take(3)); // nobody overtakes
    give(0);
    assert_int_equal(owners[2].granted, 1);
    assert_false(instance_slots_wanted(&slots));
    assert_int_equal(instance_slots_used(&slots), 2);
}

static void test_who_has_least_comes_first(void **state) {
    (void)state;
    assert_true(take(0) && take(1));
    line_up(0);
    line_up(2);
    give(1);
    assert_int_equal(owners[2].granted, 1); // it had none, the other one
    assert_int_equal(owners[0].granted, 0);
}

static void test_one_that_is_free_is_given_at_once(void **state) {
    (void)state;
    line_up(0);
    loop_run(&loop);
    assert_int_equal(owners[0].granted, 1);
}

static void test_leaving(void **state) {
    (void)state;
    assert_true(take(0) && take(0));
    line_up(1);
    assert_true(instance_slots_leave(&slots, &owners[1].waiter));
    assert_true(instance_slots_leave(&slots, &owners[1].waiter));
    line_up(1);
    instance_slots_give(&slots, &owners[0].function);
    assert_false(instance_slots_leave(&slots, &owners[1].waiter)); // it is on its way
    loop_run(&loop);
    assert_int_equal(owners[1].granted, 1);
    assert_true(instance_slots_leave(&slots, &owners[1].waiter));
}

static void test_yielding(void **state) {
    (void)state;
    assert_true(take(0) && take(0));
    assert_false(instance_slots_should_yield(&slots, &owners[0].function)); // nobody waits
    line_up(0);
    assert_false(instance_slots_should_yield(&slots, &owners[0].function)); // nobody else does
    line_up(1);
    assert_true(instance_slots_should_yield(&slots, &owners[0].function));
    give(0);
    assert_int_equal(owners[1].granted, 1);
    line_up(1);
    assert_false(instance_slots_should_yield(&slots, &owners[0].function)); // both have one
    line_up(2);
    assert_true(instance_slots_should_yield(&slots, &owners[0].function));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_taking_and_giving, setup, teardown),
        cmocka_unit_test_setup_teardown(test_in_line, setup, teardown),
        cmocka_unit_test_setup_teardown(test_who_has_least_comes_first, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_that_is_free_is_given_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_leaving, setup, teardown),
        cmocka_unit_test_setup_teardown(test_yielding, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
