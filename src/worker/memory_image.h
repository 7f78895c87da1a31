// The content of a guest's memory at one moment, and putting it back. Only pages that are not all zero are kept.
//
// Private to the process; the mapping is the caller's, page-aligned, private and anonymous.
#ifndef SPEAR_WORKER_MEMORY_IMAGE_H
#define SPEAR_WORKER_MEMORY_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MEMORY_IMAGE_BYTES_MAX = 64 * 1024 * 1024, // kept pages of one image
    MEMORY_IMAGE_IDLE_PAGES_MAX =
        1024, // pages of zeros that stay with the process after a reset, since touching a new one costs more than clearing it
    MEMORY_IMAGE_UNSCANNED_BYTES_MAX =
        1024 * 1024 // of a memory whose touched pages cannot be told: all of it is compared
};

struct memory_image {
    size_t bytes;     // of the memory
    uint32_t *pages;  // the numbers of the kept ones, ascending
    uint8_t *content; // of them, back to back
    size_t count, capacity;
};

// Begins as all zero bytes or done. False when the memory is too large for it, or there is no room; *image is done then.
bool memory_image_take(struct memory_image *image, uint8_t *memory, size_t bytes);
// Makes the first image->bytes of the memory what they were. False when that cannot be done.
bool memory_image_put_back(const struct memory_image *image, uint8_t *memory);
void memory_image_done(struct memory_image *image);

#endif
