// Bytes to a request's head and to the data of chunked bodies: llhttp in its strict mode, and the rules it leaves open.
//
// The head's texts are copied into the connection's request memory piece by piece as they come, so that reading needs
// no buffer of its own. Bodies with a length do not come here (http_body.c).
#include "net/http_internal.h"

#include <llhttp.h>

enum {
    FIELD_OVERHEAD_BYTES = 4,    // ": " and CRLF
    REQUEST_LINE_BYTES_MAX = 64, // around the target: method, blanks, version
    LEADING_BYTES_MAX = 4,       // RFC 9112 §2.2: an empty line before a request; two are borne
    CHUNK_WASTE_BYTES = 64 * 1024,
    CHUNK_WASTE_PER_BYTE = 16 // one-byte chunks cost six
};

struct http_parser {
    llhttp_t llhttp;
};

static const struct http_refusal MALFORMED = {400, ERR_INVALID_REQUEST, "malformed request"};
static const struct http_refusal TOO_LONG = {414, ERR_URI_TOO_LONG, "the request target is too long"};
static const struct http_refusal TOO_LARGE = {431, ERR_HEADERS_TOO_LARGE, "the header section is too large"};
static const struct http_refusal BAD_VERSION = {505, ERR_NOT_SUPPORTED, "only HTTP/1.0 and HTTP/1.1 are spoken here"};
static const struct http_refusal BAD_METHOD = {501, ERR_NOT_SUPPORTED, "unknown request method"};

static int refuse_with(struct http_connection *c, struct http_refusal refusal) {
    c->refusal = refusal;
    return HPE_USER;
}

static bool refuse_text(struct http_connection *c, const char *why) {
    c->refusal = (struct http_refusal){400, ERR_INVALID_REQUEST, why};
    return false;
}

// ---- llhttp's callbacks

// Appends to the last text; pieces of one text lie behind each other.
static bool add_text(struct http_connection *c, struct span *text, const char *p, size_t n) {
    struct http_request_memory *memory = c->memory;
    if (n > memory->size_bytes - memory->used_bytes)
        return false;
    char *to = memory->text + memory->used_bytes;
    if (n)
        memcpy(to, p, n);
    if (!text->p)
        text->p = to;
    text->n += n;
    memory->used_bytes += n;
    return true;
}

static int on_url(llhttp_t *parser, const char *p, size_t n) {
    struct http_connection *c = parser->data;
    struct span *target = &c->x.target;
    if (n > c->shard->server->config.target_max_bytes - target->n || !add_text(c, target, p, n))
        return refuse_with(c, TOO_LONG);
    return 0;
}

static int add_trailer(struct http_connection *c, size_t n) {
    c->trailer_bytes += n + FIELD_OVERHEAD_BYTES;
    if (c->trailer_bytes > c->shard->server->config.headers_max_bytes)
        return refuse_with(c, TOO_LARGE);
    return 0;
}

static int on_field(llhttp_t *parser, const char *p, size_t n) {
    struct http_connection *c = parser->data;
    if (c->parser_head_done)
        return add_trailer(c, n);
    if (!c->parser_version_done)
        return refuse_with(c, BAD_VERSION);
    if (c->x.header_count == 0 || c->parser_in_value) {
        if (c->x.header_count == HTTP_FIELDS_MAX)
            return refuse_with(c, TOO_LARGE);
        c->memory->headers[c->x.header_count++] = (struct http_header){0};
        c->parser_in_value = false;
    }
    return add_text(c, &c->memory->headers[c->x.header_count - 1].name, p, n) ? 0 : refuse_with(c, TOO_LARGE);
}

static int on_value(llhttp_t *parser, const char *p, size_t n) {
    struct http_connection *c = parser->data;
    if (c->parser_head_done)
        return add_trailer(c, n);
    c->parser_in_value = true;
    return add_text(c, &c->memory->headers[c->x.header_count - 1].value, p, n) ? 0 : refuse_with(c, TOO_LARGE);
}

static int on_version_complete(llhttp_t *parser) {
    struct http_connection *c = parser->data;
    c->parser_version_done = true;
    return 0;
}

static int on_head_complete(llhttp_t *parser) {
    struct http_connection *c = parser->data;
    parser->upgrade = 0; // an ordinary request: nobody here speaks anything else
    c->parser_head_done = true;
    return HPE_PAUSED;
}

