// POST /functions/execute: a request for a function in JSON, its outcome in JSON.
//
// A request that is itself wrong is 4xx; what fails from the creation of an instance on is 200 with success false.
#include "spearlet/http_api.h"

#include "base/encode.h"
#include "base/mem.h"
#include "spearlet/guest_environment.h"

enum { FUNCTION_NAME_MAX = 1024, TIMEOUT_MAX_MS = 86400000 };

struct execute {
    struct spearlet *spearlet;
    struct http_exchange *x; // NULL once it is answered
    struct request_body *body;
    struct json_doc *doc; // of body; what follows is in it
    struct span task_id, function_name, invocation_id, execution_id, session_id, input, input_base64, content_type;
    json_val *params, *headers, *environment, *metadata;
    int64_t timeout_ms;
    bool is_async, fresh, include_log;
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

// ---- the fields

static int read_mode(struct execute *r, json_val *root, struct err *e) {
    struct span mode = SPAN_LITERAL("sync");
    if (json_want_string(root, "mode", &mode, e) < 0)
        return -1;
    r->is_async = span_equal_text(mode, "async");
    if (!r->is_async && !span_equal_text(mode, "sync"))
        return err_set(e, ERR_UNPROCESSABLE, "field \"mode\" must be \"sync\" or \"async\", not \"%.*s\"",
                       SPAN_ARGS(span_slice(mode, 0, 100)));
    return 0;
}

static int read_id(json_val *root, const char *key, struct span *ret, struct err *e) {
    if (json_want_string(root, key, ret, e) < 0)
        return -1;
    if (ret->p && !http_api_is_id(*ret))
        return err_set(e, ERR_UNPROCESSABLE,
                       "field \"%s\" must be 1 to %d of the characters A-Z a-z 0-9 . _ -, not \"%.*s\"", key,
                       EXECUTION_ID_MAX, SPAN_ARGS(span_slice(*ret, 0, 100)));
    return 0;
}

static int read_input(struct execute *r, json_val *root, struct err *e) {
    if (json_want_string(root, "input", &r->input, e) < 0 ||
        json_want_string(root, "input_base64", &r->input_base64, e) < 0 ||
        json_want_string(root, "input_content_type", &r->content_type, e) < 0)
        return -1;
    if (r->input.p && r->input_base64.p)
        return err_set(e, ERR_UNPROCESSABLE, "fields \"input\" and \"input_base64\" exclude each other");
    return 0;
}

static int read_function(struct execute *r, json_val *root, struct err *e) {
    if (json_need_string(root, "task_id", &r->task_id, e) < 0 ||
        json_want_string(root, "function_name", &r->function_name, e) < 0 ||
        json_want_array(root, "params", &r->params, e) < 0)
        return -1;
    if (r->function_name.n > FUNCTION_NAME_MAX || span_find(r->function_name, '\0') < r->function_name.n)
        return err_set(e, ERR_UNPROCESSABLE, "field \"function_name\" is longer than %d bytes or has a NUL in it",
                       FUNCTION_NAME_MAX);
    return 0;
}

static int read_fields(struct execute *r, json_val *root, struct err *e) {
    if (read_function(r, root, e) < 0 || read_mode(r, root, e) < 0 || read_input(r, root, e) < 0 ||
        read_id(root, "invocation_id", &r->invocation_id, e) < 0 ||
        read_id(root, "execution_id", &r->execution_id, e) < 0 ||
        json_want_string(root, "session_id", &r->session_id, e) < 0 ||
        json_want_i64(root, "timeout_ms", 1, TIMEOUT_MAX_MS, &r->timeout_ms, e) < 0 ||
        json_want_bool(root, "force_new_instance", &r->fresh, e) < 0 ||
        json_want_bool(root, "include_log", &r->include_log, e) < 0 ||
        json_want_object(root, "headers", &r->headers, e) < 0 ||
        json_want_object(root, "environment", &r->environment, e) < 0 ||
        json_want_object(root, "metadata", &r->metadata, e) < 0)
        return -1;
    return 0;
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
                                    .with_log = r->include_log};
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
        http_api_refuse(r->x, &call->outcome.error);
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
    if (r->input.p)
        return request_body_hold(payload, r->input.n, e) < 0 ? -1 : buf_append_span(&payload->bytes, r->input);
    if (request_body_hold(payload, r->input_base64.n / 4 * 3, e) < 0)
        return -1;
    if (base64_decode(r->input_base64, &payload->bytes, e) == 0)
        return 0;
    return e->kind == ERR_INVALID_REQUEST ? err_wrap(e, "field \"input_base64\"") : -1;
}

static int set_payload(struct execute *r, struct function_call *call, struct err *e) {
    uint64_t max = call->function->task->limits.payload_bytes;
    size_t padding = span_ends_with(r->input_base64, "==") ? 2 : span_ends_with(r->input_base64, "=") ? 1 : 0;
    size_t n = r->input.p ? r->input.n : r->input_base64.n / 4 * 3 - (r->input_base64.n >= 4 ? padding : 0);
    if (n > max)
        return too_large(call, n, e);
    struct request_body *payload = request_body_new(&r->spearlet->payloads, n + 4);
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
        guest_environment_add_headers(&env, r->headers, e) < 0)
        return -1;
    if (r->content_type.n && guest_environment_set(&env, SPAN_LITERAL("CONTENT_TYPE"), r->content_type, e) < 0)
        return -1;
    if (guest_environment_add_object(&env, r->environment, "environment", e) < 0)
        return -1;
    return guest_environment_give(&env, call, e);
}

static int set_params(struct execute *r, struct function_call *call, struct err *e) {
    struct buf text;
    if (!r->params)
        return 0;
    buf_init(&text, FUNCTION_CALL_MEMORY_MAX);
    json_print(r->params, &text);
    call->params = span_of(arena_strdup(&call->memory, buf_span(&text)));
    bool is_cut = text.full || !call->params.p;
    buf_done(&text);
    return is_cut ? err_set(e, ERR_INVALID_REQUEST, "params are larger than %d bytes", FUNCTION_CALL_MEMORY_MAX) : 0;
}

static int fill(struct execute *r, struct function_call *call, struct err *e) {
    call->fresh = r->fresh;
    call->home = http_exchange_loop(r->x);
    call->admitted = r->is_async ? on_admitted : NULL;
    call->done = on_done;
    call->ctx = r;
    call->function_name = span_of(arena_strdup(&call->memory, r->function_name));
    function_call_set_deadline(call, (uint64_t)r->timeout_ms);
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
    struct execution_identity identity = {.execution_id = r->execution_id,
                                          .invocation_id = r->invocation_id,
                                          .function = f,
                                          .is_async = r->is_async,
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
    } else if (!json_is_object(json_root(r->doc))) {
        err_set(&e, ERR_UNPROCESSABLE, "the request must be a JSON object");
        fail(r, &e);
    } else if (read_fields(r, json_root(r->doc), &e) < 0) {
        fail(r, &e);
    } else {
        http_api_find_task(r->spearlet, r->x, r->task_id, on_task, r);
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
