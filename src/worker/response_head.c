// Gathering a guest's header fields; see response_head.h. They are checked again where they leave the node.
#include "worker/response_head.h"

#include <errno.h>
#include <stdio.h>

void response_head_reset(struct response_head *h) {
    if (h->fields.max == 0)
        buf_init(&h->fields, RESPONSE_HEAD_BYTES_MAX);
    buf_reset(&h->fields);
    h->is_given = false;
    h->status = 200;
    h->field_count = 0;
}

int response_head_set_status(struct response_head *h, uint32_t status) {
    if (status < 200 || status > 599)
        return -EINVAL;
    h->is_given = true;
    h->status = (int)status;
    return 0;
}

static bool is_token(struct span name) {
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && (c == '\0' || !strchr("!#$%&'*+-.^_`|~", c)))
            return false;
    }
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

int response_head_add(struct response_head *h, struct span name, struct span value) {
    if (!is_token(name) || !is_value(value) || span_equal_nocase(name, "status"))
        return -EINVAL;
    if (h->field_count >= RESPONSE_HEAD_FIELDS_MAX || name.n + value.n + 4 > RESPONSE_HEAD_BYTES_MAX - h->fields.n)
        return -E2BIG;
    buf_append_span(&h->fields, name);
    buf_append_text(&h->fields, ": ");
    buf_append_span(&h->fields, value);
    buf_append_text(&h->fields, "\r\n");
    h->is_given = true;
    h->field_count++;
    return 0;
}

struct span response_head_status(const struct response_head *h, char ret_text[RESPONSE_HEAD_STATUS_TEXT]) {
    int n = snprintf(ret_text, RESPONSE_HEAD_STATUS_TEXT, "Status: %d\r\n", h->status);
    return span_make(ret_text, (size_t)n);
}