static int on_body(llhttp_t *parser, const char *p, size_t n) {
    struct http_connection *c = parser->data;
    return http_body_deliver(&c->x, span_make(p, n)) ? 0 : HPE_PAUSED;
}

static int on_extension(llhttp_t *parser, const char *p, size_t n) {
    (void)p;
    struct http_connection *c = parser->data;
    c->chunk_extension_bytes += n + 1;
    return c->chunk_extension_bytes > HTTP_CHUNK_EXTENSIONS_BYTES ? refuse_with(c, MALFORMED) : 0;
}

static int on_complete(llhttp_t *parser) {
    struct http_connection *c = parser->data;
    c->parser_body_done = true;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_url = on_url,
    .on_version_complete = on_version_complete,
    .on_header_field = on_field,
    .on_header_value = on_value,
    .on_headers_complete = on_head_complete,
    .on_body = on_body,
    .on_chunk_extension_name = on_extension,
    .on_chunk_extension_value = on_extension,
    .on_message_complete = on_complete,
};

void http_parser_new(struct http_connection *c) {
    c->parser = NEW(struct http_parser);
    http_parser_reset(c);
}

void http_parser_free(struct http_connection *c) {
    free(TAKE(c->parser));
}

void http_parser_reset(struct http_connection *c) {
    llhttp_init(&c->parser->llhttp, HTTP_REQUEST, &settings);
    c->parser->llhttp.data = c;
    if (c->memory)
        c->memory->used_bytes = 0;
    c->head_bytes = c->chunk_bytes = c->trailer_bytes = c->chunk_extension_bytes = 0;
    c->leading_bytes = 0;
    c->last_byte = '\0';
    c->parser_line_done = c->parser_in_value = c->parser_version_done = c->parser_head_done = c->parser_body_done =
        false;
}

// ---- the head

// Empty lines before the request line, whole CRLFs only. Returns how many bytes were theirs.
static size_t skip_leading(struct http_connection *c, const char *p, size_t n, bool *ok) {
    size_t used = 0;
    while (used < n && c->head_bytes == 0) {
        char want = c->leading_bytes % 2 ? '\n' : '\r';
        if (p[used] != want && c->leading_bytes % 2 == 0 && p[used] != '\n')
            break;
        *ok = p[used] == want && c->leading_bytes < LEADING_BYTES_MAX;
        if (!*ok)
            break;
        c->leading_bytes++;
        used++;
    }
    return used;
}

// What llhttp's verdict means to the client. `first` is the request's first byte.
static struct http_refusal refusal_for(struct http_connection *c, llhttp_errno_t verdict, char first) {
    bool method_like = (first >= 'A' && first <= 'Z') || (first >= 'a' && first <= 'z');
    switch (verdict) {
    case HPE_USER:
        return c->refusal;
    case HPE_INVALID_METHOD:
        return method_like ? BAD_METHOD : MALFORMED;
    case HPE_PAUSED_H2_UPGRADE:
        return BAD_VERSION;
    case HPE_INVALID_VERSION:
        // Also the code for a bare LF behind a good version.
        return llhttp_get_http_major(&c->parser->llhttp) == 1 && llhttp_get_http_minor(&c->parser->llhttp) <= 1
                   ? MALFORMED
                   : BAD_VERSION;
    default:
        return (struct http_refusal){400, ERR_INVALID_REQUEST, llhttp_get_error_reason(&c->parser->llhttp)};
    }
}

// RFC 9112 §3 wants one blank between the parts of the request line; llhttp bears more of them.
static bool line_blanks_ok(struct http_connection *c, const char *p, size_t n) {
    const char *end = memchr(p, '\n', n);
    bool doubled = (c->last_byte == ' ' && p[0] == ' ') || memmem(p, end ? (size_t)(end - p) : n, "  ", 2);
    c->last_byte = p[n - 1];
    c->parser_line_done = end != NULL;
    return !doubled;
}

// "GET /" and the end of the line: HTTP/0.9, which has no head that would end.
static bool is_http09(const struct http_connection *c, char last) {
    return last == '\n' && c->x.target.n && !c->parser_version_done;
}

static bool head_too_large(const struct http_connection *c) {
    return c->head_bytes > c->shard->server->config.headers_max_bytes + c->x.target.n + REQUEST_LINE_BYTES_MAX;
}

