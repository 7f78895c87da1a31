// Sleeps argv[1] milliseconds (default: what stdin says, else 100) by poll_oneoff, then prints "slept N".
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static long wanted_ms(int argc, char **argv) {
    char text[32] = "";
    if (argc > 1) {
        return strtol(argv[1], NULL, 10);
    }
    size_t n = fread(text, 1, sizeof text - 1, stdin);
    return n ? strtol(text, NULL, 10) : 100;
}

int main(int argc, char **argv) {
    long ms = wanted_ms(argc, argv);
    struct timespec length = {ms / 1000, ms % 1000 * 1000000};
    if (nanosleep(&length, NULL)) {
        perror("sleep");
        return 1;
    }
    printf("slept %ld\n", ms);
    return 0;
}
