// Bytes as text and back: base64, percent-encoding, UTF-8. Strict in what is accepted.
#include "base/encode.h"

#include "base/mem.h"

static const char base64_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int base64_encode(struct span bytes, struct buf *out) {
    size_t groups = bytes.n / 3 + (bytes.n % 3 != 0);
    char *to = groups <= SIZE_MAX / 8 ? buf_reserve(out, groups * 4) : NULL;
    if (!to)
        return -1;
    const unsigned char *p = (const unsigned char *)bytes.p;
    for (size_t at = 0; at < bytes.n; at += 3) {
        size_t left = bytes.n - at;
        uint32_t bits = (uint32_t)p[at] << 16;
        if (left > 1)
            bits |= (uint32_t)p[at + 1] << 8;
        if (left > 2)
            bits |= p[at + 2];
        *to++ = base64_alphabet[bits >> 18];
        *to++ = base64_alphabet[bits >> 12 & 63];
        *to++ = left > 1 ? base64_alphabet[bits >> 6 & 63] : '=';
        *to++ = left > 2 ? base64_alphabet[bits & 63] : '=';
    }
    buf_added(out, groups * 4);
    return 0;
}

// 0 to 63, or -1.
static int base64_value(char c) {
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

// Decodes `significant` (2 to 4) characters of a group into significant - 1 bytes; the index of a bad character, or -1.
// Bits that no byte takes have to be zero, so that each run of bytes has one spelling.
static int decode_group(const char *text, size_t significant, unsigned char *ret_bytes) {
    uint32_t bits = 0;
    for (size_t i = 0; i < significant; i++) {
        int value = base64_value(text[i]);
        if (value < 0)
            return (int)i;
        bits |= (uint32_t)value << (18 - 6 * i);
    }
    if (bits & (0xFFFFFFU >> (8 * (significant - 1))))
        return (int)significant - 1;
    for (size_t i = 0; i + 1 < significant; i++)
        ret_bytes[i] = (unsigned char)(bits >> (16 - 8 * i));
    return -1;
}

static size_t base64_padding(struct span text) {
    return span_ends_with(text, "==") ? 2 : span_ends_with(text, "=") ? 1 : 0;
}

int base64_decode(struct span text, struct buf *out, struct err *e) {
    if (text.n % 4)
        return err_set(e, ERR_INVALID_REQUEST, "base64: %zu characters are no multiple of 4 (padding is required)",
                       text.n);
    size_t padding = base64_padding(text), n = text.n / 4 * 3 - padding;
    unsigned char *to = buf_reserve(out, n);
    if (!to)
        return err_set(e, ERR_PAYLOAD_TOO_LARGE, "base64: %zu decoded bytes are more than the %zu allowed", n,
                       out->max);
    for (size_t at = 0; at < text.n; at += 4) {
        size_t significant = at + 4 == text.n ? 4 - padding : 4;
        int bad = decode_group(text.p + at, significant, to);
        if (bad >= 0) {
            out->p[out->n] = '\0'; // takes back what was decoded so far
            return err_set(e, ERR_INVALID_REQUEST, "base64: bad character at offset %zu", at + (size_t)bad);
        }
        to += significant - 1;
    }
    buf_added(out, n);
    return 0;
}

static bool is_unreserved(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}

static bool is_kept(char c, const char *also_keep) {
    return is_unreserved(c) || (c != '\0' && also_keep && strchr(also_keep, c));
}

int percent_encode(struct span text, const char *also_keep, struct buf *out) {
    static const char hex[] = "0123456789ABCDEF";
    size_t n = text.n;
    for (size_t i = 0; i < text.n; i++)
        n += is_kept(text.p[i], also_keep) ? 0 : 2;
    char *to = buf_reserve(out, n);
    if (!to)
        return -1;
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (is_kept(text.p[i], also_keep)) {
            *to++ = text.p[i];
            continue;
        }
        *to++ = '%';
        *to++ = hex[c >> 4];
        *to++ = hex[c & 15];
    }
    buf_added(out, n);
    return 0;
}

static int hex_value(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// The byte of the escape at the front of text, or -1 when it is none that may be used.
static int escaped_byte(struct span text) {
    if (text.n < 3)
        return -1;
    int high = hex_value(text.p[1]), low = hex_value(text.p[2]);
    if (high < 0 || low < 0 || high + low == 0)
        return -1;
    return high << 4 | low;
}

// Bytes that text decodes to, or -1 when one of its escapes is bad.
static ptrdiff_t decoded_length(struct span text) {
    ptrdiff_t n = 0;
    for (size_t i = 0; i < text.n; i++, n++) {
        if (text.p[i] != '%')
            continue;
        if (escaped_byte(span_slice(text, i, 3)) < 0)
            return -1;
        i += 2;
    }
    return n;
}

int percent_decode(struct span text, struct buf *out) {
    ptrdiff_t n = decoded_length(text);
    char *to = n >= 0 ? buf_reserve(out, (size_t)n) : NULL;
    if (!to)
        return -1;
    for (size_t i = 0; i < text.n; i++) {
        bool escape = text.p[i] == '%';
        *to++ = escape ? (char)escaped_byte(span_slice(text, i, 3)) : text.p[i];
        i += escape ? 2 : 0;
    }
    buf_added(out, (size_t)n);
    return 0;
}

static size_t utf8_length_by_first(unsigned char c) {
    if (c < 0x80)
        return 1;
    if (c < 0xC2 || c > 0xF4)
        return 0;
    return c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
}

size_t utf8_length(struct span text) {
    const unsigned char *p = (const unsigned char *)text.p;
    size_t n = utf8_length_by_first(p[0]);
    if (n > text.n)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    bool overlong = (p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xF0 && p[1] < 0x90);
    bool surrogate = p[0] == 0xED && p[1] > 0x9F;
    bool above_last = p[0] == 0xF4 && p[1] > 0x8F;
    return overlong || surrogate || above_last ? 0 : n;
}

// The bytes at the front of text that are whole characters.
static size_t utf8_valid_prefix(struct span text) {
    size_t at = 0;
    while (at < text.n) {
        size_t length = (unsigned char)text.p[at] < 0x80 ? 1 : utf8_length(span_slice(text, at, 4));
        if (length == 0)
            break;
        at += length;
    }
    return at;
}

bool utf8_valid(struct span text) {
    return utf8_valid_prefix(text) == text.n;
}

int utf8_clean(struct span text, struct buf *out) {
    size_t before = out->n;
    while (text.n) {
        size_t good = utf8_valid_prefix(text);
        bool bad_byte = good < text.n;
        if (buf_append(out, text.p, good) < 0 || (bad_byte && buf_append_text(out, "\xEF\xBF\xBD") < 0)) {
            out->n = before;
            if (out->p)
                out->p[before] = '\0';
            return -1;
        }
        text = span_slice(text, good + bad_byte, text.n);
    }
    return 0;
}
