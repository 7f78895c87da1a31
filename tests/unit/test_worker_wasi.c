// Host functions against a memory of 64 KiB that the test owns: bounds, counts, layouts. No engine.
#include "wasi_fixture.h"
#include "worker/engine_log.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define guest        (fixture.guest)
#define MEMORY_BYTES FIXTURE_MEMORY_BYTES

static int set_up(void **state) {
    (void)state;
    wasi_fixture_begin();
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    wasi_fixture_end();
    return 0;
}

static void every_function_is_there(void **state) {
    (void)state;
    size_t count, preview1 = 0, unstable = 0;
    const struct engine_host_function *functions = host_functions(&count);
    for (size_t i = 0; i < count; i++) {
        assert_non_null(functions[i].fn);
        assert_true(functions[i].signature.param_count <= ENGINE_PARAMS_MAX);
        preview1 += strcmp(functions[i].module, "wasi_snapshot_preview1") == 0;
        unstable += strcmp(functions[i].module, "wasi_unstable") == 0;
        assert_ptr_equal(wasi_fixture_find(functions[i].module, functions[i].name), &functions[i]); // no name twice
    }
    assert_int_equal(preview1, 46);
    assert_int_equal(unstable, 45);
}

static void strings_go_into_memory(void **state) {
    (void)state;
    assert_int_equal(CALL("args_sizes_get", 0, 8), 0);
    assert_int_equal(u32_at(0), 2);
    assert_int_equal(u32_at(8), 6);
    assert_int_equal(CALL("args_get", 16, 100), 0);
    assert_int_equal(u32_at(16), 100);
    assert_int_equal(u32_at(20), 105);
    assert_string_equal((char *)fixture.memory + 100, "prog");
    assert_string_equal((char *)fixture.memory + 105, "");
    assert_int_equal(CALL("args_get", 16, MEMORY_BYTES - 4), WASI_EFAULT);
    assert_int_equal(CALL("args_get", MEMORY_BYTES - 4, 100), WASI_EFAULT);
    assert_int_equal(CALL("args_sizes_get", 0, UINT32_MAX), WASI_EFAULT);
    assert_int_equal(CALL("environ_sizes_get", 0, 4), 0);
    assert_int_equal(CALL("environ_get", UINT32_MAX, UINT32_MAX), 0); // there is nothing to write
}

static void stdin_is_read_once(void **state) {
    (void)state;
    put_iovec(0, 0, 3);
    put_iovec(1, 10, 100);
    assert_int_equal(CALL("fd_read", 0, 1000, 2, 500), 0);
    assert_int_equal(u32_at(500), 7);
    assert_memory_equal(fixture.memory, "pay", 3);
    assert_memory_equal(fixture.memory + 10, "load", 4);
    assert_int_equal(CALL("fd_read", 0, 1000, 2, 500), 0);
    assert_int_equal(u32_at(500), 0);
    assert_int_equal(CALL("fd_read", 0, 1000, 2, MEMORY_BYTES - 3), WASI_EFAULT);
}

static void buffers_stay_inside(void **state) {
    (void)state;
    assert_int_equal(CALL("fd_write", 1, 1000, WASI_IOVECS_MAX + 1, 500), WASI_EINVAL);
    assert_int_equal(CALL("fd_write", 1, MEMORY_BYTES - 8, 2, 500), WASI_EFAULT);
    assert_int_equal(CALL("fd_write", 1, UINT32_MAX, 1, 500), WASI_EFAULT);
    put_iovec(0, MEMORY_BYTES, 1);
    assert_int_equal(CALL("fd_write", 1, 1000, 1, 500), WASI_EFAULT);
    put_iovec(0, 0xfffffff0u, 0x20);
    assert_int_equal(CALL("fd_write", 1, 1000, 1, 500), WASI_EFAULT);
    put_iovec(0, UINT32_MAX, 0);
    assert_int_equal(CALL("fd_write", 1, 1000, 1, 500), 0);
    assert_int_equal(guest.output.n, 0);
    assert_false(fixture.exits);
}

