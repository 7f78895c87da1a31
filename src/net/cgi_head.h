// The header fields that a CGI program writes before its body (RFC 3875 §6), parsed strictly; pure functions.
//
// A head is lines `Name: value`, ended by LF or CRLF, up to an empty line. Content-Type, Location or Status must be among
// them, each of these and Content-Length at most once. Status is three digits from 200 to 599 and an optional reason;
// without it a head with Location means 302, any other 200. A Location is always the client's to follow (§6.2.3, §6.2.4),
// also one that is only a path. Names are tokens, values have no control characters but tabs, lines are not folded.
#ifndef SPEAR_NET_CGI_HEAD_H
#define SPEAR_NET_CGI_HEAD_H

#include "base/err.h"
#include "net/http_server.h"

enum { CGI_FIELDS_MAX = 64, CGI_HEAD_BYTES_MAX = 32 * 1024 };

struct cgi_head {
    int status;
    // All fields but Status, Content-Length and those about a connection (RFC 9110 §7.6.1); spans point into the text.
    struct http_header fields[CGI_FIELDS_MAX];
    size_t field_count;
    bool has_type;
    int64_t content_length; // -1: not said
    size_t bytes;           // of the head with its empty line: where the body begins
};

enum cgi_head_result {
    CGI_HEAD_OK,
    CGI_HEAD_MORE, // so far so good, but the empty line is not there yet
    CGI_HEAD_BAD   // ERR_BAD_GATEWAY names what is wrong
};
// What begins with a head. A text that is too long for one is CGI_HEAD_BAD.
enum cgi_head_result cgi_head_parse(struct span text, struct cgi_head *ret, struct err *e);
// CGI_HEAD_MORE at the end of everything: what to answer then.
int cgi_head_missing(struct span text, struct err *e);

#endif
