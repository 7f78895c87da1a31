// Kernels on integers: calls, a sieve, permutations, a digest.
#include "kernels.h"

#include <stdlib.h>
#include <string.h>

static int32_t fib(int32_t n) {
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

KERNEL(fibonacci) {
    return fib(size);
}

KERNEL(sieve) {
    char *composite = calloc((size_t)size + 1, 1);
    int32_t count = 0;
    for (int32_t i = 2; i <= size; i++) {
        if (composite[i])
            continue;
        count++;
        for (int64_t k = (int64_t)i * i; k <= size; k += i)
            composite[k] = 1;
    }
    free(composite);
    return count;
}

// The most prefix reversals that any permutation of `size` numbers needs until its first is 0; permutations in counting order.
KERNEL(permutations) {
    int32_t order[16], work[16], counter[16] = {0}, most = 0;
    for (int32_t i = 0; i < size; i++)
        order[i] = i;
    for (int32_t i = 1; i < size;) {
        int32_t flips = 0;
        memcpy(work, order, sizeof work);
        for (int32_t first; (first = work[0]) != 0; flips++)
            for (int32_t low = 0, high = first; low < high; low++, high--) {
                int32_t kept = work[low];
                work[low] = work[high];
                work[high] = kept;
            }
        most = flips > most ? flips : most;
        // Heap's algorithm, without its recursion.
        while (i < size && counter[i] >= i)
            counter[i++] = 0;
        if (i == size)
            break;
        int32_t other = i % 2 ? counter[i] : 0, kept = order[other];
        order[other] = order[i];
        order[i] = kept;
        counter[i]++;
        i = 1;
    }
    return most;
}

static uint32_t rotate(uint32_t x, int by) {
    return x >> by | x << (32 - by);
}

// `size` blocks through 64 rounds of SHA-256's shape (the round constants are made up).
KERNEL(digest) {
    uint32_t h[8], w[64], state = 0x9e3779b9u;
    for (int i = 0; i < 8; i++)
        h[i] = kernel_random(&state);
    for (int32_t block = 0; block < size; block++) {
        uint32_t v[8];
        for (int i = 0; i < 16; i++)
            w[i] = kernel_random(&state);
        for (int i = 16; i < 64; i++)
            w[i] = w[i - 16] + (rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3) + w[i - 7] +
                   (rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10);
        memcpy(v, h, sizeof v);
        for (int i = 0; i < 64; i++) {
            uint32_t a = v[7] + (rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25)) +
                         ((v[4] & v[5]) ^ (~v[4] & v[6])) + 0x428a2f98u * (uint32_t)(i + 1) + w[i];
            uint32_t b = (rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22)) +
                         ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
            memmove(v + 1, v, 7 * sizeof *v);
            v[4] += a;
            v[0] = a + b;
        }
        for (int i = 0; i < 8; i++)
            h[i] += v[i];
    }
    return (int32_t)(h[0] ^ h[3] ^ h[7]);
}
