// POST /tasks/{task}/invoke, and ANY /tasks/{task}/http[/…], which is a trigger's (sms asks it for /e/{endpoint}[/…]): the
// request's body is the guest's stdin, its stdout the answer's body.
//
// A trigger's client is anybody: it chooses neither function nor deadline, and its answer is never put off. What is answered
// is http_invoke_answer.c, or http_invoke_stream.c. The same with the request in JSON is http_execute.c.
#include "spearlet/http_invoke.h"

#include "base/mem.h"
#include "spearlet/cgi_environment.h"

enum { FUNCTION_NAME_MAX = 1024, TIMEOUT_MAX_MS = 86400000 };

static void free_raw(struct raw_request *r) {
    function_unref(r->function);
    buf_done(&r->stream.head);
    free(r);
}

static void fail(struct raw_request *r, const struct err *e) {
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

static int read_timeout(struct raw_request *r, struct err *e) {
    const struct http_header *field = http_header(r->x, "x-timeout-ms");
    if (!field)
        return 0;
    if (!span_to_u64(field->value, &r->timeout_ms) || r->timeout_ms < 1 || r->timeout_ms > TIMEOUT_MAX_MS)
        return err_set(e, ERR_INVALID_REQUEST, "x-timeout-ms: \"%.*s\" is not a number from 1 to %d",
                       SPAN_ARGS(span_slice(field->value, 0, 100)), TIMEOUT_MAX_MS);
    return 0;
}

static int read_params(struct raw_request *r, struct err *e) {
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

static int read_fields(struct raw_request *r, struct err *e) {
    r->function_name = http_header_value(r->x, "x-function");
    if (r->function_name.n > FUNCTION_NAME_MAX)
        return err_set(e, ERR_INVALID_REQUEST, "x-function is longer than %d bytes", FUNCTION_NAME_MAX);
    r->is_async = prefers_async(r->x);
    return read_timeout(r, e) < 0 || read_params(r, e) < 0 ? -1 : 0;
}

// ---- the end

static void on_admitted(struct function_call *call) {
    struct raw_request *r = call->ctx;
    http_api_accepted(r->x, call->record, true);
    r->x = NULL;
}

static void on_done(struct function_call *call) {
    struct raw_request *r = call->ctx;
    if (r->is_streamed)
        raw_stream_finish(r, call);
    else if (r->x) // else it was answered when it was admitted
        raw_answer(r, call);
    function_call_free(call);
    free_raw(r);
}

// ---- the call

static int set_environment(struct raw_request *r, struct function_call *call, struct err *e) {
    struct guest_environment env;
    const struct task *task = r->function->task;
    guest_environment_init(&env, &call->memory);
    if (guest_environment_add_task(&env, task, e) < 0 ||
        guest_environment_add_request(&env, r->x, call->payload.n, e) < 0 ||
        (r->is_trigger && cgi_environment_add(&env, r->x, task, r->rest, e) < 0))
        return -1;
    return guest_environment_give(&env, call, e);
}

static int fill(struct raw_request *r, struct function_call *call, struct err *e) {
    call->function_name = span_of(arena_strdup(&call->memory, r->function_name));
    call->params = span_of(arena_strdup(&call->memory, r->params));
    call->home = http_exchange_loop(r->x);
    call->admitted = r->is_async ? on_admitted : NULL;
    call->done = on_done;
    call->ctx = r;
    function_call_set_deadline(call, r->timeout_ms, "x-timeout-ms");
    return function_call_set_args(call, e) < 0 || set_environment(r, call, e) < 0 ? -1 : 0;
}

static void on_body(void *ctx, struct request_body *body, const struct err *failure) {
    struct raw_request *r = ctx;
    struct spearlet *s = r->spearlet;
    struct execution *record;
    struct err e;
    if (!body) {
        fail(r, failure);
        return;
    }
    struct execution_identity identity = {
        .owner = auth_caller(r->x)->id,
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
        if (r->is_streamed)
            raw_stream_begin(r, call);
        function_service_submit(s->functions, call);
        return;
    }
    executions_forget(s->executions, record);
    function_call_free(call);
    fail(r, &e);
}

static void on_task(void *ctx, struct function *f, const struct err *failure) {
    struct raw_request *r = ctx;
    bool is_public = f && f->task->limits.http_public;
    if (r->is_trigger && !is_public && !auth_allows(r->x, SCOPE_INVOKE | AUTH_RELAY)) { // also where there is none
        auth_refuse(r->spearlet, r->x, SCOPE_INVOKE, NULL);
        free_raw(r);
        return;
    }
    if (!f) {
        fail(r, failure);
        return;
    }
    r->function = function_ref(f);
    raw_stream_choose(r);
    request_body_read(r->x, &r->spearlet->payloads, f->task->limits.payload_bytes, "the task's limit.payload_bytes",
                      on_body, r);
}

static struct raw_request *new_raw(struct http_exchange *x, struct spearlet *s) {
    struct raw_request *r = NEW(struct raw_request);
    r->spearlet = s;
    r->x = x;
    return r;
}

void http_invoke(struct http_exchange *x, void *ctx) {
    struct raw_request *r = new_raw(x, ctx);
    struct err e;
    if (read_fields(r, &e) < 0)
        fail(r, &e);
    else
        http_api_find_task(r->spearlet, x, http_param(x, "task"), on_task, r);
}

// Behind "/tasks/{task}/http".
static struct span rest_of(struct span path) {
    for (int i = 0; i < 3; i++) {
        path = span_slice(path, 1, path.n);
        path = span_slice(path, span_find(path, '/'), path.n);
    }
    return path;
}

void http_trigger(struct http_exchange *x, void *ctx) {
    struct raw_request *r = new_raw(x, ctx);
    r->is_trigger = true;
    r->rest = rest_of(http_path(x));
    http_api_find_task(r->spearlet, x, http_param(x, "task"), on_task, r);
}
