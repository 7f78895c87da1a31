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

// A part with a zero in front is octal to some resolvers, and so is none here.
static bool is_ipv4_loopback(struct span host) {
    struct span rest = host, part;
    uint64_t value;
    size_t parts = 0;
    while (span_next(&rest, '.', &part)) {
        bool is_octal = part.n > 1 && part.p[0] == '0';
        if (part.n > 3 || is_octal || !span_to_u64(part, &value) || value > 255 || (parts == 0 && value != 127))
            return false;
        parts++;
    }
    return parts == 4 && !span_ends_with(host, ".");
}

bool address_is_loopback(struct span text) {
    struct span host;
    uint16_t port;
    return address_split(text, &host, &port) && (span_equal_text(host, "::1") || is_ipv4_loopback(host));
}
