// Heap memory that is there or ends the program, and the landing place of ASSERT.
//
// No pool and no accounting: ceilings belong to whoever grows a thing (buf.h, arena.h). The messages are written with
// write(2) from the stack, because at this point nothing else can be relied on.
#include "base/mem.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void write_message(const char *text, int length) {
    size_t n = length < 0 ? 0 : (size_t)length;
    ssize_t ignored = write(STDERR_FILENO, text, n);
    (void)ignored;
}

static void die_without_memory(size_t size_bytes) __attribute__((noreturn));
static void die_without_memory(size_t size_bytes) {
    char text[96];
    write_message(text, snprintf(text, sizeof text, "out of memory: %zu bytes were refused\n", size_bytes));
    abort();
}

void *mem_alloc(size_t size_bytes) {
    void *p = malloc(size_bytes ? size_bytes : 1);
    if (!p)
        die_without_memory(size_bytes);
    return p;
}

void *mem_calloc(size_t count, size_t size_bytes) {
    size_t total;
    if (__builtin_mul_overflow(count, size_bytes, &total))
        die_without_memory(SIZE_MAX);
    void *p = calloc(total ? total : 1, 1);
    if (!p)
        die_without_memory(total);
    return p;
}

void *mem_realloc(void *p, size_t size_bytes) {
    void *grown = realloc(p, size_bytes ? size_bytes : 1);
    if (!grown)
        die_without_memory(size_bytes);
    return grown;
}

void *mem_dup(const void *p, size_t size_bytes) {
    void *copy = mem_alloc(size_bytes);
    if (size_bytes)
        memcpy(copy, p, size_bytes);
    return copy;
}

char *mem_strdup(const char *text) {
    return text ? mem_dup(text, strlen(text) + 1) : NULL;
}

char *mem_printf(const char *format, ...) {
    va_list args;
    va_start(args, format);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    ASSERT(length >= 0);
    size_t size_bytes = (size_t)length + 1;
    char *text = mem_alloc(size_bytes);
    va_start(args, format);
    vsnprintf(text, size_bytes, format, args);
    va_end(args);
    return text;
}

void mem_free_pointer(void *pp) {
    void *p;
    memcpy(&p, pp, sizeof p);
    free(p);
}

void mem_close_fd(int *fd) {
    int saved = errno;
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
    errno = saved;
}

static void (*last_words)(const char *message);

void mem_set_last_words(void (*f)(const char *message)) {
    last_words = f;
}

void mem_assert_failed(const char *condition, const char *file, int line) {
    char text[512];
    int length = snprintf(text, sizeof text, "%s:%d: assertion failed: %s\n", file, line, condition);
    write_message(text, length < (int)sizeof text ? length : (int)sizeof text - 1);
    if (last_words)
        last_words(text);
    abort();
}
