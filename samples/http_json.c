// Shaped like an HTTP handler: the request is in the CGI/1.1 variables (RFC 3875) and on stdin, the answer is JSON on stdout.
#include <spear.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BODY_BYTES_MAX = 64 * 1024 };

// Writes text as a JSON string.
static void print_string(const char *text, size_t n) {
    putchar('"');
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\') {
            printf("\\%c", c);
        } else if (c < 0x20) {
            printf("\\u%04x", c);
        } else {
            putchar(c);
        }
    }
    putchar('"');
}

static void print_variable(const char *key, const char *variable) {
    const char *value = getenv(variable);
    printf("\"%s\":", key);
    if (value) {
        print_string(value, strlen(value));
    } else {
        fputs("null", stdout);
    }
    putchar(',');
}

int main(void) {
    static char body[BODY_BYTES_MAX];
    size_t n = fread(body, 1, sizeof body, stdin);

    static const char note[] = "answering a request";
    spear_log(SPEAR_INFO, note, sizeof note - 1);

    putchar('{');
    print_variable("method", "REQUEST_METHOD");
    print_variable("path", "PATH_INFO");
    print_variable("query", "QUERY_STRING");
    print_variable("content_type", "CONTENT_TYPE");
    printf("\"time_ms\":%lld,", (long long)spear_time_now_ms());
    fputs("\"body\":", stdout);
    print_string(body, n);
    fputs("}\n", stdout);
    return 0;
}