static void output_ends_at_its_limit(void **state) {
    (void)state;
    put_iovec(0, 0, 10);
    assert_int_equal(CALL("fd_write", 1, 1000, 1, 500), 0);
    assert_int_equal(u32_at(500), 10);
    assert_false(fixture.exits);
    CALL("fd_write", 1, 1000, 1, 500);
    assert_true(fixture.exits);
    assert_true(guest.output_full);
    assert_int_equal(guest.output.n, sizeof fixture.output);
}

static void logs_are_cut_silently(void **state) {
    (void)state;
    put_iovec(0, 0, 100);
    assert_int_equal(CALL("fd_write", 2, 1000, 1, 500), 0);
    assert_int_equal(u32_at(500), 100);
    assert_true(guest.log_cut);
    assert_int_equal(guest.log.n, sizeof fixture.log);
}

static void spear_log_checks_its_params(void **state) {
    (void)state;
    memcpy(fixture.memory + 40, "text", 4);
    assert_int_equal(CALL_IN("spear", "log", 2, 40, 4), 0);
    assert_int_equal(guest.log.n, 12);
    assert_memory_equal(fixture.log, "[INFO] text\n", 12);
    assert_int_equal(CALL_IN("spear", "log", 5, 40, 4), -EINVAL);
    assert_int_equal(CALL_IN("spear", "log", UINT32_MAX, 40, 4), -EINVAL);
    assert_int_equal(CALL_IN("spear", "log", 0, MEMORY_BYTES - 1, 2), -EFAULT);
    assert_int_equal(CALL_IN("spear", "log", 0, 0, 65537), -E2BIG);
    assert_int_equal(CALL_IN("spear", "log", 0, 0, UINT32_MAX), -E2BIG);
}

static void leaving_keeps_the_code(void **state) {
    (void)state;
    CALL("proc_exit", 42);
    assert_true(fixture.exits && guest.exited);
    assert_int_equal(guest.exit_code, 42);
}

static void raising_ends_as_the_signal_would(void **state) {
    (void)state;
    static const uint32_t harmless[] = {0, 16, 17, 22, 27};
    for (size_t i = 0; i < sizeof harmless / sizeof harmless[0]; i++)
        assert_int_equal(CALL("proc_raise", harmless[i]), 0);
    assert_int_equal(CALL("proc_raise", 31), WASI_EINVAL);
    assert_int_equal(CALL("proc_raise", 18), WASI_ENOTSUP); // to stop for ever
    assert_false(fixture.exits);
    assert_int_equal(CALL("proc_raise", 6), 0);
    assert_true(fixture.exits && guest.exited);
    assert_int_equal(guest.exit_code, 134);
}

static void clocks_and_the_rest(void **state) {
    (void)state;
    for (uint32_t id = 0; id < 4; id++) {
        assert_int_equal(CALL("clock_time_get", id, 0, 0), 0);
        assert_true(u64_at(0) > 0);
        assert_int_equal(CALL("clock_res_get", id, 8), 0);
        assert_true(u64_at(8) > 0);
    }
    assert_int_equal(CALL("clock_time_get", 4, 0, 0), WASI_EINVAL);
    assert_int_equal(CALL("clock_res_get", 4, 0), WASI_EINVAL);
    assert_int_equal(CALL("clock_time_get", 0, 0, MEMORY_BYTES - 7), WASI_EFAULT);
    assert_int_equal(CALL("clock_res_get", 0, MEMORY_BYTES - 7), WASI_EFAULT);
    assert_int_equal(wasi_fixture_call("wasi_snapshot_preview1", "sched_yield", NULL, 0), 0);
    assert_int_equal(CALL("random_get", 100, 64), 0);
    assert_int_equal(CALL("random_get", MEMORY_BYTES - 1, 2), WASI_EFAULT);
    assert_int_equal(CALL("fd_close", 0), 0);
    assert_int_equal(CALL("fd_read", 0, 1000, 0, 500), WASI_EBADF);
}

static void put_clock(uint32_t at, uint32_t id_offset, uint64_t userdata, uint64_t timeout_ns) {
    put_u64(at, userdata);
    fixture.memory[at + 8] = 0;
    put_u32(at + id_offset, 1);
    put_u64(at + id_offset + 8, timeout_ns);
}

