// The real spear-worker, driven through ipc/worker_protocol.h: roles, results, limits, ends.
#include "test_worker_client.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"

#include <cmocka.h>

static struct client_zygote zygote;

static int start(void **state) {
    (void)state;
    client_zygote_start(&zygote);
    return 0;
}

static int end(void **state) {
    (void)state;
    client_zygote_stop(&zygote);
    return 0;
}

static void assert_text(struct span found, const char *wanted) {
    if (!span_equal_text(found, wanted))
        fail_msg("found '%.*s', wanted '%s'", SPAN_ARGS(found), wanted);
}

static void assert_has(const char *text, const char *part) {
    if (!strstr(text, part))
        fail_msg("'%s' does not say '%s'", text, part);
}

static void stop(struct client_worker *w) {
    struct ipc_stop message = {.header = {IPC_VERSION, IPC_STOP, sizeof message, 5}};
    client_send(w, &message, sizeof message);
    ring_call(&w->ring);
    assert_int_equal(client_receive(w), IPC_STOPPED);
    assert_int_equal(w->last.header.id, 5);
    assert_int_equal(client_reap(w), IPC_EXIT_STOPPED);
    client_close(w);
}

static void hello_answers_and_stops(void **state) {
    (void)state;
    struct client_worker w;
    client_serve(&zygote, &w, "samples/hello.wasm");
    const struct ipc_result *r = client_call(&w, &(struct client_call){.args = {"hello.wasm", "there"},
                                                                       .environment = {"GREETING=Good day"},
                                                                       .payload = SPAN_LITERAL("abc\n")});
    assert_int_equal(r->kind, ERR_NONE);
    assert_int_equal(r->exit_code, 0);
    assert_text(client_output(&w), "Good day, there!\nABC\n");
    assert_text(client_log(&w), "hello: 4 bytes of payload, 2 arguments\n");
    assert_int_equal(r->flags, 0);
    r = client_call(&w, &(struct client_call){.function = "__spear_default_entry__", .args = {"hello.wasm"}});
    assert_int_equal(r->kind, ERR_NONE);
    assert_text(client_output(&w), "Hello, world!\n");
    stop(&w);
}

static void echo_is_exact(void **state) {
    (void)state;
    enum { BYTES = 1 << 20 };
    struct client_worker w;
    char *payload = malloc(BYTES);
    for (size_t i = 0; i < BYTES; i++)
        payload[i] = (char)(i * 2654435761u >> 13);
    client_serve(&zygote, &w, "tests/guests/echo.wasm");
    const struct ipc_result *r = client_call(&w, &(struct client_call){.payload = span_make(payload, BYTES)});
    assert_int_equal(r->kind, ERR_NONE);
    assert_true(span_equal(client_output(&w), span_make(payload, BYTES)));
    stop(&w);
    free(payload);
}

static void what_a_guest_sees(void **state) {
    (void)state;
    struct client_worker w;
    client_serve(&zygote, &w, "tests/guests/dump.wasm");
    client_call(&w, &(struct client_call){.args = {"d", "", "\"x\""},
                                          .environment = {"A=1", "B=", "C=x=y"},
                                          .payload = SPAN_LITERAL("12345")});
    assert_text(
        client_output(&w),
        "{\"args\":[\"d\",\"\",\"\\\"x\\\"\"],\"env\":{\"A\":\"1\",\"B\":\"\",\"C\":\"x=y\"},\"stdin_bytes\":5}\n");
    client_call(&w, &(struct client_call){0});
    assert_text(client_output(&w), "{\"args\":[],\"env\":{},\"stdin_bytes\":0}\n");
    stop(&w);
}

static void guests_check_the_host(void **state) {
    (void)state;
    static const char *const guests[] = {"tests/guests/wasi.wasm", "tests/guests/abi.wasm"};
    for (size_t i = 0; i < 2; i++) {
        struct client_worker w;
        client_serve(&zygote, &w, guests[i]);
        client_call(&w, &(struct client_call){0});
        assert_text(client_output(&w), "ok\n");
        stop(&w);
    }
}

