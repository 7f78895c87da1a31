// A page is compared before it is written: pages that nothing changed stay shared with the process this one was forked from.
#include "worker/memory_image.h"

#include "base/mem.h"
#include "worker/page_scan.h"

#include <string.h>
#include <sys/mman.h>

enum { PAGE_BYTES = PAGE_SCAN_PAGE_BYTES };

static const uint8_t zeros[PAGE_BYTES];

static bool is_zero(const uint8_t *page) {
    return memcmp(page, zeros, PAGE_BYTES) == 0;
}

static bool each_touched(uint8_t *memory, size_t bytes, page_scan_run *f, void *ctx) {
    if (page_scan_is_possible())
        return page_scan(memory, bytes, f, ctx);
    if (bytes > MEMORY_IMAGE_UNSCANNED_BYTES_MAX)
        return false;
    f(ctx, memory, bytes);
    return true;
}

// ---- taking: first how many pages, then their content, so that room is asked for once

struct taking {
    struct memory_image *image;
    const uint8_t *memory;
};

static void count_run(void *ctx, uint8_t *start, size_t bytes) {
    struct taking *t = ctx;
    for (size_t at = 0; at < bytes; at += PAGE_BYTES)
        t->image->capacity += !is_zero(start + at);
}

static void keep_run(void *ctx, uint8_t *start, size_t bytes) {
    struct taking *t = ctx;
    struct memory_image *image = t->image;
    for (size_t at = 0; at < bytes && image->count < image->capacity; at += PAGE_BYTES) {
        if (is_zero(start + at))
            continue;
        memcpy(image->content + image->count * PAGE_BYTES, start + at, PAGE_BYTES);
        image->pages[image->count++] = (uint32_t)((size_t)(start + at - t->memory) / PAGE_BYTES);
    }
}

static bool make_room(struct memory_image *image) {
    if (image->capacity == 0)
        return true;
    image->pages = mem_calloc(image->capacity, sizeof *image->pages);
    void *content =
        mmap(NULL, image->capacity * PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    image->content = content == MAP_FAILED ? NULL : content;
    return image->content;
}

bool memory_image_take(struct memory_image *image, uint8_t *memory, size_t bytes) {
    struct taking t = {image, memory};
    *image = (struct memory_image){.bytes = bytes};
    if (each_touched(memory, bytes, count_run, &t) && image->capacity <= MEMORY_IMAGE_BYTES_MAX / PAGE_BYTES &&
        make_room(image) && each_touched(memory, bytes, keep_run, &t) && image->count == image->capacity)
        return true;
    memory_image_done(image);
    return false;
}

void memory_image_done(struct memory_image *image) {
    if (image->content)
        munmap(image->content, image->capacity * PAGE_BYTES);
    free(image->pages);
    *image = (struct memory_image){0};
}

// ---- putting back

struct putting {
    const struct memory_image *image;
    uint8_t *memory;
    size_t next;       // kept page that comes next
    size_t idle_pages; // pages of zeros so far
    uint8_t *dropped;  // nothing is left to do before it
    bool lost;         // a kept page was not told
};

static uint8_t *next_kept(const struct putting *p) {
    const struct memory_image *image = p->image;
    return p->memory + (p->next < image->count ? (size_t)image->pages[p->next] * PAGE_BYTES : image->bytes);
}

// All up to the next kept page in one request: touched pages may lie far from each other.
static void drop(struct putting *p, uint8_t *start) {
    p->dropped = next_kept(p);
    if (p->dropped > start && madvise(start, (size_t)(p->dropped - start), MADV_DONTNEED))
        memset(start, 0, (size_t)(p->dropped - start));
}

// `bytes` of pages that are to be zero.
static void clear(struct putting *p, uint8_t *start, size_t bytes) {
    size_t room = MEMORY_IMAGE_IDLE_PAGES_MAX - p->idle_pages, stay = bytes / PAGE_BYTES;
    if (stay > room)
        stay = room;
    for (size_t i = 0; i < stay; i++)
        if (!is_zero(start + i * PAGE_BYTES))
            memset(start + i * PAGE_BYTES, 0, PAGE_BYTES);
    p->idle_pages += stay;
    if (stay * PAGE_BYTES < bytes)
        drop(p, start + stay * PAGE_BYTES);
}

static void put_back_run(void *ctx, uint8_t *start, size_t bytes) {
    struct putting *p = ctx;
    const struct memory_image *image = p->image;
    for (uint8_t *end = start + bytes; start < end && !p->lost;) {
        uint8_t *kept = next_kept(p);
        p->lost = kept < start;
        if (kept != start) {
            uint8_t *stop = kept > start && kept < end ? kept : end;
            if (start >= p->dropped)
                clear(p, start, (size_t)(stop - start));
            start = stop;
            continue;
        }
        const uint8_t *content = image->content + p->next * PAGE_BYTES;
        if (memcmp(start, content, PAGE_BYTES) != 0)
            memcpy(start, content, PAGE_BYTES);
        p->next++;
        start += PAGE_BYTES;
    }
}

// Every kept page was touched when the image was taken, so a scan that does not tell one cannot be relied on.
bool memory_image_put_back(const struct memory_image *image, uint8_t *memory) {
    struct putting p = {.image = image, .memory = memory, .dropped = memory};
    return each_touched(memory, image->bytes, put_back_run, &p) && !p.lost && p.next == image->count;
}
