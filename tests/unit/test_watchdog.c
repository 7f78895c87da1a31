// base/watchdog.h: fed while every loop is alive, and only then.
#include "unit.h"

#include "base/loop_group.h"
#include "base/watchdog.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { LOOPS = 3, HELD_MS = 100, LOOK_MS = 5 };

static struct {
    struct loop_group *loops;
    int receiver;
    uv_sem_t hold;
    int fed_while_held, fed;
} t;

static void listen_for_it(void) {
    AUTO_FREE char *name = mem_printf("@spear-watchdog-%d", (int)getpid());
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path + 1, name + 1, strlen(name) - 1);
    t.receiver = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
    assert_int_equal(bind(t.receiver, (struct sockaddr *)&address, length), 0);
    setenv("NOTIFY_SOCKET", name, 1);
}

static int take_messages(void) {
    char text[64];
    int count = 0;
    for (ssize_t n; (n = recv(t.receiver, text, sizeof text, MSG_DONTWAIT)) > 0; count++)
        assert_memory_equal(text, "WATCHDOG=1\n", (size_t)n);
    return count;
}

static void hold_loop(void *arg) {
    (void)arg;
    uv_sem_wait(&t.hold);
}

static void look(void *arg) {
    t.fed += take_messages();
    if (t.fed >= 2)
        loop_group_stop(t.loops);
    else
        loop_timer_start(loop_group_at(t.loops, 0), LOOK_MS, look, arg);
}

static void let_go(void *arg) {
    t.fed_while_held = take_messages();
    uv_sem_post(&t.hold);
    look(arg);
}

static void test_a_loop_that_hangs_is_noticed(void **state) {
    (void)state;
    listen_for_it();
    setenv("WATCHDOG_USEC", "10000", 1);
    assert_int_equal(uv_sem_init(&t.hold, 0), 0);
    assert_int_equal(loop_group_new(LOOPS, &t.loops, NULL), 0);
    assert_true(loop_post(loop_group_at(t.loops, LOOPS - 1), hold_loop, NULL));
    struct watchdog *w = watchdog_new(t.loops);
    assert_non_null(w);
    loop_timer_start(loop_group_at(t.loops, 0), HELD_MS, let_go, NULL);
    loop_group_run(t.loops);
    loop_group_free(t.loops);
    watchdog_free(w);
    uv_sem_destroy(&t.hold);
    close(t.receiver);
    assert_int_equal(t.fed_while_held, 0);
    assert_true(t.fed >= 2);
}

static void check_unwanted(const char *time_us, const char *pid) {
    if (time_us)
        setenv("WATCHDOG_USEC", time_us, 1);
    else
        unsetenv("WATCHDOG_USEC");
    if (pid)
        setenv("WATCHDOG_PID", pid, 1);
    assert_int_equal(loop_group_new(1, &t.loops, NULL), 0);
    assert_null(watchdog_new(t.loops));
    loop_group_free(t.loops);
    unsetenv("WATCHDOG_PID");
}

static void test_nobody_asked(void **state) {
    (void)state;
    check_unwanted(NULL, NULL);
    check_unwanted("0", NULL);
    check_unwanted("soon", NULL);
    check_unwanted("10000", "1");
    check_unwanted("10000", "me");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_loop_that_hangs_is_noticed),
        cmocka_unit_test(test_nobody_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
