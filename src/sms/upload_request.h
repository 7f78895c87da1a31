// What the head of an upload says: name, media type, digests. Pure functions of the request's head.
#ifndef SPEAR_SMS_UPLOAD_REQUEST_H
#define SPEAR_SMS_UPLOAD_REQUEST_H

#include "net/http_server.h"
#include "sms/file_table.h"

enum { UPLOAD_DIGESTS_MAX = 3 };

struct upload_digest {
    const char *source; // "x-checksum-sha256", for messages
    unsigned char sha256[SHA256_BYTES];
};

struct upload_request {
    char name[FILE_NAME_MAX + 1]; // "" when the client gave none
    char content_type[FILE_CONTENT_TYPE_MAX + 1];
    struct upload_digest digests[UPLOAD_DIGESTS_MAX]; // each must match
    size_t digest_count;
};

// ERR_INVALID_REQUEST for a malformed field, ERR_UNSUPPORTED_MEDIA_TYPE for a form or a coded body.
int upload_request_read(struct http_exchange *x, struct upload_request *ret, struct err *e);
// ERR_CHECKSUM_MISMATCH with both digests unless all match.
int upload_request_check(const struct upload_request *r, const unsigned char sha256[SHA256_BYTES], struct err *e);

#endif
