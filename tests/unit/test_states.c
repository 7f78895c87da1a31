// model/states.h: the spelling that the contract fixes.
#include "unit.h"

#include "model/states.h"

static void test_instance_states(void **state) {
    (void)state;
    static const char *const names[] = {"creating",  "starting", "ready",   "running", "busy",
                                        "unhealthy", "stopping", "stopped", "error"};
    assert_int_equal(COUNT_OF(names), INSTANCE_STATE_COUNT);
    for (int i = 0; i < INSTANCE_STATE_COUNT; i++)
        assert_string_equal(instance_state_name((enum instance_state)i), names[i]);
}

static void test_execution_states(void **state) {
    (void)state;
    static const char *const names[] = {"pending", "running", "completed", "failed", "terminated", "timeout"};
    assert_int_equal(COUNT_OF(names), EXECUTION_STATE_COUNT);
    for (int i = 0; i < EXECUTION_STATE_COUNT; i++)
        assert_string_equal(execution_state_name((enum execution_state)i), names[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_instance_states), cmocka_unit_test(test_execution_states)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
