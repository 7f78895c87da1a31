// Fuzzes the head of a CGI answer: what is accepted is safe to send, and is inside the text; every prefix of it wants more.
#include "base/mem.h"
#include "fuzz/fuzz.h"
#include "net/cgi_head.h"

static void check_accepted(struct span text, const struct cgi_head *head) {
    ASSERT(head->status >= 200 && head->status <= 599);
    ASSERT(head->bytes <= text.n && head->bytes <= CGI_HEAD_BYTES_MAX && text.p[head->bytes - 1] == '\n');
    ASSERT(head->field_count <= CGI_FIELDS_MAX && head->content_length >= -1);
    for (size_t i = 0; i < head->field_count; i++) {
        const struct http_header *field = &head->fields[i];
        ASSERT(field->name.n > 0 && http_field_value_ok(field->name) && http_field_value_ok(field->value));
        ASSERT(field->name.p >= text.p && field->value.p + field->value.n <= text.p + head->bytes);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct span text = span_make(data, size);
    struct cgi_head head, part;
    struct err e;
    enum cgi_head_result result = cgi_head_parse(text, &head, &e);
    if (result == CGI_HEAD_OK) {
        check_accepted(text, &head);
        ASSERT(cgi_head_parse(span_slice(text, 0, head.bytes - 1), &part, &e) == CGI_HEAD_MORE);
    } else if (result == CGI_HEAD_BAD) {
        ASSERT(e.kind == ERR_BAD_GATEWAY && e.text[0] != '\0');
    } else {
        ASSERT(cgi_head_missing(text, &e) == -1 && size < CGI_HEAD_BYTES_MAX);
    }
    return 0;
}