static void logs_are_kept_in_order(void **state) {
    (void)state;
    struct client_worker w;
    client_serve(&zygote, &w, "tests/guests/lines.wasm");
    client_call(&w, &(struct client_call){.args = {"l", "2"}});
    assert_text(client_log(&w), "line 1\nline 2\n[WARN] the last line\n");
    assert_text(client_output(&w), "done\n");
    stop(&w);
}

static void failures_have_kinds_and_codes(void **state) {
    (void)state;
    struct client_worker w;
    client_serve(&zygote, &w, "samples/exit3.wasm");
    const struct ipc_result *r = client_call(&w, &(struct client_call){0});
    assert_int_equal(r->kind, ERR_RUNTIME_ERROR);
    assert_int_equal(r->exit_code, 3);
    assert_has(r->text, "the guest exited with code 3");
    assert_text(client_output(&w), "leaving with 3\n");
    assert_text(client_log(&w), "exit3: as asked\n");
    stop(&w);

    client_serve(&zygote, &w, "samples/trap.wasm");
    r = client_call(&w, &(struct client_call){0});
    assert_int_equal(r->kind, ERR_RUNTIME_ERROR);
    assert_int_equal(r->exit_code, 134);
    assert_has(r->text, "trap: unreachable executed");
    assert_text(client_output(&w), "about to trap\n");
    r = client_call(&w, &(struct client_call){0}); // and it goes on
    assert_int_equal(r->exit_code, 134);
    stop(&w);
}

static void start_functions(void **state) {
    (void)state;
    struct client_worker w;
    client_serve(&zygote, &w, "tests/guests/start_exits.wasm");
    const struct ipc_result *r = client_call(&w, &(struct client_call){0});
    assert_int_equal(r->kind, ERR_RUNTIME_ERROR);
    assert_int_equal(r->exit_code, 9);
    stop(&w);
    client_serve(&zygote, &w, "tests/guests/start_traps.wasm");
    r = client_call(&w, &(struct client_call){0});
    assert_int_equal(r->kind, ERR_RUNTIME_ERROR);
    assert_has(r->text, "trap: unreachable executed in the start function");
    stop(&w);
}

static void output_and_log_have_limits(void **state) {
    (void)state;
    struct client_worker w;
    client_serve(&zygote, &w, "tests/guests/flood.wasm");
    const struct ipc_result *r = client_call(&w, &(struct client_call){.args = {"f"}});
    assert_int_equal(r->kind, ERR_RESOURCE_EXHAUSTED);
    assert_has(r->text, "limit.output_bytes (1048576) reached");
    assert_int_equal(r->output_bytes, CLIENT_OUTPUT_BYTES);
    r = client_call(&w, &(struct client_call){.args = {"f", "1048576", "65536"}});
    assert_int_equal(r->kind, ERR_NONE);
    assert_int_equal(r->flags, IPC_RESULT_LARGE);
    assert_int_equal(r->log_bytes, 65536);
    r = client_call(&w, &(struct client_call){.args = {"f", "1", "65537"}});
    assert_int_equal(r->kind, ERR_NONE);
    assert_int_equal(r->flags, IPC_RESULT_LOG_CUT | IPC_RESULT_LARGE);
    assert_int_equal(r->log_bytes, 65536);
    stop(&w);
}

static void memory_has_a_limit(void **state) {
    (void)state;
    struct client_worker w;
    client_limits.memory_bytes = 16 << 20;
    client_serve(&zygote, &w, "tests/guests/hog.wasm");
    const struct ipc_result *r = client_call(&w, &(struct client_call){0});
    assert_int_equal(r->kind, ERR_NONE);
    assert_text(client_output(&w), "15 MiB\n");
    stop(&w);
    client_limits_default();
}

static void recursion_ends_one_worker(void **state) {
    (void)state;
    struct client_worker w;
    client_serve(&zygote, &w, "tests/guests/recurse.wasm");
    client_limits_default();
    client_call_send(&w, &(struct client_call){0});
    assert_int_equal(client_receive(&w), 0);
    int status = client_reap(&w);
#ifndef __SANITIZE_ADDRESS__ // there the allocator ends the process in its own way
    assert_int_equal(status, IPC_EXIT_STACK_EXHAUSTED);
#endif
    assert_int_not_equal(status, 0);
    client_close(&w);
}

