// Checking a media type letter by letter, because it is copied into a header of every answer.
#include "model/media_type.h"

static bool is_token_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

// Takes a token (RFC 9110 §5.6.2) off the front; false when there is none.
static bool skip_token(struct span *rest) {
    size_t n = 0;
    while (n < rest->n && is_token_char(rest->p[n]))
        n++;
    *rest = span_slice(*rest, n, rest->n);
    return n > 0;
}

static bool skip_char(struct span *rest, char c) {
    if (rest->n == 0 || rest->p[0] != c)
        return false;
    *rest = span_slice(*rest, 1, rest->n);
    return true;
}

static bool is_quotable(char c) {
    return c == '\t' || (c >= ' ' && c != 0x7F) || (unsigned char)c >= 0x80;
}

// A quoted-string (RFC 9110 §5.6.4) whose first quote is already taken.
static bool skip_quoted(struct span *rest) {
    for (size_t i = 0; i < rest->n; i++) {
        if (rest->p[i] == '"') {
            *rest = span_slice(*rest, i + 1, rest->n);
            return true;
        }
        if (rest->p[i] == '\\' && i + 1 < rest->n)
            i++;
        if (!is_quotable(rest->p[i]))
            return false;
    }
    return false;
}

static bool skip_parameter(struct span *rest) {
    if (!skip_token(rest) || !skip_char(rest, '='))
        return false;
    return skip_char(rest, '"') ? skip_quoted(rest) : skip_token(rest);
}

bool media_type_valid(struct span text) {
    struct span rest = text;
    if (!skip_token(&rest) || !skip_char(&rest, '/') || !skip_token(&rest))
        return false;
    while (rest.n) {
        rest = span_trim(rest);
        if (!skip_char(&rest, ';'))
            return false;
        rest = span_trim(rest);
        if (!skip_parameter(&rest))
            return false;
    }
    return true;
}
