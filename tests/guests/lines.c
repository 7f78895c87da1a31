// Log lines: argv[1] of them on stderr (default 3), one through spear.log, and "done" on stdout.
#include <spear.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
    long count = argc > 1 ? strtol(argv[1], NULL, 10) : 3;
    for (long i = 1; i <= count; i++) {
        fprintf(stderr, "line %ld\n", i);
    }
    static const char last[] = "the last line";
    spear_log(SPEAR_WARN, last, sizeof last - 1);
    puts("done");
    return 0;
}