static void polls_know_both_layouts(void **state) {
    (void)state;
    put_clock(0, 16, 7, 1000);
    put_clock(48, 16, 8, UINT64_MAX);
    assert_int_equal(CALL("poll_oneoff", 0, 2000, 2, 500), 0);
    assert_int_equal(u32_at(500), 1);
    assert_int_equal(u64_at(2000), 7);
    memset(fixture.memory, 0, 200);
    put_clock(0, 24, 9, UINT64_MAX);
    put_clock(56, 24, 10, 1000);
    assert_int_equal(CALL_IN("wasi_unstable", "poll_oneoff", 0, 2000, 2, 500), 0);
    assert_int_equal(u32_at(500), 1);
    assert_int_equal(u64_at(2000), 10);
}

static void polls_are_bounded(void **state) {
    (void)state;
    assert_int_equal(CALL("poll_oneoff", 0, 2000, 0, 500), WASI_EINVAL);
    assert_int_equal(CALL("poll_oneoff", 0, 2000, 0x10000001, 500), WASI_EINVAL);
    assert_int_equal(CALL("poll_oneoff", MEMORY_BYTES - 47, 2000, 1, 500), WASI_EFAULT);
    assert_int_equal(CALL("poll_oneoff", 0, MEMORY_BYTES - 31, 1, 500), WASI_EFAULT);
    assert_int_equal(CALL("poll_oneoff", 0, 2000, 1, MEMORY_BYTES - 3), WASI_EFAULT);
    fixture.memory[8] = 3;
    assert_int_equal(CALL("poll_oneoff", 0, 2000, 1, 500), WASI_EINVAL);
    fixture.memory[8] = 0;
    put_u32(16, 2); // a CPU clock stands still while one waits
    assert_int_equal(CALL("poll_oneoff", 0, 2000, 1, 500), 0);
    assert_int_equal(fixture.memory[2008], WASI_ENOTSUP);
}

static void stat_has_both_layouts(void **state) {
    (void)state;
    memset(fixture.memory, 0xff, 128);
    assert_int_equal(CALL("fd_filestat_get", 1, 0), 0);
    assert_int_equal(u64_at(24), 1);
    assert_int_equal(fixture.memory[64], 0xff);
    memset(fixture.memory, 0xff, 128);
    assert_int_equal(CALL_IN("wasi_unstable", "fd_filestat_get", 1, 0), 0);
    assert_int_equal(u32_at(20), 1);
    assert_int_equal(fixture.memory[56], 0xff);
    assert_int_equal(CALL("fd_filestat_get", 3, 0), WASI_EBADF);
}

static void the_engine_log_gives_the_place(void **state) {
    (void)state;
    struct engine_fault f;
    engine_log_parse(
        SPAN_LITERAL(
            "[2026-11-23 01:51:01.821] [error] validation failed: type mismatch, Code: 0x201\n"
            "[2026-11-23 01:51:01.821] [error]     Value stack underflow.\n"
            "[2026-11-23 01:51:01.821] [error]     In instruction: i32.add (0x65) , Bytecode offset: 0x00000023\n"
            "[2026-11-23 01:51:01.821] [error]     At AST node: expression\n"
            "[2026-11-23 01:51:01.821] [error]     At AST node: code section\n"),
        &f);
    assert_int_equal(f.offset, 0x23);
    assert_string_equal(f.detail, "Value stack underflow, in instruction i32.add, in the code section");
    engine_log_parse(SPAN_LITERAL("nonsense\n\n[error]"), &f);
    assert_int_equal(f.offset, ENGINE_LOG_NO_OFFSET);
    assert_string_equal(f.detail, "");
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(every_function_is_there),     TEST(strings_go_into_memory),         TEST(stdin_is_read_once),
        TEST(buffers_stay_inside),         TEST(output_ends_at_its_limit),       TEST(logs_are_cut_silently),
        TEST(spear_log_checks_its_params), TEST(leaving_keeps_the_code),         TEST(raising_ends_as_the_signal_would),
        TEST(clocks_and_the_rest),         TEST(polls_know_both_layouts),        TEST(polls_are_bounded),
        TEST(stat_has_both_layouts),       TEST(the_engine_log_gives_the_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
