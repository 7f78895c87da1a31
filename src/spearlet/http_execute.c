// POST /functions/execute: a request for a function in JSON, its outcome in JSON.
//
// A request that is itself wrong is 4xx; what fails from the creation of an instance on is 200 with success false.
#include "spearlet/http_api.h"

#include "base/encode.h"
#include "base/mem.h"
#include "spearlet/execute_request.h"
#include "spearlet/guest_environment.h"

struct execute {
    struct spearlet *spearlet;
    struct http_exchange *x; // NULL once it is answered
    struct request_body *body;
    struct json_doc *doc;          // of body
    struct execute_request wanted; // in doc
};

static void free_text(struct execute *r) {
    json_free(TAKE(r->doc));
    request_body_free(TAKE(r->body));
}

static void free_execute(struct execute *r) {
    free_text(r);
    free(r);
}

static void fail(struct execute *r, const struct err *e) {
    http_api_refuse(r->x, e);
    free_execute(r);
}

// ---- answering

static void on_admitted(struct function_call *call) {
    struct execute *r = call->ctx;
    http_api_accepted(r->x, call->record, false);
    r->x = NULL;
}

static void answer(struct execute *r, struct function_call *call) {
    struct execution_outcome *o = &call->outcome;
    struct execution_print print = {.record = call->record,
                                    .state = o->state,
                                    .outcome = o,
                                    .instance_id = o->instance_id,
                                    .started_ms = o->started_ms,
                                    .with_output = true,
                                    .with_log = r->wanted.include_log};
    const struct execution_outcome *kept = &call->record->outcome; // finished: it does not change
    print.log = span_make(kept->log, kept->log_bytes);
    print.log_cut = kept->log_cut;
    struct json_out *out = json_out_new();
    http_api_add_execution(out, json_out_object(out), &print);
    http_respond_json(r->x, 200, out);
}

static void on_done(struct function_call *call) {
    struct execute *r = call->ctx;
    if (r->x && call->rejected)
        http_api_refuse_until(r->x, &call->outcome.error, call->outcome.retry_after_s);
    else if (r->x)
        answer(r, call);
    function_call_free(call);
    free_execute(r);
}

// ---- the call

static int too_large(const struct function_call *call, size_t n, struct err *e) {
    return err_set(e, ERR_PAYLOAD_TOO_LARGE, "the input has %zu bytes; the task's limit.payload_bytes is %llu", n,
                   (unsigned long long)call->function->task->limits.payload_bytes);
}

static int decode_input(struct execute *r, struct request_body *payload, struct err *e) {
    if (r->wanted.input.p)
        return request_body_hold(payload, r->wanted.input.n, e) < 0 ? -1
                                                                    : buf_append_span(&payload->bytes, r->wanted.input);
    if (request_body_hold(payload, r->wanted.input_base64.n / 4 * 3, e) < 0)
        return -1;
    if (base64_decode(r->wanted.input_base64, &payload->bytes, e) == 0)
        return 0;
    return e->kind == ERR_INVALID_REQUEST ? err_wrap(e, "field \"input_base64\"") : -1;
}

static int set_payload(struct execute *r, struct function_call *call, struct err *e) {
    uint64_t max = call->function->task->limits.payload_bytes;
    size_t padding = span_ends_with(r->wanted.input_base64, "==")  ? 2
                     : span_ends_with(r->wanted.input_base64, "=") ? 1
                                                                   : 0;
    size_t n = r->wanted.input.p ? r->wanted.input.n
                                 : r->wanted.input_base64.n / 4 * 3 - (r->wanted.input_base64.n >= 4 ? padding : 0);
    if (n > max)
        return too_large(call, n, e);
    struct request_body *payload = request_body_new(&r->spearlet->payloads, n + 4);
    payload->beside_bytes = r->body->held_bytes;
    if (decode_input(r, payload, e) < 0) {
        request_body_free(payload);
        return -1;
    }
    function_call_take_payload(call, payload);
    return 0;
}

