// Kernels that live in memory: sorting, a hash table, the edit distance of two strings.
#include "kernels.h"

#include <stdlib.h>

static void quicksort(uint32_t *values, int64_t low, int64_t high) {
    while (low < high) {
        uint32_t pivot = values[low + (high - low) / 2];
        int64_t i = low, k = high;
        while (i <= k) {
            while (values[i] < pivot)
                i++;
            while (values[k] > pivot)
                k--;
            if (i <= k) {
                uint32_t kept = values[i];
                values[i++] = values[k];
                values[k--] = kept;
            }
        }
        quicksort(values, low, k);
        low = i;
    }
}

KERNEL(sorting) {
    uint32_t *values = malloc((size_t)size * sizeof *values), state = 99, sum = 0;
    for (int32_t i = 0; i < size; i++)
        values[i] = kernel_random(&state);
    quicksort(values, 0, size - 1);
    for (int32_t i = 0; i < size; i += 97)
        sum = sum * 31 + values[i];
    free(values);
    return (int32_t)sum;
}

KERNEL(table) {
    uint32_t slots = 1, state = 7, sum = 0;
    while (slots < (uint32_t)size * 2)
        slots *= 2;
    uint32_t *keys = calloc(slots, sizeof *keys), *counts = calloc(slots, sizeof *counts);
    for (int32_t i = 0; i < size * 4; i++) {
        uint32_t key = kernel_random(&state) % (uint32_t)size + 1, at = key * 2654435761u & (slots - 1);
        while (keys[at] && keys[at] != key)
            at = (at + 1) & (slots - 1);
        keys[at] = key;
        counts[at]++;
    }
    for (uint32_t i = 0; i < slots; i++)
        sum = sum * 17 + counts[i];
    free(keys);
    free(counts);
    return (int32_t)sum;
}

KERNEL(edit_distance) {
    size_t n = (size_t)size;
    char *a = malloc(n), *b = malloc(n);
    int32_t *row = malloc((n + 1) * sizeof *row);
    uint32_t state = 3;
    for (size_t i = 0; i < n; i++) {
        a[i] = (char)(kernel_random(&state) % 4);
        b[i] = (char)(kernel_random(&state) % 4);
    }
    for (size_t i = 0; i <= n; i++)
        row[i] = (int32_t)i;
    for (size_t i = 0; i < n; i++) {
        int32_t diagonal = row[0];
        row[0] = (int32_t)i + 1;
        for (size_t k = 0; k < n; k++) {
            int32_t above = row[k + 1], best = diagonal + (a[i] != b[k]);
            best = above + 1 < best ? above + 1 : best;
            best = row[k] + 1 < best ? row[k] + 1 : best;
            row[k + 1] = best;
            diagonal = above;
        }
    }
    int32_t distance = row[n];
    free(a);
    free(b);
    free(row);
    return distance;
}