static void native_code_is_stripped(void **state) {
    (void)state;
    struct client_worker w;
    struct span module, prepared;
    char *path = NULL;
    assert_true(asprintf(&path, "%s/tests/guests/native.wasm", getenv("SPEAR_BUILD")) > 0);
    int missing = access(path, R_OK);
    free(path);
    if (missing)
        skip();
    module = client_file("tests/guests/native.wasm");
    assert_int_equal(client_prepare(&zygote, module, &prepared, &w), 0);
    assert_false(span_contains(prepared, SPAN_LITERAL("wasmedge")));
    assert_true(prepared.n < 64);
    free((void *)(uintptr_t)prepared.p);
    // Given to a worker as it is, the engine still runs the bytecode (1) and not the native code (2).
    client_spawn(&zygote, &w, IPC_ROLE_SERVE, module);
    assert_int_equal(client_receive(&w), IPC_SPAWNED);
    assert_int_equal(client_receive(&w), IPC_READY);
    client_call(&w, &(struct client_call){.function = "value"});
    assert_text(client_reply(&w), "[1]");
    stop(&w);
    free((void *)(uintptr_t)module.p);
}

static void refusals_name_what_is_wrong(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"bad_import",
         "unknown import \"env\".\"emscripten_notify_memory_growth\": the module was built by Emscripten"},
        {"bad_spear", "unknown import \"spear\".\"cchat_create\": this node does not have it, \"spear\" has "
                      "time_now_ms() -> (i64), log(i32, i32, "
                      "i32) -> (i32)"},
        {"bad_type", "import \"wasi_snapshot_preview1\".\"fd_write\" has type (i32, i32) -> (i32), the host's is (i32, "
                     "i32, i32, i32) -> (i32)"},
        {"component", "WebAssembly component"},
        {"bad_body", "): Value stack underflow, in instruction i32.add, in the code section"},
        {"bad_body", "offset 51: invalid module: type mismatch"}, // a custom section of 16 bytes stands before it
        {"big_memory", "memory minimum 200 MiB is above limit.memory_bytes 128 MiB"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char name[64];
        struct client_worker w;
        struct span prepared;
        snprintf(name, sizeof name, "tests/guests/%s.wasm", cases[i][0]);
        struct span module = client_file(name);
        assert_int_equal(client_prepare(&zygote, module, &prepared, &w), -1);
        assert_int_equal(w.last.failed.kind, ERR_INVALID_CONFIGURATION);
        assert_has(w.last.failed.text, cases[i][1]);
        free((void *)(uintptr_t)module.p);
    }
}

static void empty_modules_are_refused(void **state) {
    (void)state;
    struct client_worker w;
    struct span prepared;
    assert_int_equal(client_prepare(&zygote, (struct span){0}, &prepared, &w), -1);
    assert_has(w.last.failed.text, "missing WASM magic header");
}

static void expect_malformed(struct client_worker *w) {
    assert_int_equal(client_receive(w), IPC_FAILED);
    assert_int_equal(w->last.failed.kind, ERR_INTERNAL);
    assert_has(w->last.failed.text, "malformed message");
    assert_int_equal(client_reap(w), IPC_EXIT_FAILED);
    client_close(w);
}

static void malformed_messages_end_the_worker(void **state) {
    (void)state;
    struct ipc_stop good = {.header = {IPC_VERSION, IPC_STOP, sizeof good, 0}};
    struct ipc_stop cases[] = {good, good, good, good};
    cases[0].header.version = 9;
    cases[1].header.size = 3;
    cases[2].header.type = 200;
    cases[3].header.type = IPC_READY;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct client_worker w;
        client_serve(&zygote, &w, "samples/add.wasm");
        client_send(&w, &cases[i], sizeof cases[i]);
        ring_call(&w.ring);
        expect_malformed(&w);
    }
}

