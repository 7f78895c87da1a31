// Error answers and JSON bodies, in both directions. The kinds' names, codes and statuses are err.c's table.
#include "net/problem.h"

#include "net/http_internal.h"

#include <stdarg.h>
#include <stdio.h>

enum { PROBLEM_BYTES_MAX = 256 * 1024, JSON_BYTES_MAX = 256 * 1024 * 1024, HEADERS_MAX = 16 };

static void add_members(struct json_out *out, json_node *object, int status, const struct err *e) {
    const struct err_kind_info *info = err_kind_info(e->kind);
    json_add_text(out, object, "type", "about:blank");
    json_add_string(out, object, "title", http_status_phrase(status)); // what RFC 9457 §4.2.1 asks of about:blank
    json_add_i64(out, object, "status", status);
    json_add_text(out, object, "detail", e->text);
    json_add_text(out, object, "error", info->code);
    json_add_text(out, object, "message", e->text);
    json_add_text(out, object, "kind", info->name);
}

static void respond_printed(struct http_exchange *x, int status, const char *type, const struct http_header *headers,
                            size_t header_count, struct json_out *out) {
    struct http_header all[HEADERS_MAX + 1] = {{SPAN_LITERAL("Content-Type"), span_of(type)}};
    ASSERT(header_count <= HEADERS_MAX);
    if (header_count)
        memcpy(all + 1, headers, header_count * sizeof headers[0]);
    struct buf text;
    buf_init(&text, JSON_BYTES_MAX);
    json_out_print(out, false, &text);
    json_out_free(out);
    size_t n;
    char *body = buf_take(&text, &n);
    http_respond_owned(x, status, all, header_count + 1, body, n, free);
}

void http_problem_full(struct http_exchange *x, int status, const struct err *e, const struct http_header *headers,
                       size_t header_count, void (*extend)(void *ctx, struct json_out *out, json_node *object),
                       void *ctx) {
    struct json_out *out = json_out_new();
    json_node *object = json_out_object(out);
    add_members(out, object, status, e);
    if (extend)
        extend(ctx, out, object);
    respond_printed(x, status, "application/problem+json", headers, header_count, out);
}

void http_problem(struct http_exchange *x, const struct err *e) {
    http_problem_full(x, err_kind_info(e->kind)->http_status, e, NULL, 0, NULL, NULL);
}

void http_problem_text(struct http_exchange *x, enum err_kind kind, const char *format, ...) {
    struct err e = {.kind = kind};
    char text[ERR_TEXT_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    err_set(&e, kind, "%s", text);
    http_problem(x, &e);
}

void http_respond_json(struct http_exchange *x, int status, struct json_out *out) {
    respond_printed(x, status, "application/json", NULL, 0, out);
}

// ---- reading

static bool is_json_type(struct span type) {
    type = span_trim(span_slice(type, 0, span_find(type, ';')));
    if (type.n == 0 || span_equal_nocase(type, "application/json"))
        return true;
    return type.n > 5 && span_equal_nocase(span_slice(type, type.n - 5, 5), "+json");
}

bool http_require_json(struct http_exchange *x) {
    struct span type = http_header_value(x, "content-type");
    if (is_json_type(type))
        return true;
    http_problem_text(x, ERR_UNSUPPORTED_MEDIA_TYPE, "Content-Type \"%.*s\" is not application/json", SPAN_ARGS(type));
    return false;
}

struct json_reading { // in the exchange's arena
    bool optional;
    void (*fn)(struct http_exchange *x, json_val *root, void *ctx);
    void *ctx;
};

static void free_doc(void *doc) {
    json_free(doc);
}

static void on_json_body(struct http_exchange *x, struct span body, void *ctx) {
    const struct json_reading *reading = ctx;
    struct err e = {.kind = ERR_NONE};
    struct json_doc *doc;
    if (reading->optional && span_trim(body).n == 0) {
        reading->fn(x, NULL, reading->ctx);
        return;
    }
    if (json_parse(body, &doc, &e) < 0) {
        http_problem(x, &e);
        return;
    }
    http_exchange_defer(x, free_doc, doc);
    if (json_is_object(json_root(doc)))
        reading->fn(x, json_root(doc), reading->ctx);
    else
        http_problem_text(x, ERR_UNPROCESSABLE, "the request body must be a JSON object");
}

void http_read_json(struct http_exchange *x, size_t max_bytes, bool optional,
                    void (*fn)(struct http_exchange *x, json_val *root, void *ctx), void *ctx) {
    if (!http_require_json(x))
        return;
    struct json_reading *reading = arena_alloc(http_arena(x), sizeof *reading);
    if (!reading) {
        http_problem_text(x, ERR_INTERNAL, "the request used up its memory");
        return;
    }
    *reading = (struct json_reading){optional, fn, ctx};
    http_body_collect(x, max_bytes, on_json_body, reading);
}
