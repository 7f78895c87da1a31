// Header fields with a grammar of their own, parsed strictly; pure functions.
#ifndef SPEAR_NET_HTTP_FIELDS_H
#define SPEAR_NET_HTTP_FIELDS_H

#include "base/digest.h"
#include "base/span.h"

enum range_result { RANGE_NONE, RANGE_OK, RANGE_UNSATISFIABLE };
// "bytes=0-99", "bytes=100-", "bytes=-5" against a representation of `length` bytes (RFC 9110 §14.2). Malformed, other
// units and several ranges are RANGE_NONE: the whole is sent, as §14.2 allows.
enum range_result http_parse_range(struct span value, uint64_t length, uint64_t *ret_offset, uint64_t *ret_length);
// If-None-Match: true when the list is "*" or has the entity tag, by weak comparison (RFC 9110 §13.1.2).
bool http_etag_listed(struct span value, struct span etag);
// "sha-256=:BASE64:" among the members of a Content-Digest field (RFC 9530 §2): 1 found, 0 no sha-256 member, -1
// malformed.
int http_parse_content_digest(struct span value, unsigned char ret_sha256[SHA256_BYTES]);
// "sha-256=:BASE64:" into text.
enum { CONTENT_DIGEST_TEXT = 64 };
void http_format_content_digest(const unsigned char sha256[SHA256_BYTES], char ret_text[CONTENT_DIGEST_TEXT]);
// Splits "host:port" or "[v6]:port"; false when malformed or the port is not 0…65535. The host span is without
// brackets.
bool http_split_address(struct span address, struct span *ret_host, uint16_t *ret_port);

#endif