static enum http_parsed head_refused(struct http_connection *c, struct http_refusal refusal) {
    c->refusal = refusal;
    return HTTP_PARSED_REFUSED;
}

enum http_parsed http_parser_head(struct http_connection *c, const char *p, size_t n, size_t *ret_used) {
    bool ok = true;
    size_t leading = skip_leading(c, p, n, &ok);
    *ret_used = leading;
    if (!ok)
        return head_refused(c, MALFORMED);
    if (leading == n)
        return HTTP_PARSED_MORE;
    if (c->head_bytes == 0)
        c->first_byte = p[leading];
    if (!c->parser_line_done && !line_blanks_ok(c, p + leading, n - leading))
        return head_refused(c, MALFORMED);
    llhttp_errno_t verdict = llhttp_execute(&c->parser->llhttp, p + leading, n - leading);
    bool done = verdict == HPE_PAUSED && c->parser_head_done;
    *ret_used = done ? (size_t)(llhttp_get_error_pos(&c->parser->llhttp) - p) : n;
    c->head_bytes += *ret_used - leading;
    if (!done && verdict != HPE_OK)
        return head_refused(c, refusal_for(c, verdict, c->first_byte));
    if (is_http09(c, p[n - 1]))
        return head_refused(c, BAD_VERSION);
    if (head_too_large(c))
        return head_refused(c, TOO_LARGE);
    if (!done)
        return HTTP_PARSED_MORE;
    llhttp_resume(&c->parser->llhttp);
    return HTTP_PARSED_DONE;
}

// ---- what llhttp leaves open

// Visible ASCII without '#': llhttp lets fragments pass.
static bool target_characters_ok(struct span target) {
    for (size_t i = 0; i < target.n; i++)
        if (target.p[i] <= ' ' || target.p[i] >= 0x7f || target.p[i] == '#')
            return false;
    return true;
}

static void split_query(struct http_exchange *x, struct span path_and_query) {
    size_t at = span_find(path_and_query, '?');
    x->path = span_slice(path_and_query, 0, at);
    x->query = span_slice(path_and_query, at + 1, path_and_query.n);
    if (x->path.n == 0)
        x->path = SPAN_LITERAL("/"); // "http://host" and "http://host?query"
}

static bool split_absolute(struct http_exchange *x) {
    size_t scheme = span_starts_with_nocase(x->target, "http://")    ? 7
                    : span_starts_with_nocase(x->target, "https://") ? 8
                                                                     : 0;
    struct span rest = span_slice(x->target, scheme, x->target.n);
    size_t slash = span_find(rest, '/'), mark = span_find(rest, '?');
    size_t host_bytes = slash < mark ? slash : mark;
    if (scheme == 0 || host_bytes == 0)
        return false;
    split_query(x, span_slice(rest, host_bytes, rest.n));
    return true;
}

static bool check_target(struct http_connection *c) {
    struct http_exchange *x = &c->x;
    if (!target_characters_ok(x->target))
        return refuse_text(c, "the request target has a character that it must not have");
    if (x->target.n && x->target.p[0] == '/') {
        split_query(x, x->target);
        return true;
    }
    if (span_equal_text(x->target, "*") && c->parser->llhttp.method == HTTP_OPTIONS) {
        x->path = x->target;
        return true;
    }
    return split_absolute(x) || refuse_text(c, "the request target is neither a path nor an http URL");
}

static bool host_ok(struct span host) {
    static const char extra[] = "-._~!$&'()*+;=%:[]";
    for (size_t i = 0; i < host.n; i++) {
        char h = host.p[i];
        bool word = (h >= '0' && h <= '9') || (h >= 'A' && h <= 'Z') || (h >= 'a' && h <= 'z');
        if (!word && !memchr(extra, h, sizeof extra - 1))
            return false;
    }
    return true;
}

static bool check_host(struct http_connection *c, size_t hosts, struct span host) {
    if (hosts > 1)
        return refuse_text(c, "more than one Host");
    if (hosts == 0 && !c->x.http10)
        return refuse_text(c, "no Host");
    return host_ok(host) || refuse_text(c, "malformed Host");
}

