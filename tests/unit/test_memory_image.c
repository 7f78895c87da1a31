// Images of memory: whatever is written after the image was taken is gone when it is put back, with and without the kernel's help.
#include "unit.h"
#include "worker/memory_image.h"
#include "worker/page_scan.h"

#include <sys/mman.h>

enum { PAGE = PAGE_SCAN_PAGE_BYTES };

static uint8_t *map(size_t pages) {
    uint8_t *p = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(p != MAP_FAILED);
    return p;
}

// Takes an image of `pages` of which every `kept_step`th has content, writes to every `write_step`th, puts it back and compares every byte. Three times.
static void round_trip(size_t pages, size_t kept_step, size_t write_step) {
    uint8_t *memory = map(pages);
    struct memory_image image = {0};
    for (size_t i = 0; i < pages; i += kept_step)
        memory[i * PAGE + i % PAGE] = (uint8_t)(i + 1) | 1;
    AUTO_FREE uint8_t *copy = mem_dup(memory, pages * PAGE);
    assert_true(memory_image_take(&image, memory, pages * PAGE));
    assert_int_equal(image.count, (pages + kept_step - 1) / kept_step);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < pages; i += write_step)
            memset(memory + i * PAGE, 0xee, PAGE);
        assert_true(memory_image_put_back(&image, memory));
        assert_memory_equal(memory, copy, pages * PAGE);
    }
    memory_image_done(&image);
    munmap(memory, pages * PAGE);
}

static void all_is_compared_where_nothing_is_told(void **state) {
    (void)state;
    assert_false(page_scan_is_possible());
    round_trip(16, 3, 2);
    round_trip(MEMORY_IMAGE_UNSCANNED_BYTES_MAX / PAGE, 50, 1);
    size_t pages = MEMORY_IMAGE_UNSCANNED_BYTES_MAX / PAGE + 16;
    uint8_t *memory = map(pages);
    struct memory_image image = {0};
    assert_false(memory_image_take(&image, memory, pages * PAGE));
    munmap(memory, pages * PAGE);
}

static void touched_pages_are_told(void **state) {
    (void)state;
    page_scan_open();
    if (!page_scan_is_possible())
        fail_msg("/proc/self/pagemap does not tell touched pages");
    round_trip(1, 1, 1);
    round_trip(32, 32, 1);
    round_trip(100, 1, 1);
    round_trip(2000, 7, 5);
}

// More pages of zeros than stay with the process: in one run, scattered between kept pages, after the last kept one.
static void idle_pages_are_given_back(void **state) {
    (void)state;
    enum { MANY = 4 * MEMORY_IMAGE_IDLE_PAGES_MAX };
    round_trip(MANY, MANY, 1);
    round_trip(MANY, 100, 1);
    round_trip(MANY, 3, 2);
    round_trip(MANY, 1000, 7);
    round_trip(MANY, 1, 1);
}

static void count_run(void *ctx, uint8_t *start, size_t bytes) {
    (void)start;
    *(size_t *)ctx += bytes / PAGE;
}

static void an_image_of_a_sparse_memory_is_small(void **state) {
    (void)state;
    enum { PAGES = 32768 }; // 128 MiB
    uint8_t *memory = map(PAGES);
    struct memory_image image = {0};
    size_t touched = 0;
    memset(memory + 1000 * PAGE, 1, 256 * PAGE);
    memory[PAGES * PAGE - 1] = 1;
    memory[7] = 0; // touched, but of no content
    assert_true(memory_image_take(&image, memory, (size_t)PAGES * PAGE));
    assert_int_equal(image.count, 257);
    memset(memory + 2000 * PAGE, 1, 3000 * PAGE);
    assert_true(memory_image_put_back(&image, memory));
    assert_true(page_scan(memory, (size_t)PAGES * PAGE, count_run, &touched));
    assert_true(touched <= 257 + MEMORY_IMAGE_IDLE_PAGES_MAX);
    memory_image_done(&image);
    munmap(memory, (size_t)PAGES * PAGE);
}

static void too_much_content_is_refused(void **state) {
    (void)state;
    size_t bytes = MEMORY_IMAGE_BYTES_MAX + PAGE;
    uint8_t *memory = map(bytes / PAGE);
    struct memory_image image = {0};
    for (size_t at = 0; at < bytes; at += PAGE)
        memory[at] = 1;
    assert_false(memory_image_take(&image, memory, bytes));
    assert_null(image.content);
    munmap(memory, bytes);
}

// A kept page that the kernel does not tell: the image is not put back half.
static void a_missing_page_is_told(void **state) {
    (void)state;
    uint8_t *memory = map(8);
    struct memory_image image = {0};
    memory[2 * PAGE] = memory[5 * PAGE] = 1;
    assert_true(memory_image_take(&image, memory, 8 * PAGE));
    assert_int_equal(madvise(memory + 2 * PAGE, PAGE, MADV_DONTNEED), 0);
    assert_false(memory_image_put_back(&image, memory));
    memory_image_done(&image);
    munmap(memory, 8 * PAGE);
}

// A fork has memory of its own, of which the descriptor it inherits tells nothing.
static void a_fork_does_not_trust_its_parents_view(void **state) {
    (void)state;
    int status = -1;
    page_scan_open();
    assert_true(page_scan_is_possible());
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        bool inherited = page_scan_is_possible();
        page_scan_open();
        _exit(inherited ? 1 : page_scan_is_possible() ? 0 : 2);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_true(page_scan_is_possible());
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_is_compared_where_nothing_is_told),
        cmocka_unit_test(touched_pages_are_told),
        cmocka_unit_test(idle_pages_are_given_back),
        cmocka_unit_test(an_image_of_a_sparse_memory_is_small),
        cmocka_unit_test(too_much_content_is_refused),
        cmocka_unit_test(a_missing_page_is_told),
        cmocka_unit_test(a_fork_does_not_trust_its_parents_view),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
