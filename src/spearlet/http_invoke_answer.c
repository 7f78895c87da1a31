// The answer to a raw request, given whole: the guest's output, with its own header fields when the task has http.cgi, or a
// problem that says how it failed.
#include "spearlet/http_invoke.h"

#include "base/mem.h"

#include <inttypes.h>
#include <stdio.h>

// ---- header fields

static void format_timing(const struct execution_outcome *o, char text[RAW_TIMING_TEXT]) {
#define MS_OF(us) (us) / 1000, (unsigned)((us) % 1000)
    snprintf(text, RAW_TIMING_TEXT,
             "queue;dur=%" PRIu64 ".%03u, start;dur=%" PRIu64 ".%03u, instantiate;dur=%" PRIu64
             ".%03u, run;dur=%" PRIu64 ".%03u, code;desc=%s",
             MS_OF(o->queue_us), MS_OF(o->start_us), MS_OF(o->instantiate_us), MS_OF(o->run_us),
             runtime_code_name(o->code));
#undef MS_OF
}

void raw_headers_add(struct raw_headers *h, struct span name, struct span value) {
    ASSERT(h->count < COUNT_OF(h->list));
    h->list[h->count++] = (struct http_header){name, value};
}

void raw_headers_init(struct raw_headers *h, const struct function_call *call) {
    h->count = 0;
    raw_headers_add(h, SPAN_LITERAL("x-execution-id"), span_of(call->record->execution_id));
    if (call->outcome.state != EXECUTION_PENDING) { // else it runs: the times are not known
        format_timing(&call->outcome, h->timing);
        raw_headers_add(h, SPAN_LITERAL("Server-Timing"), span_of(h->timing));
    }
    if (call->outcome.instance_id[0])
        raw_headers_add(h, SPAN_LITERAL("x-instance-id"), span_of(call->outcome.instance_id));
}

// ---- the guest's output

struct span raw_content_type(const struct raw_request *r) {
    return r->is_events ? SPAN_LITERAL("text/event-stream") : span_of(r->function->task->limits.content_type);
}

static struct span output_type(const struct raw_request *r, bool is_typed) {
    return is_typed ? SPAN_LITERAL("application/json") : raw_content_type(r);
}

static void answer_plain(struct raw_request *r, struct function_call *call) {
    struct execution_outcome *o = &call->outcome;
    struct raw_headers h;
    bool is_typed = o->output_bytes == 0 && o->results;
    raw_headers_init(&h, call);
    raw_headers_add(&h, SPAN_LITERAL("Content-Type"), output_type(r, is_typed));
    char *body = is_typed ? TAKE(o->results) : TAKE(o->output);
    size_t n = is_typed ? o->results_bytes : o->output_bytes;
    http_respond_owned(r->x, 200, h.list, h.count, body, n, free);
}

// Ours cannot be given by a guest.
static bool is_ours(struct span name) {
    return span_equal_nocase(name, "x-execution-id") || span_equal_nocase(name, "x-instance-id");
}

void raw_headers_add_cgi(struct raw_headers *h, const struct raw_request *r, const struct cgi_head *head) {
    for (size_t i = 0; i < head->field_count; i++)
        if (!is_ours(head->fields[i].name))
            raw_headers_add(h, head->fields[i].name, head->fields[i].value);
    if (!head->has_type && head->status != 204 && head->status != 304)
        raw_headers_add(h, SPAN_LITERAL("Content-Type"), output_type(r, false));
}

// A program that answers HEAD may name the length of what it does not write.
static int check_length(const struct raw_request *r, const struct cgi_head *head, size_t body_bytes, struct err *e) {
    if (head->content_length < 0 || (uint64_t)head->content_length == body_bytes ||
        (http_method_is(r->x, "HEAD") && body_bytes == 0))
        return 0;
    return err_set(e, ERR_BAD_GATEWAY, "http.cgi: the guest's Content-Length is %" PRId64 ", its body has %zu bytes",
                   head->content_length, body_bytes);
}

static int parse_cgi(const struct raw_request *r, struct span output, struct cgi_head *head, struct err *e) {
    switch (cgi_head_parse(output, head, e)) {
    case CGI_HEAD_MORE:
        return cgi_head_missing(output, e);
    case CGI_HEAD_BAD:
        return -1;
    default:
        return check_length(r, head, output.n - head->bytes, e);
    }
}

static void answer_cgi(struct raw_request *r, struct function_call *call) {
    struct span output = span_make(call->outcome.output, call->outcome.output_bytes);
    struct cgi_head head;
    struct raw_headers h;
    struct err e = {0};
    if (parse_cgi(r, output, &head, &e) < 0) {
        raw_answer_failure(r, call, &e);
        return;
    }
    struct span body = span_slice(output, head.bytes, output.n);
    raw_headers_init(&h, call);
    raw_headers_add_cgi(&h, r, &head);
    if (http_method_is(r->x, "HEAD") && body.n == 0 && head.content_length > 0) {
        http_stream_start(r->x, head.status, h.list, h.count, head.content_length);
        http_stream_end(r->x);
    } else {
        http_respond(r->x, head.status, h.list, h.count, body);
    }
}

// ---- failures

// What went wrong before the guest ran is the node's or the module's; afterwards it is the guest's.
static int status_of(const struct execution_outcome *o, enum err_kind kind) {
    switch (kind) {
    case ERR_EXECUTION_TIMEOUT:
        return 504;
    case ERR_NOT_SUPPORTED:
        return 501;
    case ERR_INVALID_REQUEST:
        return 400;
    case ERR_RESOURCE_EXHAUSTED:
        return o->ran ? 500 : 503;
    case ERR_UNAVAILABLE:
        return 503;
    case ERR_TASK_NOT_FOUND:
        return 404;
    case ERR_BAD_GATEWAY:
        return 502;
    default:
        return 500;
    }
}

static void add_execution(void *ctx, struct json_out *out, json_node *object) {
    const struct function_call *call = ctx;
    const struct execution_outcome *o = &call->outcome;
    json_add_text(out, object, "execution_id", call->record->execution_id);
    json_add_text(out, object, "instance_id", o->instance_id[0] ? o->instance_id : NULL);
    if (o->exited)
        json_add_i64(out, object, "exit_code", o->exit_code);
    else
        json_add_null(out, object, "exit_code");
}

void raw_answer_failure(struct raw_request *r, struct function_call *call, const struct err *e) {
    struct raw_headers h;
    char seconds[16];
    int status = status_of(&call->outcome, e->kind);
    raw_headers_init(&h, call);
    if (status == 503)
        h.list[h.count++] = http_api_retry_after(call->outcome.retry_after_s, seconds);
    http_problem_full(r->x, status, e, h.list, h.count, add_execution, call);
}

bool raw_wants_cgi(const struct raw_request *r, const struct function_call *call) {
    return r->function->task->limits.http_cgi || call->has_head;
}

void raw_answer(struct raw_request *r, struct function_call *call) {
    const struct execution_outcome *o = &call->outcome;
    if (call->rejected)
        http_api_refuse_until(r->x, &o->error, o->retry_after_s);
    else if (o->state != EXECUTION_COMPLETED)
        raw_answer_failure(r, call, &o->error);
    else if (raw_wants_cgi(r, call) && (o->output_bytes > 0 || !o->results))
        answer_cgi(r, call);
    else
        answer_plain(r, call);
}
