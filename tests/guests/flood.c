// Writes argv[1] bytes to stdout (default: without end), then argv[2] bytes to stderr.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void flood(int fd, uint64_t bytes) {
    static char block[65536];
    memset(block, 'x', sizeof block);
    while (bytes > 0) {
        size_t n = bytes < sizeof block ? (size_t)bytes : sizeof block;
        ssize_t written = write(fd, block, n);
        if (written <= 0) {
            exit(9);
        }
        bytes -= (uint64_t)written;
    }
}

int main(int argc, char **argv) {
    flood(1, argc > 1 ? strtoull(argv[1], NULL, 10) : UINT64_MAX);
    flood(2, argc > 2 ? strtoull(argv[2], NULL, 10) : 0);
    return 0;
}
