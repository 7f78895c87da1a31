// base/address.h: which texts are host:port, and how they come apart.
#include "unit.h"

#include "base/address.h"

static void test_splits_names_and_addresses(void **state) {
    (void)state;
    static const struct {
        const char *text, *host;
        uint16_t port;
    } good[] = {{"127.0.0.1:8080", "127.0.0.1", 8080},
                {"sms.example:1", "sms.example", 1},
                {"a_b-c:0", "a_b-c", 0},
                {"[::1]:65535", "::1", 65535},
                {"[fe80::1]:80", "fe80::1", 80}};
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        struct span host;
        uint16_t port;
        assert_true(address_split(span_of(good[i].text), &host, &port));
        assert_span_equal(host, good[i].host);
        assert_int_equal(port, good[i].port);
    }
}

static void test_refuses_and_leaves_outputs(void **state) {
    (void)state;
    static const char *const bad[] = {"",      "abc",      ":80",     "a:",     "a:65536",  "a:-1",     "a:1 ",
                                      "a b:1", "::1:80",   "[::1]8",  "[::1]",  "[]:1",     "[1.2]:80", "a/b:80",
                                      "a:1:2", "a:000080", "[::1:80", "u@h:80", "h:80/path"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct span host = span_of("kept");
        uint16_t port = 7;
        assert_false(address_split(span_of(bad[i]), &host, &port));
        assert_span_equal(host, "kept");
        assert_int_equal(port, 7);
    }
}

static void test_bounds_the_host(void **state) {
    (void)state;
    char text[ADDRESS_HOST_MAX + 4];
    struct span host;
    uint16_t port;
    memset(text, 'a', sizeof text);
    memcpy(text + ADDRESS_HOST_MAX, ":1", 2);
    assert_true(address_split(span_make(text, ADDRESS_HOST_MAX + 2), &host, &port));
    memcpy(text + ADDRESS_HOST_MAX, "a:1", 3);
    assert_false(address_split(span_make(text, ADDRESS_HOST_MAX + 3), &host, &port));
}

static void test_loopback(void **state) {
    (void)state;
    static const char *const yes[] = {"127.0.0.1:80", "127.255.255.255:0", "127.1.2.3:1", "[::1]:8080"};
    for (size_t i = 0; i < COUNT_OF(yes); i++)
        assert_true(address_is_loopback(span_of(yes[i])));
    static const char *const no[] = {
        "0.0.0.0:80",        "[::]:80",   "localhost:80",       "128.0.0.1:80", "127.0.0:80",  "127.0.0.1.5:80",
        "127.0.0.256:1",     "127.0.0.1", "0127.0.0.1:1",       "127.0.0.1.:1", "10.0.0.1:80", "[::2]:80",
        "[::ffff:7f00:1]:1", "",          "127.0.0.1.example:1"};
    for (size_t i = 0; i < COUNT_OF(no); i++)
        assert_false(address_is_loopback(span_of(no[i])));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_splits_names_and_addresses),
        cmocka_unit_test(test_refuses_and_leaves_outputs),
        cmocka_unit_test(test_bounds_the_host),
        cmocka_unit_test(test_loopback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
