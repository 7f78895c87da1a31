// The kernel's side of page_scan.h. A page in swap counts as touched; the shared page of zeros that a read brings in does not, where the kernel can tell.
#include "worker/page_scan.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

// <linux/fs.h> of Linux 6.7; older headers do not have it (Documentation/admin-guide/mm/pagemap.rst).
struct region {
    uint64_t start, end, categories;
};
struct scan_request {
    uint64_t size, flags, start, end, walk_end, regions, region_count, pages_max, category_inverted, category_mask,
        category_anyof_mask, return_mask;
};
#define SCAN_REQUEST _IOWR('f', 16, struct scan_request)
enum { CATEGORY_PRESENT = 1 << 3, CATEGORY_SWAPPED = 1 << 4, CATEGORY_ZERO_PAGE = 1 << 5 };
enum { REGIONS_MAX = 64, WORDS_MAX = 512 };
#define WORD_PRESENT (1ull << 63)
#define WORD_SWAPPED (1ull << 62)

static int pagemap = -1;
enum way { WAY_NONE, WAY_REQUEST, WAY_READ };
// What works in this process stands in a page that a fork empties, since the descriptor would go on to tell of the parent's memory.
static enum way *way;

static bool scan_by_request(uint8_t *start, size_t bytes, page_scan_run *f, void *ctx) {
    struct region regions[REGIONS_MAX];
    struct scan_request r = {.size = sizeof r,
                             .start = (uintptr_t)start,
                             .end = (uintptr_t)start + bytes,
                             .regions = (uintptr_t)regions,
                             .region_count = REGIONS_MAX,
                             .category_inverted = CATEGORY_ZERO_PAGE,
                             .category_mask = CATEGORY_ZERO_PAGE,
                             .category_anyof_mask = CATEGORY_PRESENT | CATEGORY_SWAPPED};
    while (r.start < r.end) {
        int count = ioctl(pagemap, SCAN_REQUEST, &r);
        if (count < 0)
            return false;
        for (int i = 0; i < count; i++)
            f(ctx, start + (regions[i].start - (uintptr_t)start), (size_t)(regions[i].end - regions[i].start));
        if (r.walk_end <= r.start)
            return false;
        r.start = r.walk_end;
    }
    return true;
}

static void tell_runs(const uint64_t *words, size_t count, uint8_t *start, page_scan_run *f, void *ctx) {
    for (size_t i = 0, first = 0; i <= count; i++) {
        if (i < count && words[i] & (WORD_PRESENT | WORD_SWAPPED))
            continue;
        if (i > first)
            f(ctx, start + first * PAGE_SCAN_PAGE_BYTES, (i - first) * PAGE_SCAN_PAGE_BYTES);
        first = i + 1;
    }
}

static bool scan_by_reading(uint8_t *start, size_t bytes, page_scan_run *f, void *ctx) {
    uint64_t words[WORDS_MAX];
    for (size_t at = 0, pages = bytes / PAGE_SCAN_PAGE_BYTES; at < pages;) {
        size_t count = pages - at < WORDS_MAX ? pages - at : WORDS_MAX;
        uint8_t *from = start + at * PAGE_SCAN_PAGE_BYTES;
        off_t offset = (off_t)((uintptr_t)from / PAGE_SCAN_PAGE_BYTES * sizeof words[0]);
        if (pread(pagemap, words, count * sizeof words[0], offset) != (ssize_t)(count * sizeof words[0]))
            return false;
        tell_runs(words, count, from, f, ctx);
        at += count;
    }
    return true;
}

unsigned page_scan_request(void) {
    return (unsigned)SCAN_REQUEST;
}

bool page_scan_is_possible(void) {
    return way && *way != WAY_NONE;
}

bool page_scan(uint8_t *start, size_t bytes, page_scan_run *f, void *ctx) {
    if (bytes == 0)
        return true;
    if (!page_scan_is_possible())
        return false;
    if (*way == WAY_REQUEST)
        return scan_by_request(start, bytes, f, ctx);
    return scan_by_reading(start, bytes, f, ctx);
}

// ---- trying it out

enum { TRIAL_PAGES = 5 };
struct trial {
    const uint8_t *start;
    unsigned touched; // a bit a page
};

static void note(void *ctx, uint8_t *start, size_t bytes) {
    struct trial *t = ctx;
    size_t first = (size_t)(start - t->start) / PAGE_SCAN_PAGE_BYTES;
    for (size_t i = first; i < first + bytes / PAGE_SCAN_PAGE_BYTES; i++)
        t->touched |= 1u << i;
}

static bool works(enum way tried, uint8_t *pages) {
    *way = tried;
    struct trial t = {.start = pages};
    return page_scan(pages, TRIAL_PAGES * PAGE_SCAN_PAGE_BYTES, note, &t) && t.touched == 0x0a;
}

static void *map_pages(size_t count) {
    void *p = mmap(NULL, count * PAGE_SCAN_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

static void find_way(uint8_t *pages) {
    pages[PAGE_SCAN_PAGE_BYTES] = pages[3 * PAGE_SCAN_PAGE_BYTES] = 1;
    if (!works(WAY_REQUEST, pages) && !works(WAY_READ, pages))
        *way = WAY_NONE;
}

void page_scan_open(void) {
    if (sysconf(_SC_PAGESIZE) != PAGE_SCAN_PAGE_BYTES)
        return;
    way = way ? way : map_pages(1);
    if (!way || madvise(way, PAGE_SCAN_PAGE_BYTES, MADV_WIPEONFORK))
        return;
    if (pagemap >= 0)
        close(pagemap);
    pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    uint8_t *pages = map_pages(TRIAL_PAGES);
    *way = WAY_NONE;
    if (pages && pagemap >= 0)
        find_way(pages);
    if (pages)
        munmap(pages, TRIAL_PAGES * PAGE_SCAN_PAGE_BYTES);
}