static bool check_coding(struct http_connection *c, size_t codings, struct span coding) {
    struct http_exchange *x = &c->x;
    x->content_length = 0;
    if (codings) {
        if (codings > 1 || !span_equal_nocase(coding, "chunked") || x->http10)
            return refuse_text(c, "the only transfer coding understood is chunked, in HTTP/1.1");
        x->content_length = -1;
    } else if (c->parser->llhttp.flags & F_CONTENT_LENGTH) {
        if (c->parser->llhttp.content_length > INT64_MAX)
            return refuse_text(c, "Content-Length is out of range");
        x->content_length = (int64_t)c->parser->llhttp.content_length;
    }
    x->body_left = x->content_length > 0 ? (uint64_t)x->content_length : 0;
    x->body_complete = x->content_length == 0;
    return true;
}

static bool check_expectation(struct http_connection *c, struct span expect) {
    if (expect.n == 0)
        return true;
    if (!span_equal_nocase(expect, "100-continue")) {
        c->refusal = (struct http_refusal){417, ERR_INVALID_REQUEST, "the only expectation understood is 100-continue"};
        return false;
    }
    c->x.expects_continue = !c->x.http10 && !c->x.body_complete;
    return true;
}

struct special_fields {
    size_t hosts, codings;
    struct span host, coding, expect;
};

static struct special_fields find_special(struct http_connection *c) {
    struct special_fields found = {0};
    for (size_t i = 0; i < c->x.header_count; i++) {
        struct http_header *header = &c->memory->headers[i];
        header->value = span_trim(header->value);
        if (span_equal_nocase(header->name, "host")) {
            found.hosts++;
            found.host = header->value;
        } else if (span_equal_nocase(header->name, "transfer-encoding")) {
            found.codings++;
            found.coding = header->value;
        } else if (span_equal_nocase(header->name, "expect")) {
            found.expect = header->value;
        }
    }
    return found;
}

static bool check_method(struct http_connection *c) {
    uint8_t method = c->parser->llhttp.method;
    if (method > HTTP_SOURCE || method == HTTP_SOURCE) { // what follows are RTSP's; SOURCE brings ICE/1.0 along
        c->refusal = BAD_METHOD;
        return false;
    }
    if (method == HTTP_CONNECT)
        return refuse_text(c, "CONNECT is not for servers");
    c->x.method = span_of(llhttp_method_name((llhttp_method_t)method));
    c->x.is_head = method == HTTP_HEAD;
    return true;
}

bool http_parser_check(struct http_connection *c) {
    struct http_exchange *x = &c->x;
    if (c->parser->llhttp.http_major != 1 || c->parser->llhttp.http_minor > 1) {
        c->refusal = BAD_VERSION;
        return false;
    }
    x->http10 = c->parser->llhttp.http_minor == 0;
    if (!check_method(c))
        return false;
    struct special_fields found = find_special(c);
    if (!check_target(c) || !check_host(c, found.hosts, found.host) || !check_coding(c, found.codings, found.coding) ||
        !check_expectation(c, found.expect))
        return false;
    x->keep_alive = llhttp_should_keep_alive(&c->parser->llhttp) != 0;
    return true;
}

// ---- chunked bodies

// Long extensions, leading zeros and chunks of a byte each: all of it is framing, and framing has a ceiling.
static bool wasteful(const struct http_connection *c) {
    return c->chunk_bytes > CHUNK_WASTE_BYTES &&
           (c->chunk_bytes - CHUNK_WASTE_BYTES) / CHUNK_WASTE_PER_BYTE > c->x.body_seen;
}

enum http_parsed http_parser_chunks(struct http_connection *c, const char *p, size_t n, size_t *ret_used) {
    llhttp_errno_t verdict = llhttp_execute(&c->parser->llhttp, p, n);
    bool paused = verdict == HPE_PAUSED;
    *ret_used = paused ? (size_t)(llhttp_get_error_pos(&c->parser->llhttp) - p) : n;
    c->chunk_bytes += *ret_used;
    if (!paused && verdict != HPE_OK)
        return head_refused(c, refusal_for(c, verdict, 'A'));
    if (paused)
        llhttp_resume(&c->parser->llhttp);
    if (c->parser_body_done)
        return HTTP_PARSED_DONE;
    return wasteful(c) ? head_refused(c, MALFORMED) : HTTP_PARSED_MORE;
}
