// Strains one limit, which its arguments name, or stdin when there are none. Says so on both streams before it begins.
//
//   loop        counts for ever
//   host        calls the host for ever
//   fill        fills all the memory it can get, again and again
//   poll        waits for a clock that is a day away
//   recurse     calls itself for ever, a page of its own memory each time
//   deep N      calls itself N times, then prints N
//   cpu N       works for N milliseconds of its own time, then prints "done"
//   open PATH N opens PATH up to N times, prints how often that went well and the error
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PAGE_BYTES = 65536 };

static unsigned deeper(unsigned left);
static unsigned (*volatile step)(unsigned left) = deeper;

static unsigned deeper(unsigned left) {
    return left ? step(left - 1) + 1 : 0;
}

static int widen(int n);
static int (*volatile next)(int n) = widen;

static int widen(int n) {
    volatile char page[4096];
    page[0] = (char)n;
    return next(n + 1) + page[0];
}

static void fill_all(void) {
    while (__builtin_wasm_memory_grow(0, 1) != (size_t)-1) {
    }
    size_t bytes = __builtin_wasm_memory_size(0) * PAGE_BYTES, first = bytes / 2;
    for (int value = 0;; value++) {
        memset((char *)first, value, bytes - first);
    }
}

static long now_ms(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (long)(t.tv_sec * 1000 + t.tv_nsec / 1000000);
}

static void work(long ms) {
    long until_ms = now_ms(CLOCK_MONOTONIC) + ms;
    while (now_ms(CLOCK_MONOTONIC) < until_ms) {
    }
    puts("done");
}

static void open_often(const char *path, int count) {
    int opened = 0;
    errno = 0;
    while (opened < count && open(path, O_RDONLY) >= 0) {
        opened++;
    }
    printf("%d %s\n", opened, errno == EMFILE ? "EMFILE" : errno ? strerror(errno) : "none");
}

int main(int argc, char **argv) {
    char word[16] = "", number[16] = "";
    char *given[] = {argv[0], word, number, NULL};
    if (argc == 1 && scanf("%15s %15s", word, number) > 0) {
        argv = given;
    }
    const char *how = argv[1] ? argv[1] : "";
    write(1, "begun\n", 6);
    write(2, "its log\n", 8);
    if (strcmp(how, "loop") == 0) {
        for (volatile unsigned i = 0;; i++) {
        }
    } else if (strcmp(how, "host") == 0) {
        for (;;) {
            now_ms(CLOCK_REALTIME);
        }
    } else if (strcmp(how, "fill") == 0) {
        fill_all();
    } else if (strcmp(how, "poll") == 0) {
        nanosleep(&(struct timespec){86400, 0}, NULL);
    } else if (strcmp(how, "recurse") == 0) {
        return widen(0);
    } else if (strcmp(how, "deep") == 0) {
        printf("%u\n", step((unsigned)atoi(argv[2])));
    } else if (strcmp(how, "cpu") == 0) {
        work(atol(argv[2]));
    } else if (strcmp(how, "open") == 0) {
        open_often(argv[2], atoi(argv[3]));
    } else {
        return 2;
    }
    return 0;
}
