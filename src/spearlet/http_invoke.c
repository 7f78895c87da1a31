// POST /tasks/{task}/invoke: the request's body is the guest's stdin, its stdout the answer's body.
//
// The same with the request in JSON is http_execute.c.
#include "spearlet/http_api.h"

#include "base/mem.h"
#include "spearlet/guest_environment.h"

#include <inttypes.h>
#include <stdio.h>

enum { FUNCTION_NAME_MAX = 1024, TIMEOUT_MAX_MS = 86400000 };

struct raw {
    struct spearlet *spearlet;
    struct http_exchange *x; // NULL once it is answered
    struct function *function;
    struct span function_name, params; // the exchange's
    uint64_t timeout_ms;
    bool is_async;
};

static void free_raw(struct raw *r) {
    function_unref(r->function);
    free(r);
}

static void fail(struct raw *r, const struct err *e) {
    http_api_refuse(r->x, e);
    free_raw(r);
}

// ---- reading what the header fields ask for

static bool prefers_async(const struct http_exchange *x) {
    struct span rest = http_header_value(x, "prefer"), part;
    while (span_next(&rest, ',', &part)) {
        part = span_trim(span_slice(part, 0, span_find(part, ';')));
        if (span_equal_nocase(part, "respond-async"))
            return true;
    }
    return false;
}

static int read_timeout(struct raw *r, struct err *e) {
    const struct http_header *field = http_header(r->x, "x-timeout-ms");
    if (!field)
        return 0;
    if (!span_to_u64(field->value, &r->timeout_ms) || r->timeout_ms < 1 || r->timeout_ms > TIMEOUT_MAX_MS)
        return err_set(e, ERR_INVALID_REQUEST, "x-timeout-ms: \"%.*s\" is not a number from 1 to %d",
                       SPAN_ARGS(span_slice(field->value, 0, 100)), TIMEOUT_MAX_MS);
    return 0;
}

static int read_params(struct raw *r, struct err *e) {
    struct json_doc *doc CLEANUP(json_free_pointer) = NULL;
    r->params = http_header_value(r->x, "x-params");
    if (r->params.n == 0)
        return 0;
    if (json_parse(r->params, &doc, e) < 0) {
        e->kind = ERR_INVALID_REQUEST;
        return err_wrap(e, "x-params");
    }
    if (!json_is_array(json_root(doc)))
        return err_set(e, ERR_INVALID_REQUEST, "x-params must be a JSON array");
    return 0;
}

static int read_fields(struct raw *r, struct err *e) {
    r->function_name = http_header_value(r->x, "x-function");
    if (r->function_name.n > FUNCTION_NAME_MAX)
        return err_set(e, ERR_INVALID_REQUEST, "x-function is longer than %d bytes", FUNCTION_NAME_MAX);
    r->is_async = prefers_async(r->x);
    return read_timeout(r, e) < 0 || read_params(r, e) < 0 ? -1 : 0;
}

// ---- answering

enum { TIMING_TEXT = 160 };

static void format_timing(const struct execution_outcome *o, char text[TIMING_TEXT]) {
    snprintf(text, TIMING_TEXT, "queue;dur=%.3f, start;dur=%.3f, instantiate;dur=%.3f, run;dur=%.3f",
             (double)o->queue_us / 1e3, (double)o->start_us / 1e3, (double)o->instantiate_us / 1e3,
             (double)o->run_us / 1e3);
}

enum { ANSWER_HEADERS = 5 };

static size_t answer_headers(const struct function_call *call, char timing[TIMING_TEXT],
                             struct http_header headers[ANSWER_HEADERS]) {
    size_t count = 0;
    format_timing(&call->outcome, timing);
    headers[count++] = (struct http_header){SPAN_LITERAL("x-execution-id"), span_of(call->record->execution_id)};
    headers[count++] = (struct http_header){SPAN_LITERAL("Server-Timing"), span_of(timing)};
    if (call->outcome.instance_id[0])
        headers[count++] = (struct http_header){SPAN_LITERAL("x-instance-id"), span_of(call->outcome.instance_id)};
    return count;
}