static void malformed_invocations_end_the_worker(void **state) {
    (void)state;
    struct ipc_invoke cases[] = {{.strings_bytes = UINT64_MAX},
                                 {.strings_bytes = 2, .payload_bytes = UINT64_MAX},
                                 {.strings_bytes = 2, .payload_bytes = IPC_SLOT_INPUT_BYTES - 1},
                                 {.strings_bytes = 2, .arg_count = UINT32_MAX},
                                 {.strings_bytes = 65537, .flags = IPC_INVOKE_LARGE},
                                 {.strings_bytes = 2, .stream_bytes = CLIENT_OUTPUT_BYTES + 1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct client_worker w;
        client_serve(&zygote, &w, "samples/add.wasm");
        unsigned slot = (unsigned)ring_reserve(&w.ring);
        w.ring.shared->slots[slot].invoke = cases[i];
        ring_submit(&w.ring, slot);
        ring_wake(&w.ring);
        expect_malformed(&w);
    }
    struct client_worker w;
    client_serve(&zygote, &w, "samples/add.wasm");
    atomic_store(&w.ring.shared->order[0], 99);
    atomic_store(&w.ring.shared->submitted, 1);
    ring_call(&w.ring);
    expect_malformed(&w);
}

// A full ring is answered in order, each in its own slot; what outgrows its slot waits until the others are read.
static void several_wait_in_the_ring(void **state) {
    (void)state;
    enum { ROUNDS = 50, LONG = 40000 };
    struct client_worker w;
    char *payload = malloc(LONG);
    client_serve(&zygote, &w, "tests/guests/echo.wasm");
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < IPC_RING_SLOTS; i++) {
            memset(payload, 'a' + (round + i) % 26, LONG);
            client_call_send(&w, &(struct client_call){.payload = span_make(payload, (size_t)(i * LONG / 8))});
        }
        for (int i = 0; i < IPC_RING_SLOTS; i++) {
            memset(payload, 'a' + (round + i) % 26, LONG);
            assert_true(client_call_wait(&w));
            assert_true(span_equal(client_output(&w), span_make(payload, (size_t)(i * LONG / 8))));
        }
    }
    stop(&w);
    free(payload);
    client_serve(&zygote, &w, "tests/guests/flood.wasm");
    for (int i = 0; i < IPC_RING_SLOTS; i++)
        client_call_send(&w, &(struct client_call){.args = {"f", i % 2 ? "100000" : "100", "20000"}});
    for (int i = 0; i < IPC_RING_SLOTS; i++) {
        assert_true(client_call_wait(&w));
        assert_int_equal(w.result.flags, IPC_RESULT_LARGE);
        assert_int_equal(client_output(&w).n, i % 2 ? 100000 : 100);
        assert_int_equal(client_log(&w).n, 20000);
    }
    stop(&w);
}

static void what_is_withdrawn_is_not_run(void **state) {
    (void)state;
    struct client_worker w;
    client_serve(&zygote, &w, "tests/guests/sleep.wasm");
    siginfo_t info;
    kill(w.pid, SIGSTOP);
    assert_int_equal(waitid(P_PIDFD, (id_t)w.pidfd, &info, WSTOPPED), 0);
    client_call_send(&w, &(struct client_call){.args = {"s", "1"}});
    unsigned second = client_call_send(&w, &(struct client_call){.args = {"s", "60000"}});
    client_call_send(&w, &(struct client_call){.args = {"s", "1"}});
    assert_true(ring_withdraw(&w.ring, second));
    assert_false(ring_withdraw(&w.ring, second));
    kill(w.pid, SIGCONT);
    for (int i = 0; i < 3; i++) // the second one's result is nobody's
        assert_true(client_call_wait(&w));
    stop(&w);
}

static void malformed_spawns_do_not_end_the_zygote(void **state) {
    (void)state;
    struct client_worker w;
    assert_int_equal(send(zygote.socket, "x", 1, MSG_NOSIGNAL), 1);
    client_spawn(&zygote, &w, (enum ipc_role)7, SPAN_LITERAL("x"));
    assert_int_equal(client_receive(&w), IPC_FAILED);
    assert_has(w.last.failed.text, "unknown role 7");
    assert_int_equal(client_receive(&w), 0);
    client_close(&w);
    static const struct {
        uint32_t count;
        const char *words;
    } grants[] = {{1, "4 descriptors, 6 were expected"}, {17, "17 grants"}, {UINT32_MAX, "4294967295 grants"}};
    for (size_t i = 0; i < sizeof grants / sizeof grants[0]; i++) {
        client_grant_count = grants[i].count;
        client_spawn(&zygote, &w, IPC_ROLE_SERVE, SPAN_LITERAL("x"));
        assert_int_equal(client_receive(&w), IPC_FAILED);
        assert_has(w.last.failed.text, grants[i].words);
        client_close(&w);
    }
    client_grant_count = 0;
    client_serve(&zygote, &w, "samples/add.wasm");
    stop(&w);
}

