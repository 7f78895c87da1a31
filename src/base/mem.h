// Heap memory. An allocation that fails ends the program with a message: every buffer that an outsider can grow has a
// ceiling of its own (base/buf.h), so what remains is a machine without memory, where nothing sensible can be answered.
#ifndef SPEAR_BASE_MEM_H
#define SPEAR_BASE_MEM_H

#include <stddef.h>
#include <stdlib.h>

void *mem_alloc(size_t size_bytes) __attribute__((returns_nonnull, malloc));
// Zeroed; dies on overflow of the product.
void *mem_calloc(size_t count, size_t size_bytes) __attribute__((returns_nonnull));
void *mem_realloc(void *p, size_t size_bytes) __attribute__((returns_nonnull));
// NULL gives NULL.
char *mem_strdup(const char *text);
void *mem_dup(const void *p, size_t size_bytes);
char *mem_printf(const char *format, ...) __attribute__((format(printf, 1, 2), returns_nonnull));

// One zeroed object of a type.
#define NEW(type) ((type *)mem_calloc(1, sizeof(type)))

// `CLEANUP(f) type v` calls f(&v) when v goes out of scope.
#define CLEANUP(function) __attribute__((cleanup(function)))
void mem_free_pointer(void *pp); // for CLEANUP on heap pointers
void mem_close_fd(int *fd);      // for CLEANUP on descriptors; ignores negative ones
#define AUTO_FREE  CLEANUP(mem_free_pointer)
#define AUTO_CLOSE CLEANUP(mem_close_fd)
// Hands a pointer over: its value, leaving NULL behind.
#define TAKE(pointer)                                                                                                  \
    __extension__({                                                                                                    \
        __typeof__(pointer) take_ = (pointer);                                                                         \
        (pointer) = NULL;                                                                                              \
        take_;                                                                                                         \
    })
#define TAKE_FD(fd)                                                                                                    \
    __extension__({                                                                                                    \
        int take_ = (fd);                                                                                              \
        (fd) = -1;                                                                                                     \
        take_;                                                                                                         \
    })
#define COUNT_OF(array)                     (sizeof(array) / sizeof((array)[0]))
#define CONTAINER_OF(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

// An assertion for errors of ours; stays on in release builds. Writes where and what, then aborts.
#define ASSERT(condition) ((condition) ? (void)0 : mem_assert_failed(#condition, __FILE__, __LINE__))
// Who also hears the message, before the end; NULL for nobody. It may not allocate.
void mem_set_last_words(void (*f)(const char *message));
void mem_assert_failed(const char *condition, const char *file, int line) __attribute__((noreturn));

#endif
