// The status and the header fields that a guest gives by calls of module spear. They become the front of its output, written as
// a CGI program writes them (RFC 3875 §6): what is behind it needs to know only one form.
#ifndef SPEAR_WORKER_RESPONSE_HEAD_H
#define SPEAR_WORKER_RESPONSE_HEAD_H

#include "base/buf.h"

enum { RESPONSE_HEAD_FIELDS_MAX = 60, RESPONSE_HEAD_BYTES_MAX = 30 * 1024 }; // inside what net/cgi_head.h takes

struct response_head {
    bool is_given; // a call was made
    int status;
    unsigned field_count;
    struct buf fields; // "Name: value\r\n" …
};

// For the next invocation. Begins as all zero bytes; keeps its memory.
void response_head_reset(struct response_head *h);
// -EINVAL: not from 200 to 599.
int response_head_set_status(struct response_head *h, uint32_t status);
// -EINVAL: the name is no token, or is Status, or the value has a control character; -E2BIG: too many or too much.
int response_head_add(struct response_head *h, struct span name, struct span value);
// The status line of RFC 3875; the fields and an empty line follow it.
enum { RESPONSE_HEAD_STATUS_TEXT = 16 };
struct span response_head_status(const struct response_head *h, char ret_text[RESPONSE_HEAD_STATUS_TEXT]);

#endif