static void answer_output(struct raw *r, struct function_call *call) {
    struct execution_outcome *o = &call->outcome;
    struct http_header headers[ANSWER_HEADERS];
    char timing[TIMING_TEXT];
    size_t count = answer_headers(call, timing, headers);
    bool is_typed = o->output_bytes == 0 && o->results;
    struct span type = is_typed ? SPAN_LITERAL("application/json") : span_of(r->function->task->limits.content_type);
    headers[count++] = (struct http_header){SPAN_LITERAL("Content-Type"), type};
    char *body = is_typed ? TAKE(o->results) : TAKE(o->output);
    size_t n = is_typed ? o->results_bytes : o->output_bytes;
    http_respond_owned(r->x, 200, headers, count, body, n, free);
}

// What went wrong before the guest ran is the node's or the module's; afterwards it is the guest's.
static int status_of(const struct execution_outcome *o) {
    switch (o->error.kind) {
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

static void answer_failure(struct raw *r, struct function_call *call) {
    struct http_header headers[ANSWER_HEADERS];
    char timing[TIMING_TEXT];
    size_t count = answer_headers(call, timing, headers);
    int status = status_of(&call->outcome);
    if (status == 503)
        headers[count++] = (struct http_header){SPAN_LITERAL("Retry-After"), SPAN_LITERAL("1")};
    http_problem_full(r->x, status, &call->outcome.error, headers, count, add_execution, call);
}

static void on_admitted(struct function_call *call) {
    struct raw *r = call->ctx;
    http_api_accepted(r->x, call->record, true);
    r->x = NULL;
}

static void on_done(struct function_call *call) {
    struct raw *r = call->ctx;
    if (!r->x)
        ; // answered when it was admitted
    else if (call->rejected)
        http_api_refuse(r->x, &call->outcome.error);
    else if (call->outcome.state == EXECUTION_COMPLETED)
        answer_output(r, call);
    else
        answer_failure(r, call);
    function_call_free(call);
    free_raw(r);
}

// ---- the call

static int set_environment(struct raw *r, struct function_call *call, struct err *e) {
    struct guest_environment env;
    const struct task *task = r->function->task;
    guest_environment_init(&env, &call->memory);
    if (guest_environment_add_task(&env, task, e) < 0 ||
        guest_environment_add_request(&env, r->x, call->payload.n, e) < 0)
        return -1;
    return guest_environment_give(&env, call, e);
}

static int fill(struct raw *r, struct function_call *call, struct err *e) {
    call->function_name = span_of(arena_strdup(&call->memory, r->function_name));
    call->params = span_of(arena_strdup(&call->memory, r->params));
    call->home = http_exchange_loop(r->x);
    call->admitted = r->is_async ? on_admitted : NULL;
    call->done = on_done;
    call->ctx = r;
    function_call_set_deadline(call, r->timeout_ms);
    return function_call_set_args(call, e) < 0 || set_environment(r, call, e) < 0 ? -1 : 0;
}

static void on_body(void *ctx, struct request_body *body, const struct err *failure) {
    struct raw *r = ctx;
    struct spearlet *s = r->spearlet;
    struct execution *record;
    struct err e;
    if (!body) {
        fail(r, failure);
        return;
    }
    struct execution_identity identity = {
        .function = r->function,
        .is_async = r->is_async,
        .loop_index = function_service_loop_of(s->functions, r->function, http_exchange_loop(r->x))};
    if (executions_add(s->executions, &identity, &record, &e) < 0) {
        request_body_free(body);
        fail(r, &e);
        return;
    }
    struct function_call *call = function_call_new(r->function, record);
    execution_unref(record);
    function_call_take_payload(call, body);
    if (fill(r, call, &e) == 0) {
        function_service_submit(s->functions, call);
        return;
    }
    executions_forget(s->executions, record);
    function_call_free(call);
    fail(r, &e);
}

static void on_task(void *ctx, struct function *f, const struct err *failure) {
    struct raw *r = ctx;
    if (!f) {
        fail(r, failure);
        return;
    }
    r->function = function_ref(f);
    request_body_read(r->x, &r->spearlet->payloads, f->task->limits.payload_bytes, "the task's limit.payload_bytes",
                      on_body, r);
}

void http_invoke(struct http_exchange *x, void *ctx) {
    struct raw *r = NEW(struct raw);
    struct err e;
    r->spearlet = ctx;
    r->x = x;
    if (read_fields(r, &e) < 0)
        fail(r, &e);
    else
        http_api_find_task(r->spearlet, x, http_param(x, "task"), on_task, r);
}