static void a_closed_socket_ends_the_worker(void **state) {
    (void)state;
    struct client_worker w;
    client_serve(&zygote, &w, "samples/add.wasm");
    close(w.control);
    w.control = -1;
    ring_call(&w.ring);
    assert_int_equal(client_reap(&w), IPC_EXIT_ORPHANED);
    client_close(&w);
}

static void workers_outlive_the_zygote(void **state) {
    (void)state;
    struct client_zygote other;
    struct client_worker w;
    client_zygote_start(&other);
    client_serve(&other, &w, "samples/hello.wasm");
    kill(other.pid, SIGKILL);
    waitpid(other.pid, NULL, 0);
    close(other.socket);
    const struct ipc_result *r = client_call(&w, &(struct client_call){0});
    assert_int_equal(r->kind, ERR_NONE);
    stop(&w);
}

// A starter that dies takes zygote and workers along, even one that is in the middle of a guest. This process adopts what is left behind, so it sees
// the end of both.
static void nothing_outlives_its_starter(void **state) {
    (void)state;
    int pids[2];
    assert_int_equal(pipe(pids), 0);
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    pid_t starter = fork();
    if (starter == 0) {
        struct client_zygote own;
        struct client_worker w;
        client_zygote_start(&own);
        client_serve(&own, &w, "tests/guests/spin.wasm");
        client_call_send(&w, &(struct client_call){0});
        int both[2] = {own.pid, w.pid};
        if (write(pids[1], both, sizeof both) != sizeof both)
            abort();
        pause();
        _exit(1);
    }
    int both[2];
    assert_int_equal(read(pids[0], both, sizeof both), sizeof both);
    kill(starter, SIGKILL);
    waitpid(starter, NULL, 0);
    alarm(CLIENT_WAIT_MS / 1000);
    for (int i = 0; i < 2; i++) {
        int status = 0;
        assert_int_equal(waitpid(both[i], &status, 0), both[i]);
        assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
    }
    alarm(0);
    close(pids[0]);
    close(pids[1]);
}

static void a_spinning_guest_is_killed_by_its_pidfd(void **state) {
    (void)state;
    struct client_worker w;
    client_serve(&zygote, &w, "tests/guests/spin.wasm");
    client_call_send(&w, &(struct client_call){0});
    kill(w.pid, SIGKILL);
    assert_int_equal(client_receive(&w), 0);
    assert_int_equal(client_reap(&w), 1000 + SIGKILL);
    client_close(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hello_answers_and_stops),
        cmocka_unit_test(echo_is_exact),
        cmocka_unit_test(what_a_guest_sees),
        cmocka_unit_test(guests_check_the_host),
        cmocka_unit_test(logs_are_kept_in_order),
        cmocka_unit_test(failures_have_kinds_and_codes),
        cmocka_unit_test(start_functions),
        cmocka_unit_test(output_and_log_have_limits),
        cmocka_unit_test(memory_has_a_limit),
        cmocka_unit_test(recursion_ends_one_worker),
        cmocka_unit_test(native_code_is_stripped),
        cmocka_unit_test(refusals_name_what_is_wrong),
        cmocka_unit_test(empty_modules_are_refused),
        cmocka_unit_test(malformed_messages_end_the_worker),
        cmocka_unit_test(malformed_invocations_end_the_worker),
        cmocka_unit_test(several_wait_in_the_ring),
        cmocka_unit_test(what_is_withdrawn_is_not_run),
        cmocka_unit_test(malformed_spawns_do_not_end_the_zygote),
        cmocka_unit_test(a_closed_socket_ends_the_worker),
        cmocka_unit_test(workers_outlive_the_zygote),
        cmocka_unit_test(nothing_outlives_its_starter),
        cmocka_unit_test(a_spinning_guest_is_killed_by_its_pidfd),
    };
    return cmocka_run_group_tests(tests, start, end);
}
