// base/notify.h: the datagrams that systemd and `spear up` wait for.
#include "unit.h"

#include "base/notify.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

static char *directory;
static int receiver;

static void receive(const char *want) {
    char text[256];
    ssize_t n = recv(receiver, text, sizeof text - 1, MSG_DONTWAIT);
    assert_true(n >= 0);
    text[n] = '\0';
    assert_string_equal(text, want);
}

// Listens at the path ('@' in front: an abstract name) and names it in the environment.
static void listen_at(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, strlen(path));
    if (*path == '@')
        address.sun_path[0] = '\0';
    receiver = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    assert_int_equal(bind(receiver, (struct sockaddr *)&address, length), 0);
    setenv("NOTIFY_SOCKET", path, 1);
}

static void check_messages(void) {
    notify_ready("127.0.0.1:4242");
    receive("READY=1\nX_SPEAR_HTTP_ADDR=127.0.0.1:4242\n");
    notify_stopping();
    receive("STOPPING=1\n");
    close(receiver);
}

static void test_socket_in_a_directory(void **state) {
    (void)state;
    directory = unit_directory();
    AUTO_FREE char *path = file_join(directory, "notify");
    listen_at(path);
    check_messages();
    assert_int_equal(notify_send("X=1"), -1); // nobody listens any more
    unit_directory_done(directory);
}

static void test_abstract_socket(void **state) {
    (void)state;
    AUTO_FREE char *name = mem_printf("@spear-unit-%d", (int)getpid());
    listen_at(name);
    check_messages();
}

static void test_without_a_socket(void **state) {
    (void)state;
    unsetenv("NOTIFY_SOCKET");
    assert_int_equal(notify_send("READY=1"), 0);
    setenv("NOTIFY_SOCKET", "", 1);
    assert_int_equal(notify_send("READY=1"), 0);
    setenv("NOTIFY_SOCKET", "relative", 1);
    assert_int_equal(notify_send("READY=1"), -1);
    assert_int_equal(errno, EINVAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_socket_in_a_directory),
        cmocka_unit_test(test_abstract_socket),
        cmocka_unit_test(test_without_a_socket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
