// A run of bytes that somebody else owns. Not NUL-terminated. An empty span may have p == NULL.
#ifndef SPEAR_BASE_SPAN_H
#define SPEAR_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
    const char *p;
    size_t n;
};

#define SPAN_LITERAL(literal) ((struct span){(literal), sizeof(literal) - 1})
// For printf("%.*s", SPAN_ARGS(s)).
#define SPAN_ARGS(s) (int)((s).n > 4096 ? 4096 : (s).n), ((s).n ? (s).p : "")

// A NUL-terminated string (NULL gives an empty span).
static inline struct span span_of(const char *text) {
    struct span s = {text, text ? strlen(text) : 0};
    return s;
}
static inline struct span span_make(const void *p, size_t n) {
    struct span s = {(const char *)p, n};
    return s;
}
// The part from `from` (clamped), at most `n` bytes.
struct span span_slice(struct span s, size_t from, size_t n);
bool span_equal(struct span a, struct span b);
bool span_equal_text(struct span a, const char *text);
// ASCII case is ignored (RFC 9110 §5.1 field names, §7.8 tokens).
bool span_equal_nocase(struct span a, const char *text);
bool span_starts_with(struct span s, const char *prefix);
bool span_starts_with_nocase(struct span s, const char *prefix);
bool span_ends_with(struct span s, const char *suffix);
// The position of the first `c`, or s.n.
size_t span_find(struct span s, char c);
bool span_contains(struct span s, struct span part);
// Without spaces and tabs at both ends.
struct span span_trim(struct span s);
// Takes what stands before the first `separator` off the front of *rest; false when *rest is used up. "a,,b" gives
// "a", "", "b"; a separator at the very end adds no empty part.
bool span_next(struct span *rest, char separator, struct span *ret_part);
// The whole of s as a decimal number without sign, blanks or leading plus; false on anything else or overflow.
bool span_to_u64(struct span s, uint64_t *ret_value);
// A NUL-terminated copy on the heap; the caller frees it.
char *span_dup(struct span s);

#endif
