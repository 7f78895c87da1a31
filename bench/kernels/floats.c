// Kernels on doubles: a matrix product, bodies under gravity, the Mandelbrot set.
#include "kernels.h"

#include <stdlib.h>

KERNEL(matrix) {
    size_t n = (size_t)size;
    double *a = malloc(n * n * sizeof *a), *b = malloc(n * n * sizeof *b), *c = calloc(n * n, sizeof *c), trace = 0;
    for (size_t i = 0; i < n * n; i++) {
        a[i] = (double)(i % 7) - 3;
        b[i] = (double)(i % 5) - 2;
    }
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < n; k++)
            for (size_t j = 0; j < n; j++)
                c[i * n + j] += a[i * n + k] * b[k * n + j];
    for (size_t i = 0; i < n; i++)
        trace += c[i * n + (i * 31) % n];
    free(a);
    free(b);
    free(c);
    return (int32_t)trace;
}

enum { BODIES = 5 };
struct body {
    double at[3], speed[3], mass;
};

static void attract(struct body *a, struct body *b, double dt) {
    double d[3], square = 0.01;
    for (int i = 0; i < 3; i++) {
        d[i] = a->at[i] - b->at[i];
        square += d[i] * d[i];
    }
    double pull = dt / (square * __builtin_sqrt(square));
    for (int i = 0; i < 3; i++) {
        a->speed[i] -= d[i] * b->mass * pull;
        b->speed[i] += d[i] * a->mass * pull;
    }
}

KERNEL(bodies) {
    struct body all[BODIES];
    uint32_t state = 12345;
    for (int i = 0; i < BODIES; i++) {
        for (int k = 0; k < 3; k++) {
            all[i].at[k] = (double)(kernel_random(&state) % 1000) / 100;
            all[i].speed[k] = (double)(kernel_random(&state) % 1000) / 1000 - 0.5;
        }
        all[i].mass = 1 + (double)(kernel_random(&state) % 100) / 50;
    }
    for (int32_t step = 0; step < size; step++) {
        for (int i = 0; i < BODIES; i++)
            for (int k = i + 1; k < BODIES; k++)
                attract(&all[i], &all[k], 0.001);
        for (int i = 0; i < BODIES; i++)
            for (int k = 0; k < 3; k++)
                all[i].at[k] += all[i].speed[k] * 0.001;
    }
    return (int32_t)(all[0].at[0] * 1000 + all[4].at[2] * 1000);
}

KERNEL(mandelbrot) {
    int32_t inside = 0;
    for (int32_t y = 0; y < size; y++)
        for (int32_t x = 0; x < size; x++) {
            double cr = 3.0 * x / size - 2.2, ci = 2.4 * y / size - 1.2, zr = 0, zi = 0;
            int i = 0;
            for (; i < 100 && zr * zr + zi * zi < 4; i++) {
                double next = zr * zr - zi * zi + cr;
                zi = 2 * zr * zi + ci;
                zr = next;
            }
            inside += i;
        }
    return inside;
}
