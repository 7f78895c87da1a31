// Takes and touches memory, 1 MiB at a time, until malloc says no; prints how much that was.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void) {
    size_t total_mib = 0;
    for (;; total_mib++) {
        char *volatile p = malloc(1 << 20);
        if (!p) {
            break;
        }
        memset(p, 0x5a, 1 << 20);
    }
    printf("%zu MiB\n", total_mib);
    return 0;
}
