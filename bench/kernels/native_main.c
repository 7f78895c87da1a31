// Runs one kernel as native code and prints its checksum and the time of its call: what the same C costs without WebAssembly.
#include "kernels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct {
    const char *name;
    int32_t (*run)(int32_t size);
} kernels[] = {
    {"fibonacci", fibonacci},   {"sieve", sieve},
    {"matrix", matrix},         {"bodies", bodies},
    {"mandelbrot", mandelbrot}, {"permutations", permutations},
    {"digest", digest},         {"sorting", sorting},
    {"table", table},           {"edit_distance", edit_distance},
};

int main(int argc, char **argv) {
    for (size_t i = 0; argc == 3 && i < sizeof kernels / sizeof *kernels; i++) {
        if (strcmp(kernels[i].name, argv[1]) != 0)
            continue;
        struct timespec start, end;
        clock_gettime(CLOCK_MONOTONIC, &start);
        int32_t checksum = kernels[i].run((int32_t)strtol(argv[2], NULL, 10));
        clock_gettime(CLOCK_MONOTONIC, &end);
        printf("{\"checksum\":%d,\"us\":%.1f}\n", checksum,
               (double)(end.tv_sec - start.tv_sec) * 1e6 + (double)(end.tv_nsec - start.tv_nsec) / 1e3);
        return 0;
    }
    fprintf(stderr, "usage: native KERNEL SIZE\n");
    return 2;
}
