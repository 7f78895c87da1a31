// Answers and inputs that all routes of sms share; see answer.h. The problem documents themselves are net/problem.c's.
#include "sms/answer.h"

#include "base/log.h"
#include "base/mem.h"

void answer_error_status(struct http_exchange *x, int status, const struct err *e) {
    const struct http_header retry = {SPAN_LITERAL("Retry-After"), SPAN_LITERAL("1")};
    if (status >= 500) {
        log_write(status == 503 ? LOG_WARN : LOG_ERROR, "request failed method=%.*s path=%.*s status=%d error=\"%s\"",
                  SPAN_ARGS(http_method(x)), SPAN_ARGS(http_path(x)), status, e->text);
    }
    http_problem_full(x, status, e, &retry, status == 503 ? 1 : 0, NULL, NULL);
}

void answer_error(struct http_exchange *x, const struct err *e) {
    answer_error_status(x, err_kind_info(e->kind)->http_status, e);
}

void answer_store_busy(struct http_exchange *x) {
    struct err err;
    err_set(&err, ERR_RESOURCE_EXHAUSTED, "too many requests wait for the store; try again in a moment");
    answer_error(x, &err);
}

void answer_success(struct http_exchange *x, const char *message) {
    struct json_out *out = json_out_new();
    json_node *root = json_out_object(out);
    json_add_bool(out, root, "success", true);
    json_add_text(out, root, "message", message);
    http_respond_json(x, 200, out);
}

static int read_number(struct http_exchange *x, const char *name, uint64_t min, uint64_t max, int64_t *ret,
                       struct err *e) {
    struct span text;
    uint64_t value = 0;
    if (!http_query_value(x, name, &text)) {
        return 0;
    }
    if (!span_to_u64(text, &value) || value < min || value > max) {
        return err_set(e, ERR_UNPROCESSABLE, "query parameter \"%s\" must be a number from %llu to %llu, not \"%.*s\"",
                       name, (unsigned long long)min, (unsigned long long)max, SPAN_ARGS(text));
    }
    *ret = (int64_t)value;
    return 0;
}

int answer_read_page(struct http_exchange *x, struct page *ret, struct err *e) {
    struct page page = {.limit = PAGE_LIMIT_DEFAULT};
    if (read_number(x, "limit", 1, PAGE_LIMIT_MAX, &page.limit, e) != 0 ||
        read_number(x, "offset", 0, INT64_MAX, &page.offset, e) != 0) {
        return -1;
    }
    *ret = page;
    return 0;
}

struct span answer_query(struct http_exchange *x, const char *name) {
    struct span value;
    return http_query_value(x, name, &value) ? value : (struct span){0};
}
