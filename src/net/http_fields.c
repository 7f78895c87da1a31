// Parsers for single header fields, strict: what does not match the grammar is not guessed at. Pure functions.
#include "net/http_fields.h"

#include "base/address.h"
#include "base/encode.h"

#include <stdio.h>

// ---- Range (RFC 9110 §14.1.2)

// "-5": the last 5 bytes.
static enum range_result suffix_range(struct span text, uint64_t length, uint64_t *ret_offset, uint64_t *ret_length) {
    uint64_t n;
    if (!span_to_u64(text, &n))
        return RANGE_NONE;
    if (n == 0 || length == 0)
        return RANGE_UNSATISFIABLE;
    *ret_length = n < length ? n : length;
    *ret_offset = length - *ret_length;
    return RANGE_OK;
}

enum range_result http_parse_range(struct span value, uint64_t length, uint64_t *ret_offset, uint64_t *ret_length) {
    value = span_trim(value);
    if (!span_starts_with_nocase(value, "bytes="))
        return RANGE_NONE;
    struct span range = span_trim(span_slice(value, 6, value.n));
    size_t dash = span_find(range, '-');
    if (dash == range.n)
        return RANGE_NONE;
    struct span first = span_slice(range, 0, dash), last = span_slice(range, dash + 1, range.n);
    if (first.n == 0)
        return suffix_range(last, length, ret_offset, ret_length);
    uint64_t from, to = UINT64_MAX;
    if (!span_to_u64(first, &from) || (last.n && !span_to_u64(last, &to)) || to < from)
        return RANGE_NONE;
    if (from >= length)
        return RANGE_UNSATISFIABLE;
    *ret_offset = from;
    *ret_length = (to < length ? to + 1 : length) - from;
    return RANGE_OK;
}

// ---- If-None-Match (RFC 9110 §13.1.2)

static bool is_list_blank(char c) {
    return c == ' ' || c == '\t' || c == ',';
}

// Takes `W/"..."` or `"..."` off the front, without the W/; false when there is none.
static bool next_etag(struct span *rest, struct span *ret_tag) {
    while (rest->n && is_list_blank(rest->p[0]))
        *rest = span_slice(*rest, 1, rest->n);
    if (span_starts_with(*rest, "W/"))
        *rest = span_slice(*rest, 2, rest->n);
    if (rest->n == 0 || rest->p[0] != '"')
        return false;
    size_t close = span_find(span_slice(*rest, 1, rest->n), '"') + 1;
    if (close >= rest->n)
        return false;
    *ret_tag = span_slice(*rest, 0, close + 1);
    *rest = span_slice(*rest, close + 1, rest->n);
    return rest->n == 0 || is_list_blank(rest->p[0]);
}

bool http_etag_listed(struct span value, struct span etag) {
    if (span_equal_text(span_trim(value), "*"))
        return true;
    if (span_starts_with(etag, "W/"))
        etag = span_slice(etag, 2, etag.n);
    struct span tag;
    while (next_etag(&value, &tag))
        if (span_equal(tag, etag))
            return true;
    return false;
}

// ---- Content-Digest (RFC 9530 §2, a dictionary of RFC 8941)

static int decode_sha256(struct span text, unsigned char ret_sha256[SHA256_BYTES]) {
    if (text.n < 2 || text.p[0] != ':' || text.p[text.n - 1] != ':')
        return -1;
    struct buf bytes;
    buf_init(&bytes, SHA256_BYTES);
    int result = base64_decode(span_slice(text, 1, text.n - 2), &bytes, NULL);
    if (result == 0 && bytes.n == SHA256_BYTES)
        memcpy(ret_sha256, bytes.p, SHA256_BYTES);
    else
        result = -1;
    buf_done(&bytes);
    return result;
}

int http_parse_content_digest(struct span value, unsigned char ret_sha256[SHA256_BYTES]) {
    struct span member;
    int found = 0;
    while (span_next(&value, ',', &member)) {
        member = span_trim(member);
        size_t equals = span_find(member, '=');
        if (equals == 0 || equals == member.n)
            return -1;
        if (!span_equal_text(span_slice(member, 0, equals), "sha-256"))
            continue;
        if (decode_sha256(span_slice(member, equals + 1, member.n), ret_sha256) < 0)
            return -1;
        found = 1;
    }
    return found;
}

void http_format_content_digest(const unsigned char sha256[SHA256_BYTES], char ret_text[CONTENT_DIGEST_TEXT]) {
    struct buf text;
    buf_init(&text, CONTENT_DIGEST_TEXT);
    base64_encode(span_make(sha256, SHA256_BYTES), &text);
    snprintf(ret_text, CONTENT_DIGEST_TEXT, "sha-256=:%s:", buf_text(&text));
    buf_done(&text);
}

bool http_split_address(struct span address, struct span *ret_host, uint16_t *ret_port) {
    return address_split(address, ret_host, ret_port);
}
