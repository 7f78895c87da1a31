// Ten compute kernels, the same C for native code and for WebAssembly. Each takes its size and gives a checksum that depends on
// all of its work, so that no compiler can leave any out and both sides can be compared.
#ifndef SPEAR_BENCH_KERNELS_H
#define SPEAR_BENCH_KERNELS_H

#include <stdint.h>

#ifdef __wasm__
#define KERNEL(name) __attribute__((export_name(#name))) int32_t name(int32_t size)
#else
#define KERNEL(name) int32_t name(int32_t size)
#endif

KERNEL(fibonacci);     // calls
KERNEL(sieve);         // bytes in a large array
KERNEL(matrix);        // f64, three nested loops
KERNEL(bodies);        // f64 with square roots
KERNEL(mandelbrot);    // f64 in registers
KERNEL(permutations);  // small arrays, unpredictable branches
KERNEL(digest);        // 32-bit rotations and additions (SHA-256's rounds)
KERNEL(sorting);       // quicksort: compares and swaps
KERNEL(table);         // a hash table with open addressing
KERNEL(edit_distance); // dynamic programming over two strings

// A small generator, so that every kernel makes its own input.
static inline uint32_t kernel_random(uint32_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

#endif
