// Looking at bytes that somebody else owns: comparing, cutting, splitting, reading a number.
//
// Nothing here allocates but span_dup. Unicode is bytes to these functions; utf8_valid is in encode.h.
#include "base/span.h"

#include "base/mem.h"

struct span span_slice(struct span s, size_t from, size_t n) {
    if (from > s.n)
        from = s.n;
    if (n > s.n - from)
        n = s.n - from;
    return s.p ? span_make(s.p + from, n) : span_of(NULL);
}

bool span_equal(struct span a, struct span b) {
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool span_equal_text(struct span a, const char *text) {
    return span_equal(a, span_of(text));
}

static unsigned char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (unsigned char)(c + ('a' - 'A')) : (unsigned char)c;
}

static bool equal_nocase(const char *a, const char *b, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (lower(a[i]) != lower(b[i]))
            return false;
    return true;
}

bool span_equal_nocase(struct span a, const char *text) {
    struct span b = span_of(text);
    return a.n == b.n && equal_nocase(a.p, b.p, a.n);
}

bool span_starts_with(struct span s, const char *prefix) {
    struct span want = span_of(prefix);
    return s.n >= want.n && span_equal(span_slice(s, 0, want.n), want);
}

bool span_starts_with_nocase(struct span s, const char *prefix) {
    struct span want = span_of(prefix);
    return s.n >= want.n && equal_nocase(s.p, want.p, want.n);
}

bool span_ends_with(struct span s, const char *suffix) {
    struct span want = span_of(suffix);
    return s.n >= want.n && span_equal(span_slice(s, s.n - want.n, want.n), want);
}

size_t span_find(struct span s, char c) {
    const char *found = s.n ? memchr(s.p, c, s.n) : NULL;
    return found ? (size_t)(found - s.p) : s.n;
}

bool span_contains(struct span s, struct span part) {
    if (part.n == 0)
        return true;
    return s.n >= part.n && memmem(s.p, s.n, part.p, part.n) != NULL;
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

struct span span_trim(struct span s) {
    while (s.n && is_blank(s.p[0]))
        s = span_slice(s, 1, s.n);
    while (s.n && is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

bool span_next(struct span *rest, char separator, struct span *ret_part) {
    if (rest->n == 0)
        return false;
    size_t at = span_find(*rest, separator);
    *ret_part = span_slice(*rest, 0, at);
    *rest = span_slice(*rest, at + 1, rest->n);
    return true;
}

bool span_to_u64(struct span s, uint64_t *ret_value) {
    uint64_t value = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        if (__builtin_mul_overflow(value, (uint64_t)10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(s.p[i] - '0'), &value))
            return false;
    }
    if (s.n == 0)
        return false;
    *ret_value = value;
    return true;
}

char *span_dup(struct span s) {
    char *text = mem_alloc(s.n + 1);
    if (s.n)
        memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    return text;
}
