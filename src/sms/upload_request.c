// What the head of an upload says, checked before a byte of the body is read. Next step: upload.c.
#include "sms/upload_request.h"

#include "base/encode.h"
#include "model/media_type.h"
#include "net/http_fields.h"

#include <stdio.h>

static bool has_control(struct span s) {
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c < 0x20 || c == 0x7f) {
            return true;
        }
    }
    return false;
}

static int check_name(struct span name, struct err *e) {
    if (name.n == 0) {
        return err_set(e, ERR_INVALID_REQUEST, "x-file-name is empty");
    }
    if (name.n > FILE_NAME_MAX) {
        return err_set(e, ERR_INVALID_REQUEST, "x-file-name has %zu bytes; at most %d are allowed", name.n,
                       FILE_NAME_MAX);
    }
    if (!utf8_valid(name)) {
        return err_set(e, ERR_INVALID_REQUEST, "x-file-name is not UTF-8");
    }
    if (has_control(name)) {
        return err_set(e, ERR_INVALID_REQUEST, "x-file-name holds a control character");
    }
    if (span_find(name, '/') != name.n) {
        return err_set(e, ERR_INVALID_REQUEST, "x-file-name \"%.*s\" holds a '/'; give the name without its folders",
                       SPAN_ARGS(name));
    }
    return 0;
}

static bool escapes_nul(struct span s) {
    return span_contains(s, SPAN_LITERAL("%00"));
}

static int read_name(struct http_exchange *x, struct upload_request *r, struct err *e) {
    const struct http_header *header = http_header(x, "x-file-name");
    if (header == NULL) {
        return 0;
    }
    if (escapes_nul(header->value)) {
        return err_set(e, ERR_INVALID_REQUEST, "x-file-name holds a NUL");
    }
    struct buf decoded;
    buf_init(&decoded, (size_t)64 * 1024);
    // A name with a stray '%' is taken as it stands.
    struct span name = percent_decode(header->value, &decoded) == 0 ? buf_span(&decoded) : header->value;
    int result = check_name(name, e);
    if (result == 0) {
        snprintf(r->name, sizeof r->name, "%.*s", SPAN_ARGS(name));
    }
    buf_done(&decoded);
    return result;
}

static int read_content_type(struct http_exchange *x, struct upload_request *r, struct err *e) {
    struct span value = http_header_value(x, "content-type");
    if (value.n == 0) {
        value = SPAN_LITERAL("application/octet-stream");
    }
    if (span_starts_with_nocase(value, "multipart/")) {
        return err_set(e, ERR_UNSUPPORTED_MEDIA_TYPE,
                       "a form (%.*s) is not taken; send the file's bytes as the body (curl --data-binary @FILE)",
                       SPAN_ARGS(value));
    }
    if (value.n > FILE_CONTENT_TYPE_MAX || !media_type_valid(value) || !http_field_value_ok(value) ||
        !utf8_valid(value)) {
        return err_set(e, ERR_INVALID_REQUEST, "Content-Type \"%.*s\" is not a media type of at most %d bytes",
                       SPAN_ARGS(value), FILE_CONTENT_TYPE_MAX);
    }
    struct span coding = http_header_value(x, "content-encoding");
    if (coding.n != 0 && !span_equal_nocase(coding, "identity")) {
        return err_set(e, ERR_UNSUPPORTED_MEDIA_TYPE,
                       "Content-Encoding \"%.*s\" is not taken; send the bytes as they are", SPAN_ARGS(coding));
    }
    snprintf(r->content_type, sizeof r->content_type, "%.*s", SPAN_ARGS(value));
    return 0;
}

static int add_hex_digest(struct upload_request *r, const char *source, struct span hex, struct err *e) {
    struct upload_digest *d = &r->digests[r->digest_count];
    if (!sha256_from_hex(hex, d->sha256)) {
        return err_set(e, ERR_INVALID_REQUEST, "%s must be 64 hexadecimal digits, not \"%.*s\"", source,
                       SPAN_ARGS(hex));
    }
    d->source = source;
    r->digest_count++;
    return 0;
}

static int read_digests(struct http_exchange *x, struct upload_request *r, struct err *e) {
    struct span query;
    const struct http_header *plain = http_header(x, "x-checksum-sha256");
    const struct http_header *field = http_header(x, "content-digest");
    if (plain != NULL && add_hex_digest(r, "x-checksum-sha256", plain->value, e) != 0) {
        return -1;
    }
    if (http_query_value(x, "checksum_sha256", &query) && add_hex_digest(r, "checksum_sha256", query, e) != 0) {
        return -1;
    }
    struct upload_digest *d = &r->digests[r->digest_count];
    int found = field != NULL ? http_parse_content_digest(field->value, d->sha256) : 0;
    if (found < 0) {
        return err_set(e, ERR_INVALID_REQUEST,
                       "Content-Digest is malformed: \"%.*s\"; the form is sha-256=:BASE64: (RFC 9530)",
                       SPAN_ARGS(field->value));
    }
    if (found > 0) {
        d->source = "Content-Digest";
        r->digest_count++;
    }
    return 0;
}

int upload_request_read(struct http_exchange *x, struct upload_request *ret, struct err *e) {
    struct upload_request r = {0};
    if (read_name(x, &r, e) != 0 || read_content_type(x, &r, e) != 0 || read_digests(x, &r, e) != 0) {
        return -1;
    }
    *ret = r;
    return 0;
}

int upload_request_check(const struct upload_request *r, const unsigned char sha256[SHA256_BYTES], struct err *e) {
    for (size_t i = 0; i < r->digest_count; i++) {
        if (memcmp(r->digests[i].sha256, sha256, SHA256_BYTES) != 0) {
            char wanted[SHA256_HEX + 1], seen[SHA256_HEX + 1];
            sha256_to_hex(r->digests[i].sha256, wanted);
            sha256_to_hex(sha256, seen);
            return err_set(e, ERR_CHECKSUM_MISMATCH, "%s says sha256 %s, the body received has %s; nothing was kept",
                           r->digests[i].source, wanted, seen);
        }
    }
    return 0;
}
