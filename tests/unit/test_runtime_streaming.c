// Streamed output as runtime.h promises it: piece by piece, never more than the window ahead of what was taken.
#include "unit.h"

#include "runtime_fixture.h"

#include "base/clock.h"

enum { WINDOW = 256 * 1024, TOTAL = 3 * 1000 * 1000 };

struct streaming {
    struct fixture f;
    struct instance *instance;
    uint64_t given, untaken, pieces;
    bool takes; // at once
    bool in_order;
    bool reached; // `target` bytes were given
    uint64_t target;
    bool done;
    struct err error;
    size_t output_bytes;
};

// What trickle.wasm's "bytes" writes.
static char byte_at(uint64_t at) {
    return (char)('a' + at / 65536 % 26);
}

static void on_output(void *ctx, struct span bytes, bool has_head) {
    struct streaming *s = ctx;
    assert_false(has_head);
    assert_true(bytes.n > 0);
    for (size_t i = 0; i < bytes.n; i++)
        s->in_order &= bytes.p[i] == byte_at(s->given + i);
    s->given += bytes.n;
    s->untaken += bytes.n;
    s->pieces++;
    assert_true(s->untaken <= WINDOW);
    s->reached |= s->target && s->given >= s->target;
    if (!s->takes)
        return;
    uint64_t taken = s->untaken;
    s->untaken = 0;
    invocation_output_taken(s->instance, "someone else", 1);
    invocation_output_taken(s->instance, "execution", taken);
}

static void on_done(void *ctx, struct invocation_result *result, const struct err *e) {
    struct streaming *s = ctx;
    s->done = true;
    s->output_bytes = result->output_bytes;
    if (e)
        s->error = *e;
}

static void begin_stream(struct streaming *s, const char *const *args, size_t arg_count) {
    struct invocation v = {.execution_id = "execution",
                           .invocation_id = "invocation",
                           .args = args,
                           .arg_count = arg_count,
                           .deadline_us = clock_monotonic_us() + 60000000u,
                           .output = on_output};
    s->given = s->untaken = s->pieces = 0;
    s->reached = s->done = false;
    s->in_order = true;
    err_clear(&s->error);
    invoke(s->instance, &v, on_done, s);
}

static void setup(struct streaming *s) {
    need_engine("trickle.wasm");
    *s = (struct streaming){0};
    fixture_init(&s->f, "trickle.wasm");
    s->instance = create_started(&s->f);
}

static void teardown(struct streaming *s) {
    instance_unref(s->instance);
    fixture_done(&s->f);
}

static const char *const write_total[] = {"trickle", "bytes", "3000000"};

static void test_whole(void **state) {
    (void)state;
    struct streaming s;
    setup(&s);
    for (int round = 0; round < 3; round++) {
        s.takes = true;
        begin_stream(&s, write_total, 3);
        wait_for(&s.f, &s.done);
        assert_kind(s.error, ERR_NONE);
        assert_int_equal(s.given, TOTAL);
        assert_true(s.in_order);
        assert_true(s.pieces > 10);
        assert_int_equal(s.output_bytes, 0);
        assert_int_equal(instance_state(s.instance), INSTANCE_READY);
    }
    teardown(&s);
}

// The guest goes as far as the window and no further, and on with what is given back, whatever the steps.
static void test_waits_for_room(void **state) {
    (void)state;
    struct streaming s;
    setup(&s);
    s.target = WINDOW;
    begin_stream(&s, write_total, 3);
    wait_for(&s.f, &s.reached);
    assert_int_equal(s.given, WINDOW);
    uint64_t step = 1000;
    while (s.given < TOTAL) {
        uint64_t part = step < s.untaken ? step : s.untaken;
        assert_false(s.done);
        s.untaken -= part;
        step = step * 3 % 100003 + 1;
        // A quarter is what has to be given back before the guest hears of it.
        s.reached = s.untaken > WINDOW - WINDOW / 4;
        s.target = s.given + 1;
        invocation_output_taken(s.instance, "execution", part);
        wait_for(&s.f, &s.reached);
    }
    wait_for(&s.f, &s.done);
    assert_kind(s.error, ERR_NONE);
    assert_int_equal(s.given, TOTAL);
    assert_true(s.in_order);
    teardown(&s);
}

static void test_stop_and_cancel_while_it_waits(void **state) {
    (void)state;
    struct streaming s;
    setup(&s);
    s.target = WINDOW;
    begin_stream(&s, write_total, 3);
    wait_for(&s.f, &s.reached);
    assert_true(cancel_invocation(s.instance, "execution"));
    wait_for(&s.f, &s.done);
    assert_kind(s.error, ERR_EXECUTION_TERMINATED);
    invocation_output_taken(s.instance, "execution", WINDOW); // too late: nothing happens
    struct err e;
    wait_state(&s.f, s.instance, INSTANCE_UNHEALTHY);
    assert_int_equal(start(&s.f, s.instance, &e), 0);
    begin_stream(&s, write_total, 3);
    wait_for(&s.f, &s.reached);
    stop(&s.f, s.instance, 50); // nobody takes anything: the grace period passes
    wait_for(&s.f, &s.done);
    assert_kind(s.error, ERR_EXECUTION_TERMINATED);
    teardown(&s);
}

static void test_failure_after_output(void **state) {
    (void)state;
    static const char *const traps[] = {"trickle", "trap"};
    struct streaming s;
    setup(&s);
    s.takes = true;
    begin_stream(&s, traps, 2);
    wait_for(&s.f, &s.done);
    assert_kind(s.error, ERR_RUNTIME_ERROR);
    assert_int_equal(s.given, 6);
    teardown(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_waits_for_room),
        cmocka_unit_test(test_stop_and_cancel_while_it_waits),
        cmocka_unit_test(test_failure_after_output),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
