// Base64 (RFC 4648 §4, strict: padding required, no blanks), percent-encoding (RFC 3986 §2.1), UTF-8 check.
#ifndef SPEAR_BASE_ENCODE_H
#define SPEAR_BASE_ENCODE_H

#include "base/buf.h"
#include "base/err.h"

// Appends; -1 when the buffer's ceiling would be passed.
int base64_encode(struct span bytes, struct buf *out);
// Appends the decoded bytes; on bad input fills e (ERR_INVALID_REQUEST, with the offset) and appends nothing; past the
// buffer's ceiling it is ERR_PAYLOAD_TOO_LARGE.
int base64_decode(struct span text, struct buf *out, struct err *e);
// Appends; keeps unreserved characters (RFC 3986 §2.3) and those in `also_keep`.
int percent_encode(struct span text, const char *also_keep, struct buf *out);
// Decodes into out; -1 on a bad escape, on an escape that gives NUL, or past the ceiling (nothing is appended then).
int percent_decode(struct span text, struct buf *out);
bool utf8_valid(struct span text);
// Bytes of the UTF-8 character (RFC 3629) at the front of a text that is not empty; 0 when there is none.
size_t utf8_length(struct span text);
// Appends text with every byte that is not UTF-8 replaced by U+FFFD.
int utf8_clean(struct span text, struct buf *out);

#endif
