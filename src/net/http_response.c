// The answer's head and answers that are given whole. Pieces are http_stream.c; the way to the socket is http_output.c.
#include "net/http_internal.h"

#include <stdio.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    COPIED_BODY_BYTES = 16 * 1024, // up to here a body joins the head in the buffer
    READ_FILE_BYTES = 64 * 1024,   // up to here a file in memory does, too
    HEAD_FIXED_BYTES = 256         // status line, Date, Content-Length, Connection
};

struct reason {
    int status;
    const char *text;
};

static const struct reason reasons[] = {
    {100, "Continue"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {203, "Non-Authoritative Information"},
    {204, "No Content"},
    {205, "Reset Content"},
    {206, "Partial Content"},
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {422, "Unprocessable Content"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
};

struct span http_status_phrase(int status) {
    for (size_t i = 0; i < COUNT_OF(reasons); i++)
        if (reasons[i].status == status)
            return span_of(reasons[i].text);
    return (struct span){0};
}

bool http_field_value_ok(struct span value) {
    for (size_t i = 0; i < value.n; i++)
        if (value.p[i] == '\r' || value.p[i] == '\n' || value.p[i] == '\0')
            return false;
    return true;
}

// ---- the head

// Fields that are the server's business; what a caller gives of them is left out.
static bool is_ours(struct span name) {
    switch (name.n) {
    case 4:
        return span_equal_nocase(name, "date");
    case 10:
        return span_equal_nocase(name, "connection");
    case 14:
        return span_equal_nocase(name, "content-length");
    case 17:
        return span_equal_nocase(name, "transfer-encoding");
    default:
        return false;
    }
}

static char *put(char *to, struct span text) {
    if (text.n)
        memcpy(to, text.p, text.n);
    return to + text.n;
}

static char *put_text(char *to, const char *text) {
    return put(to, span_of(text));
}

static char *put_number(char *to, uint64_t value) {
    char digits[20];
    size_t n = 0;
    do
        digits[n++] = (char)('0' + value % 10);
    while ((value /= 10) > 0);
    while (n)
        *to++ = digits[--n];
    return to;
}

static char *put_headers(char *to, const struct http_header *headers, size_t count) {
    for (size_t i = 0; i < count; i++) {
        ASSERT(headers[i].name.n && http_field_value_ok(headers[i].name) && http_field_value_ok(headers[i].value));
        if (is_ours(headers[i].name))
            continue;
        to = put(to, headers[i].name);
        to = put(to, SPAN_LITERAL(": "));
        to = put(to, headers[i].value);
        to = put(to, SPAN_LITERAL("\r\n"));
    }
    return to;
}

static size_t headers_bytes(const struct http_header *headers, size_t count) {
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += headers[i].name.n + headers[i].value.n + 4;
    return bytes;
}

static bool body_is_being_read(const struct http_exchange *x) {
    return x->body == HTTP_BODY_ASKED || x->body == HTTP_BODY_READING || x->body == HTTP_BODY_PAUSED;
}

static bool stays_open(const struct http_exchange *x, const struct http_answer_head *head) {
    if (!x->keep_alive || http_connection_of(x)->shard->draining)
        return false;
    if (x->body_complete || (!head->whole && body_is_being_read(x)))
        return true;
    return http_body_can_be_dropped(x);
}

static void decide_framing(struct http_exchange *x, const struct http_answer_head *head) {
    bool never = head->status == 204 || head->status == 304; // RFC 9110 §6.4.1
    x->answer_bodyless = never || x->is_head;
    x->answer_chunked = head->length < 0 && !never && !x->http10;
    x->keep_alive = stays_open(x, head);
    if (head->length < 0 && x->http10 && !x->answer_bodyless)
        x->keep_alive = false; // the end of the connection is the end of the body
    x->answer_left = head->length;
}

static char *put_framing(const struct http_exchange *x, const struct http_answer_head *head, char *to) {
    if (x->answer_chunked) {
        to = put_text(to, "Transfer-Encoding: chunked\r\n");
    } else if (head->length >= 0 && head->status != 204 && head->status != 304) {
        to = put_text(to, "Content-Length: ");
        to = put_number(to, (uint64_t)head->length);
        to = put_text(to, "\r\n");
    }
    if (!x->keep_alive)
        to = put_text(to, "Connection: close\r\n");
    else if (x->http10)
        to = put_text(to, "Connection: keep-alive\r\n");
    return to;
}

void http_response_head(struct http_exchange *x, const struct http_answer_head *head) {
    ASSERT(x->running && x->answer == HTTP_ANSWER_NONE && head->status >= 200 && head->status <= 999);
    struct http_connection *c = http_connection_of(x);
    if (!head->whole && x->body == HTTP_BODY_ASKED && x->expects_continue) { // now or never
        http_response_continue(x);
        x->expects_continue = false;
    }
    decide_framing(x, head);
    char *to = http_output_reserve(&c->out, HEAD_FIXED_BYTES + headers_bytes(head->headers, head->header_count));
    char *from = to;
    to = put_text(to, "HTTP/1.1 ");
    to = put_number(to, (uint64_t)head->status);
    *to++ = ' ';
    to = put(to, http_status_phrase(head->status));
    to = put_text(to, "\r\nDate: ");
    to = put_text(to, http_shard_date(c->shard));
    to = put_text(to, "\r\n");
    to = put_framing(x, head, to);
    to = put_headers(to, head->headers, head->header_count);
    to = put_text(to, "\r\n");
    c->out.end += (size_t)(to - from);
}

void http_response_continue(struct http_exchange *x) {
    http_output_append(&http_connection_of(x)->out, SPAN_LITERAL("HTTP/1.1 100 Continue\r\n\r\n"));
}

void http_response_done(struct http_exchange *x) {
    struct http_connection *c = http_connection_of(x);
    x->answer = HTTP_ANSWER_DONE;
    if (c->overruling)
        return;
    x->running = false;
    c->shard->running--;
    x->body = HTTP_BODY_ENDED;
    x->abort = x->drain = NULL;
    if (x->dropped)
        http_connection_release(c);
    else
        http_connection_touched(c);
}

// ---- whole answers

// The head of an answer whose body has n bytes. False when nobody will see it.
static bool begin_whole(struct http_exchange *x, int status, const struct http_header *headers, size_t header_count,
                        uint64_t n) {
    if (x->dropped)
        return false;
    struct http_answer_head head = {status, headers, header_count, (int64_t)n, true};
    http_response_head(x, &head);
    return true;
}

void http_respond(struct http_exchange *x, int status, const struct http_header *headers, size_t header_count,
                  struct span body) {
    struct http_connection *c = http_connection_of(x);
    if (begin_whole(x, status, headers, header_count, body.n) && !x->answer_bodyless && body.n) {
        if (body.n <= COPIED_BODY_BYTES)
            http_output_append(&c->out, body);
        else
            http_output_write(c, &body, 1);
    }
    http_response_done(x);
}

void http_respond_owned(struct http_exchange *x, int status, const struct http_header *headers, size_t header_count,
                        char *body, size_t body_bytes, void (*release)(void *body)) {
    struct http_connection *c = http_connection_of(x);
    bool wanted = begin_whole(x, status, headers, header_count, body_bytes) && !x->answer_bodyless;
    if (wanted && body_bytes)
        http_output_lend(&c->out, body, body_bytes, release);
    else if (release)
        release(body);
    http_response_done(x);
}

// Reads a part of a file if that needs no disk; false leaves it to sendfile.
static bool read_cached(struct http_output *out, int fd, uint64_t offset, uint64_t length) {
    if (length > READ_FILE_BYTES)
        return false;
    struct iovec part = {.iov_base = http_output_reserve(out, (size_t)length), .iov_len = (size_t)length};
    if (preadv2(fd, &part, 1, (off_t)offset, RWF_NOWAIT) != (ssize_t)length)
        return false;
    out->end += (size_t)length;
    return true;
}

void http_respond_file(struct http_exchange *x, int status, const struct http_header *headers, size_t header_count,
                       int fd, uint64_t offset, uint64_t length) {
    ASSERT(offset <= INT64_MAX && length <= INT64_MAX - offset);
    struct http_connection *c = http_connection_of(x);
    bool wanted = begin_whole(x, status, headers, header_count, length) && !x->answer_bodyless && length > 0;
    if (wanted && !read_cached(&c->out, fd, offset, length))
        http_output_file(&c->out, fd, offset, length);
    else
        close(fd);
    http_response_done(x);
}
