// Base64 (RFC 4648 §4, strict: padding required, no blanks), percent-encoding (RFC 3986 §2.1), UTF-8 check.
#ifndef SPEAR_BASE_ENCODE_H
#define SPEAR_BASE_ENCODE_H

#include "base/buf.h"
#include "base/err.h"

// Appends; -1 when the buffer's ceiling would be passed.
int base64_encode(struct span bytes, struct buf *out);
// Appends the decoded bytes; on bad input fills e (ERR_INVALID_REQUEST, with the offset) and appends nothing.
int base64_decode(struct span text, struct buf *out, struct err *e);
// Appends; keeps unreserved characters (RFC 3986 §2.3) and those in `also_keep`.
int percent_encode(struct span text, const char *also_keep, struct buf *out);
// Decodes into out; -1 on a bad escape or on an escape that gives NUL.
int percent_decode(struct span text, struct buf *out);
bool utf8_valid(struct span text);

#endif
