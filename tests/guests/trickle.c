// Writes in the way that its first argument names, for the tests of streaming.
//
//   lines N PAUSE_MS   "line 0\n" …, with a pause after each
//   bytes N            N bytes, each 64 KiB block of one letter
//   tiny N             N bytes, one write each
//   trap | exit        "begun\n", then that
//   cgi N PAUSE_MS     CGI header fields in three writes, then lines
//   badcgi             no header fields, and then it waits for ever
//   wait               "begun\n", then it waits for ever
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void pause_ms(long ms) {
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&t, NULL);
}

static void say(const char *text) {
    if (write(1, text, strlen(text)) != (ssize_t)strlen(text)) {
        exit(9);
    }
}

static void lines(long count, long ms) {
    for (long i = 0; i < count; i++) {
        char text[32];
        snprintf(text, sizeof text, "line %ld\n", i);
        say(text);
        pause_ms(ms);
    }
}

static void bytes(long count) {
    static char block[65536];
    for (long i = 0; count > 0; i++) {
        size_t n = count < (long)sizeof block ? (size_t)count : sizeof block;
        memset(block, 'a' + (int)(i % 26), n);
        if (write(1, block, n) != (ssize_t)n) {
            exit(9);
        }
        count -= (long)n;
    }
}

int main(int argc, char **argv) {
    const char *how = argc > 1 ? argv[1] : "";
    long n = argc > 2 ? atol(argv[2]) : 0, ms = argc > 3 ? atol(argv[3]) : 0;
    if (strcmp(how, "lines") == 0) {
        lines(n, ms);
    } else if (strcmp(how, "bytes") == 0) {
        bytes(n);
    } else if (strcmp(how, "tiny") == 0) {
        for (long i = 0; i < n; i++) {
            char letter = (char)('a' + i % 26);
            if (write(1, &letter, 1) != 1) {
                return 9;
            }
        }
    } else if (strcmp(how, "cgi") == 0) {
        say("Status: 203 Changed\r\nX-Own");
        say(": yes\r\nContent-Type: text/x-own\r\n");
        say("\r\nline -1\n");
        lines(n, ms);
    } else if (strcmp(how, "trap") == 0) {
        say("begun\n");
        __builtin_trap();
    } else if (strcmp(how, "exit") == 0) {
        say("begun\n");
        return 5;
    } else {
        say(how[0] == 'b' ? "no fields\n" : "begun\n");
        for (;;) {
            pause_ms(1000);
        }
    }
    return 0;
}