static int set_environment(struct execute *r, struct function_call *call, struct err *e) {
    struct guest_environment env;
    guest_environment_init(&env, &call->memory);
    if (guest_environment_add_task(&env, call->function->task, e) < 0 ||
        guest_environment_add_headers(&env, r->wanted.headers, e) < 0)
        return -1;
    if (r->wanted.content_type.n &&
        guest_environment_set(&env, SPAN_LITERAL("CONTENT_TYPE"), r->wanted.content_type, e) < 0)
        return -1;
    if (guest_environment_add_object(&env, r->wanted.environment, "environment", e) < 0)
        return -1;
    return guest_environment_give(&env, call, e);
}

static int set_params(struct execute *r, struct function_call *call, struct err *e) {
    struct buf text;
    if (!r->wanted.params)
        return 0;
    buf_init(&text, FUNCTION_CALL_MEMORY_MAX);
    json_print(r->wanted.params, &text);
    call->params = span_of(arena_strdup(&call->memory, buf_span(&text)));
    bool is_cut = text.full || !call->params.p;
    buf_done(&text);
    return is_cut ? err_set(e, ERR_INVALID_REQUEST, "params are larger than %d bytes", FUNCTION_CALL_MEMORY_MAX) : 0;
}

static int fill(struct execute *r, struct function_call *call, struct err *e) {
    call->fresh = r->wanted.fresh;
    call->home = http_exchange_loop(r->x);
    call->admitted = r->wanted.is_async ? on_admitted : NULL;
    call->done = on_done;
    call->ctx = r;
    call->function_name = span_of(arena_strdup(&call->memory, r->wanted.function_name));
    function_call_set_deadline(call, (uint64_t)r->wanted.timeout_ms, "timeout_ms");
    if (set_params(r, call, e) < 0 || function_call_set_args(call, e) < 0 || set_environment(r, call, e) < 0 ||
        set_payload(r, call, e) < 0)
        return -1;
    free_text(r); // nothing of the request's text is needed any more
    return 0;
}

static void on_task(void *ctx, struct function *f, const struct err *failure) {
    struct execute *r = ctx;
    struct spearlet *s = r->spearlet;
    struct execution *record;
    struct err e;
    if (!f) {
        fail(r, failure);
        return;
    }
    struct execution_identity identity = {.execution_id = r->wanted.execution_id,
                                          .invocation_id = r->wanted.invocation_id,
                                          .owner = auth_caller(r->x)->id,
                                          .function = f,
                                          .is_async = r->wanted.is_async,
                                          .loop_index =
                                              function_service_loop_of(s->functions, f, http_exchange_loop(r->x))};
    if (executions_add(s->executions, &identity, &record, &e) < 0) {
        fail(r, &e);
        return;
    }
    struct function_call *call = function_call_new(f, record);
    execution_unref(record);
    if (fill(r, call, &e) == 0) {
        function_service_submit(s->functions, call);
        return;
    }
    executions_forget(s->executions, record);
    function_call_free(call);
    fail(r, &e);
}

static void on_body(void *ctx, struct request_body *body, const struct err *failure) {
    struct execute *r = ctx;
    struct err e;
    r->body = body;
    if (!body) {
        fail(r, failure);
    } else if (json_parse(buf_span(&body->bytes), &r->doc, &e) < 0) {
        fail(r, &e);
    } else if (execute_request_read(json_root(r->doc), &r->wanted, &e) < 0) {
        fail(r, &e);
    } else {
        http_api_find_task(r->spearlet, r->x, r->wanted.task_id, on_task, r);
    }
}

void http_execute(struct http_exchange *x, void *ctx) {
    struct spearlet *s = ctx;
    if (!http_require_json(x))
        return;
    struct execute *r = NEW(struct execute);
    r->spearlet = s;
    r->x = x;
    request_body_read(x, &s->payloads, s->settings.max_request_bytes, "max-request-bytes", on_body, r);
}
