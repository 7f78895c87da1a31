// The guest's stack: code runs on it and comes back, and everything for 64 MiB below it is out of reach.
#include "worker/guest_stack.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct visit {
    uintptr_t at; // of a variable on the stack
    int calls;
};

// A build with AddressSanitizer stays on the stack it has.
static void need_switch(void) {
#ifdef __SANITIZE_ADDRESS__
    skip();
#endif
}

static int visit(void *ctx) {
    struct visit *v = ctx;
    volatile char here = 1;
    v->at = (uintptr_t)&here;
    return ++v->calls;
}

static void test_runs_there_and_comes_back(void **state) {
    (void)state;
    need_switch();
    struct visit v = {0};
    char outside;
    assert_int_equal(guest_stack_run(visit, &v), 1);
    uintptr_t first = v.at;
    assert_int_equal(guest_stack_run(visit, &v), 2);
    assert_int_equal(v.at, first); // from its top again
    uintptr_t distance = v.at > (uintptr_t)&outside ? v.at - (uintptr_t)&outside : (uintptr_t)&outside - v.at;
    assert_true(distance > GUEST_STACK_BYTES);
}

// A process of its own that writes one byte so far below the place where the guest's code stands. Gives the signal that ended it, 0 for none.
static int write_below(uintptr_t at, size_t distance) {
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        signal(SIGSEGV, SIG_DFL);
        *(volatile char *)(at - distance) = 1;
        _exit(0);
    }
    assert_true(pid > 0 && waitpid(pid, &status, 0) == pid);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void test_guard(void **state) {
    (void)state;
    need_switch();
    struct visit v = {0};
    guest_stack_run(visit, &v);
    assert_int_equal(write_below(v.at, GUEST_STACK_BYTES / 2), 0); // that is stack
    for (size_t distance = GUEST_STACK_BYTES; distance < GUEST_STACK_GUARD_BYTES; distance += 4 * 1024 * 1024)
        assert_int_equal(write_below(v.at, distance), SIGSEGV);
    assert_int_equal(write_below(v.at, GUEST_STACK_GUARD_BYTES), SIGSEGV);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_runs_there_and_comes_back), cmocka_unit_test(test_guard)};
    if (guest_stack_reserve(NULL))
        return EXIT_FAILURE;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
