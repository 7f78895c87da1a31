// The lines of an answer's header section, as a client gets them one by one, and the fields they become.
#ifndef SPEAR_NET_HTTP_ANSWER_LINES_H
#define SPEAR_NET_HTTP_ANSWER_LINES_H

#include "base/buf.h"
#include "net/http_server.h"

struct http_answer_lines {
    struct buf text; // of the current answer; an interim one's is dropped when the next begins
    int status;
    bool delivered; // the fields of the final answer were asked for: what follows are trailers
};

enum http_line_result {
    HTTP_LINE_MORE,
    HTTP_LINE_END,       // of a final answer's header section
    HTTP_LINE_MALFORMED, // no status, or no field
    HTTP_LINE_TOO_LARGE
};

void http_answer_lines_init(struct http_answer_lines *lines, size_t max_bytes);
void http_answer_lines_done(struct http_answer_lines *lines);
// One line with its end. Lines after the final section are ignored.
enum http_line_result http_answer_lines_add(struct http_answer_lines *lines, struct span line);
// The fields, in memory that the caller frees; the spans point into `lines`. After HTTP_LINE_END.
struct http_header *http_answer_lines_fields(struct http_answer_lines *lines, size_t *ret_count);

#endif
