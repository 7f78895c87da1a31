// Fuzzes what the HTTP client makes of an answer's header lines: refused, or fields that are safe to pass on.
#include "base/mem.h"
#include "fuzz/fuzz.h"
#include "net/http_answer_lines.h"

enum { LINES_BYTES_MAX = 4096 };

static void check_fields(struct http_answer_lines *lines) {
    size_t count;
    struct http_header *fields = http_answer_lines_fields(lines, &count);
    ASSERT(lines->status >= 100 && lines->status <= 999);
    for (size_t i = 0; i < count; i++)
        ASSERT(fields[i].name.n && http_field_value_ok(fields[i].name) && http_field_value_ok(fields[i].value));
    free(fields);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct span rest = span_make(data, size);
    struct http_answer_lines lines;
    enum http_line_result result = HTTP_LINE_MORE;
    http_answer_lines_init(&lines, LINES_BYTES_MAX);
    while (rest.n && (result == HTTP_LINE_MORE || result == HTTP_LINE_END)) {
        size_t n = span_find(rest, '\n');
        n += n < rest.n;
        result = http_answer_lines_add(&lines, span_slice(rest, 0, n));
        rest = span_slice(rest, n, rest.n);
        if (result == HTTP_LINE_END)
            check_fields(&lines);
    }
    http_answer_lines_done(&lines);
    return 0;
}
