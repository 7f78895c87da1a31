// What a guest sees, as JSON: {"args":[…],"env":{…},"stdin_bytes":n}.
#include <stdio.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

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

static void print_environment(void) {
    for (char **entry = environ; entry && *entry; entry++) {
        const char *equals = strchr(*entry, '=');
        if (entry != environ) {
            putchar(',');
        }
        print_string(*entry, (size_t)(equals - *entry));
        putchar(':');
        print_string(equals + 1, strlen(equals + 1));
    }
}

int main(int argc, char **argv) {
    size_t total = 0;
    char block[4096];
    for (ssize_t n; (n = read(0, block, sizeof block)) > 0;) {
        total += (size_t)n;
    }
    fputs("{\"args\":[", stdout);
    for (int i = 0; i < argc; i++) {
        if (i) {
            putchar(',');
        }
        print_string(argv[i], strlen(argv[i]));
    }
    fputs("],\"env\":{", stdout);
    print_environment();
    printf("},\"stdin_bytes\":%zu}\n", total);
    return 0;
}
