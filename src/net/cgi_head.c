// Parses the head of a CGI answer line by line; see cgi_head.h for the rules. Next step: whoever answers with it.
#include "net/cgi_head.h"

#include "base/mem.h"

#include <inttypes.h>

enum { STATUS_MIN = 200, STATUS_MAX = 599, SHOWN_BYTES = 64, SHOWN_TEXT = SHOWN_BYTES + 4 };

struct parsing {
    struct cgi_head *head;
    unsigned line; // from 1, for errors
    size_t line_count;
    bool has_status, has_location;
    struct err *error;
};

// ---- letters

static bool is_token_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_token(struct span name) {
    for (size_t i = 0; i < name.n; i++)
        if (!is_token_char(name.p[i]))
            return false;
    return name.n > 0;
}

static bool is_value(struct span value) {
    for (size_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];
        if ((c < ' ' && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

// What a guest wrote, fit for an error's text.
static const char *shown(struct span text, char ret[SHOWN_TEXT]) {
    size_t n = text.n < SHOWN_BYTES ? text.n : SHOWN_BYTES;
    for (size_t i = 0; i < n; i++)
        ret[i] = text.p[i] >= ' ' && text.p[i] < 0x7f ? text.p[i] : '?';
    memcpy(ret + n, text.n > n ? "..." : "", text.n > n ? 4 : 1);
    return ret;
}

static int bad(const struct parsing *p, struct span text, const char *why) {
    char at[SHOWN_TEXT];
    return err_set(p->error, ERR_BAD_GATEWAY, "http.cgi: line %u of the guest's output, \"%s\": %s", p->line,
                   shown(text, at), why);
}

// ---- fields

static bool is_of_a_connection(struct span name) {
    static const char *const names[] = {"connection", "proxy-connection",  "keep-alive", "te",
                                        "trailer",    "transfer-encoding", "upgrade"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (span_equal_nocase(name, names[i]))
            return true;
    return false;
}

static int once(const struct parsing *p, bool *seen, struct span line) {
    if (*seen)
        return bad(p, line, "a second one");
    *seen = true;
    return 0;
}

static int take_status(struct parsing *p, struct span line, struct span value) {
    uint64_t code;
    struct span digits = span_slice(value, 0, span_find(value, ' '));
    if (once(p, &p->has_status, line) < 0)
        return -1;
    if (digits.n != 3 || !span_to_u64(digits, &code) || code < STATUS_MIN || code > STATUS_MAX)
        return bad(p, line, "a status is three digits from 200 to 599, then maybe a blank and words");
    p->head->status = (int)code;
    return 0;
}

static int take_length(struct parsing *p, struct span line, struct span value) {
    uint64_t length;
    if (p->head->content_length >= 0)
        return bad(p, line, "a second one");
    if (!span_to_u64(value, &length) || length > INT64_MAX)
        return bad(p, line, "not a number of bytes");
    p->head->content_length = (int64_t)length;
    return 0;
}

static int take_field(struct parsing *p, struct span line, struct span name, struct span value) {
    struct cgi_head *h = p->head;
    if (span_equal_nocase(name, "status"))
        return take_status(p, line, value);
    if (span_equal_nocase(name, "content-length"))
        return take_length(p, line, value);
    if (span_equal_nocase(name, "content-type") && once(p, &h->has_type, line) < 0)
        return -1;
    if (span_equal_nocase(name, "location")) {
        if (once(p, &p->has_location, line) < 0)
            return -1;
        if (value.n == 0)
            return bad(p, line, "a Location without a target");
    }
    if (!is_of_a_connection(name))
        h->fields[h->field_count++] = (struct http_header){name, value};
    return 0;
}

static int take_line(struct parsing *p, struct span line) {
    size_t colon = span_find(line, ':');
    struct span name = span_slice(line, 0, colon), value = span_trim(span_slice(line, colon + 1, line.n));
    if (++p->line_count > CGI_FIELDS_MAX)
        return bad(p, line, "more than 64 header fields");
    if (colon == line.n)
        return bad(p, line, "not a header field (Name: value); an empty line ends the header fields");
    if (!is_token(name))
        return bad(p, line, "what stands before the colon is no field name");
    if (!is_value(value))
        return bad(p, line, "a control character in the value");
    return take_field(p, line, name, value);
}

// The next line without its end; false when its LF is not there yet.
static bool next_line(struct span text, size_t *at, struct span *ret) {
    struct span rest = span_slice(text, *at, text.n);
    size_t end = span_find(rest, '\n');
    if (end == rest.n)
        return false;
    *ret = span_slice(rest, 0, end > 0 && rest.p[end - 1] == '\r' ? end - 1 : end);
    *at += end + 1;
    return true;
}

static enum cgi_head_result conclude(struct parsing *p, size_t bytes) {
    struct cgi_head *h = p->head;
    if (!h->has_type && !p->has_status && !p->has_location) {
        err_set(p->error, ERR_BAD_GATEWAY,
                "http.cgi: the guest's output begins with none of Content-Type, Status and Location");
        return CGI_HEAD_BAD;
    }
    if (!p->has_status && p->has_location)
        h->status = 302;
    h->bytes = bytes;
    return CGI_HEAD_OK;
}

enum cgi_head_result cgi_head_parse(struct span text, struct cgi_head *ret, struct err *e) {
    struct parsing p = {.head = ret, .error = e};
    struct span line, limited = span_slice(text, 0, CGI_HEAD_BYTES_MAX);
    size_t at = 0;
    ret->status = 200;
    ret->field_count = 0;
    ret->has_type = false;
    ret->content_length = -1;
    ret->bytes = 0;
    while (next_line(limited, &at, &line)) {
        p.line++;
        if (line.n == 0)
            return conclude(&p, at);
        if (take_line(&p, line) < 0)
            return CGI_HEAD_BAD;
    }
    if (text.n < CGI_HEAD_BYTES_MAX)
        return CGI_HEAD_MORE;
    err_set(e, ERR_BAD_GATEWAY, "http.cgi: the guest's output has no empty line in its first %d bytes",
            CGI_HEAD_BYTES_MAX);
    return CGI_HEAD_BAD;
}

int cgi_head_missing(struct span text, struct err *e) {
    char at[SHOWN_TEXT];
    if (text.n == 0)
        return err_set(e, ERR_BAD_GATEWAY, "http.cgi: the guest wrote nothing where header fields were expected");
    return err_set(e, ERR_BAD_GATEWAY,
                   "http.cgi: the guest's output, \"%s\", ends before the empty line that ends the header fields",
                   shown(text, at));
}
