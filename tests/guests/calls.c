// Calls the request and response functions of module spear in the way that its first argument names, for the tests. What goes
// wrong is its exit code.
#include <spear.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "line %d: %s\n", __LINE__, #condition);                                                    \
            exit(3);                                                                                                   \
        }                                                                                                              \
    } while (0)

static int32_t header(const char *name, const char *value) {
    return spear_response_header(name, strlen(name), value, strlen(value));
}

static int32_t field(const char *name, char *text, size_t *size) {
    return spear_request_header(name, strlen(name), text, size);
}

static void say(const char *text) {
    CHECK(spear_response_write(text, strlen(text)) == (int32_t)strlen(text));
}

static void check_request(void) {
    char text[64], *outside = (char *)0xfffffff0u;
    size_t size = sizeof text;
    CHECK(spear_request_method(text, &size) == 0 && size == 4 && memcmp(text, "POST", 4) == 0);
    size = 3;
    CHECK(spear_request_method(text, &size) == -SPEAR_ENOSPC && size == 4);
    size = 0;
    CHECK(spear_request_method(NULL, &size) == -SPEAR_ENOSPC && size == 4);
    CHECK(spear_request_method(text, (size_t *)0xfffffffeu) == -SPEAR_EFAULT);
    size = 4;
    CHECK(spear_request_method(outside + 14, &size) == -SPEAR_EFAULT);
    size = sizeof text;
    CHECK(field("X-Own", text, &size) == 0 && size == 5 && memcmp(text, "value", 5) == 0);
    size = sizeof text;
    CHECK(field("content-TYPE", text, &size) == 0 && size == 6 && memcmp(text, "text/x", 6) == 0);
    size = sizeof text;
    CHECK(field("content-length", text, &size) == 0 && size == 6 && memcmp(text, "100000", 6) == 0);
    size = sizeof text;
    CHECK(field("x-empty", text, &size) == 0 && size == 0);
    CHECK(field("nope", text, &size) == -SPEAR_ENOENT && field("", text, &size) == -SPEAR_ENOENT);
    CHECK(field("authorization", text, &size) == -SPEAR_ENOENT);
    CHECK(spear_request_header(outside, 100, text, &size) == -SPEAR_EFAULT);
}

static void check_body(void) {
    static char part[1000];
    long total = 0;
    CHECK(spear_request_read((char *)0xfffffff0u, 100) == -SPEAR_EFAULT);
    CHECK(spear_request_read(part, 0) == 0);
    for (int32_t n; (n = spear_request_read(part, sizeof part)) != 0;) {
        CHECK(n > 0 && n <= (int32_t)sizeof part);
        total += n;
    }
    CHECK(total == 100000);
    CHECK(getchar() == EOF);
}

static void check_refusals(void) {
    CHECK(spear_response_status(199) == -SPEAR_EINVAL && spear_response_status(600) == -SPEAR_EINVAL);
    CHECK(header("", "x") == -SPEAR_EINVAL && header("a b", "x") == -SPEAR_EINVAL &&
          header("a:", "x") == -SPEAR_EINVAL);
    CHECK(header("Status", "200") == -SPEAR_EINVAL);
    CHECK(header("x", "a\r\nb: c") == -SPEAR_EINVAL && header("x", "a\nb") == -SPEAR_EINVAL);
    CHECK(spear_response_header("x", 1, "a\0b", 3) == -SPEAR_EINVAL);
    CHECK(spear_response_header((char *)0xfffffff0u, 100, "x", 1) == -SPEAR_EFAULT);
    CHECK(spear_response_header("x", 1, (char *)0xfffffff0u, 100) == -SPEAR_EFAULT);
    CHECK(spear_response_write((char *)0xfffffff0u, 100) == -SPEAR_EFAULT);
    CHECK(spear_response_write("x", 0x80000000u) == -SPEAR_EINVAL);
    CHECK(spear_response_write((char *)0, 0) == 0);
}

static void check_all(void) {
    check_request();
    check_body();
    check_refusals();
    CHECK(spear_response_status(299) == 0 && spear_response_status(201) == 0);
    CHECK(header("Content-Type", "text/x-calls") == 0 && header("X-Own", "1") == 0 && header("X-Own", "2") == 0);
    say("by call, ");
    CHECK(spear_response_status(200) == -SPEAR_EALREADY && header("x", "y") == -SPEAR_EALREADY);
    fputs("by stdout", stdout);
}

static void check_limits(void) {
    static char large[40000];
    memset(large, 'a', sizeof large);
    CHECK(spear_response_header("x", 1, large, sizeof large) == -SPEAR_E2BIG);
    int count = 0;
    while (header("X-Many", "1") == 0) {
        count++;
    }
    CHECK(count == 60 && header("X-Many", "1") == -SPEAR_E2BIG);
    say("60");
}

int main(int argc, char **argv) {
    const char *how = argc > 1 ? argv[1] : "";
    if (strcmp(how, "all") == 0) {
        check_all();
    } else if (strcmp(how, "limits") == 0) {
        check_limits();
    } else if (strcmp(how, "only-status") == 0) {
        CHECK(spear_response_status(204) == 0);
    } else if (strcmp(how, "late") == 0) {
        write(1, "x", 1);
        CHECK(spear_response_status(404) == -SPEAR_EALREADY);
    } else if (strcmp(how, "fails") == 0) {
        CHECK(spear_response_status(204) == 0);
        return 7;
    } else if (strcmp(how, "waits") == 0) {
        CHECK(spear_response_status(202) == 0);
        say("begun\n");
        for (;;) {
            sleep(1);
        }
    }
    return 0;
}
