// Taking "host:port" apart. Whether the host exists is for the resolver to say.
#include "base/address.h"

static bool all_in(struct span s, bool (*allowed)(char c)) {
    for (size_t i = 0; i < s.n; i++)
        if (!allowed(s.p[i]))
            return false;
    return true;
}

static bool is_name_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
           c == '_';
}

static bool is_ipv6_char(char c) {
    return (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || (c >= '0' && c <= '9') || c == ':' || c == '.';
}

// The length of the host part with its brackets, 0 when there is none.
static size_t host_length(struct span text) {
    if (text.n && text.p[0] == '[') {
        size_t end = span_find(text, ']');
        struct span inner = span_slice(text, 1, end - 1);
        return end < text.n && span_find(inner, ':') < inner.n && all_in(inner, is_ipv6_char) ? end + 1 : 0;
    }
    size_t end = span_find(text, ':');
    return all_in(span_slice(text, 0, end), is_name_char) ? end : 0;
}

bool address_split(struct span text, struct span *ret_host, uint16_t *ret_port) {
    uint64_t port;
    size_t n = host_length(text);
    if (n == 0 || n > ADDRESS_HOST_MAX || n == text.n || text.p[n] != ':')
        return false;
    struct span digits = span_slice(text, n + 1, text.n);
    if (digits.n > 5 || !span_to_u64(digits, &port) || port > UINT16_MAX)
        return false;
    *ret_host = text.p[0] == '[' ? span_slice(text, 1, n - 2) : span_slice(text, 0, n);
    *ret_port = (uint16_t)port;
    return true;
}
