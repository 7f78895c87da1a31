// Error answers: application/problem+json (RFC 9457) with SPEAR's `error` and `message` members beside the standard
// ones.
//
// {"type":"about:blank","title":"Not Found","status":404,"detail":…,"error":"TASK_NOT_FOUND","message":…,"kind":"TaskNotFound"}
#ifndef SPEAR_NET_PROBLEM_H
#define SPEAR_NET_PROBLEM_H

#include "base/err.h"
#include "base/json.h"
#include "net/http_server.h"

// Answers with the kind's HTTP status.
void http_problem(struct http_exchange *x, const struct err *e);
// Shorthand: makes the text and answers.
void http_problem_text(struct http_exchange *x, enum err_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
// With another status, more headers, and more members added by extend(ctx, out, object) (NULL allowed).
void http_problem_full(struct http_exchange *x, int status, const struct err *e, const struct http_header *headers,
                       size_t header_count, void (*extend)(void *ctx, struct json_out *out, json_node *object),
                       void *ctx);
// A JSON answer; takes `out`.
void http_respond_json(struct http_exchange *x, int status, struct json_out *out);
// Checks that the request says application/json (or +json, or nothing at all); answers 415 and returns false otherwise.
bool http_require_json(struct http_exchange *x);
// Collects a body of at most max_bytes, parses it and calls fn with its root object; answers 413, 415, 400 (malformed)
// or 422 (not an object) itself. An empty body gives fn a NULL root when `optional`. The document lives as long as the
// exchange.
void http_read_json(struct http_exchange *x, size_t max_bytes, bool optional,
                    void (*fn)(struct http_exchange *x, json_val *root, void *ctx), void *ctx);

#endif
