// Header lines to fields. What curl lets through of a section's grammar is checked here: a name, a colon, no folding.
#include "net/http_answer_lines.h"

#include "base/mem.h"

void http_answer_lines_init(struct http_answer_lines *lines, size_t max_bytes) {
    *lines = (struct http_answer_lines){0};
    buf_init(&lines->text, max_bytes);
}

void http_answer_lines_done(struct http_answer_lines *lines) {
    buf_done(&lines->text);
}

static struct span without_end(struct span line) {
    if (line.n && line.p[line.n - 1] == '\n')
        line.n--;
    if (line.n && line.p[line.n - 1] == '\r')
        line.n--;
    return line;
}

static enum http_line_result begin(struct http_answer_lines *lines, struct span status_line) {
    uint64_t status;
    size_t blank = span_find(status_line, ' ');
    if (!span_starts_with(status_line, "HTTP/1.") || !span_to_u64(span_slice(status_line, blank + 1, 3), &status) ||
        status < 100)
        return HTTP_LINE_MALFORMED;
    lines->status = (int)status;
    buf_reset(&lines->text);
    return HTTP_LINE_MORE;
}

static bool is_field(struct span line) {
    size_t colon = span_find(line, ':');
    return colon > 0 && colon < line.n && span_trim(span_slice(line, 0, colon)).n == colon && http_field_value_ok(line);
}

enum http_line_result http_answer_lines_add(struct http_answer_lines *lines, struct span line) {
    line = without_end(line);
    if (lines->delivered)
        return HTTP_LINE_MORE;
    if (span_starts_with(line, "HTTP/"))
        return begin(lines, line);
    if (line.n == 0)
        return lines->status < 200 ? HTTP_LINE_MORE : HTTP_LINE_END;
    if (!is_field(line))
        return HTTP_LINE_MALFORMED;
    if (buf_append_span(&lines->text, line) < 0 || buf_append_char(&lines->text, '\n') < 0)
        return HTTP_LINE_TOO_LARGE;
    return HTTP_LINE_MORE;
}

static size_t count_lines(struct span text) {
    struct span line;
    size_t count = 0;
    while (span_next(&text, '\n', &line))
        count++;
    return count;
}

struct http_header *http_answer_lines_fields(struct http_answer_lines *lines, size_t *ret_count) {
    struct span text = buf_span(&lines->text), line;
    struct http_header *fields = mem_calloc(count_lines(text) + 1, sizeof *fields);
    size_t count = 0;
    while (span_next(&text, '\n', &line)) {
        size_t colon = span_find(line, ':');
        fields[count].name = span_slice(line, 0, colon);
        fields[count++].value = span_trim(span_slice(line, colon + 1, line.n));
    }
    lines->delivered = true;
    *ret_count = count;
    return fields;
}
