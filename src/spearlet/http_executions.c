// GET /functions/executions/{id} and POST …/cancel.
#include "spearlet/http_api.h"

#include "base/mem.h"

static int read_include_output(struct http_exchange *x, bool *ret, struct err *e) {
    struct span value = SPAN_LITERAL("false");
    http_query_value(x, "include_output", &value);
    *ret = span_equal_text(value, "true") || span_equal_text(value, "1");
    if (*ret || span_equal_text(value, "false") || span_equal_text(value, "0"))
        return 0;
    return err_set(e, ERR_UNPROCESSABLE, "query parameter \"include_output\" must be true or false, not \"%.*s\"",
                   SPAN_ARGS(span_slice(value, 0, 100)));
}

static struct execution *find(struct spearlet *s, struct http_exchange *x) {
    struct span id = http_param(x, "id");
    struct execution *record = executions_find(s->executions, id);
    if (!record)
        http_problem_text(x, ERR_EXECUTION_NOT_FOUND, "there is no execution \"%.*s\" here (any more)",
                          SPAN_ARGS(span_slice(id, 0, EXECUTION_ID_MAX)));
    return record;
}

// Who has scope invoke alone deals with what it made.
static bool may(struct spearlet *s, struct http_exchange *x, const struct execution *record, unsigned scopes) {
    const struct token_caller *caller = auth_caller(x);
    if (auth_allows(x, scopes) || (caller->id[0] && strcmp(caller->id, record->owner) == 0))
        return true;
    auth_refuse(s, x, scopes, "the execution is another one's");
    return false;
}

void http_execution_get(struct http_exchange *x, void *ctx) {
    struct spearlet *s = ctx;
    struct execution *record = find(s, x);
    struct execution_view view;
    bool with_output;
    struct err e;
    if (!record)
        return;
    if (!may(s, x, record, SCOPE_READ)) {
        execution_unref(record);
        return;
    }
    if (read_include_output(x, &with_output, &e) < 0) {
        execution_unref(record);
        http_api_refuse(x, &e);
        return;
    }
    executions_view(s->executions, record, &view);
    struct execution_print print = {.record = record,
                                    .state = view.state,
                                    .outcome = view.is_finished ? view.outcome : NULL,
                                    .instance_id = view.instance_id,
                                    .started_ms = view.started_ms,
                                    .with_output = with_output,
                                    .with_log = with_output};
    if (view.is_finished) {
        print.log = span_make(view.outcome->log, view.outcome->log_bytes);
        print.log_cut = view.outcome->log_cut;
    }
    struct json_out *out = json_out_new();
    http_api_add_execution(out, json_out_object(out), &print);
    http_respond_json(x, 200, out);
    execution_unref(record);
}

static void on_cancelled(void *ctx, bool was_active) {
    struct http_exchange *x = ctx;
    struct span id = http_param(x, "id");
    if (!was_active) {
        http_problem_text(x, ERR_CONFLICT, "execution %.*s has finished already", SPAN_ARGS(id));
        return;
    }
    struct json_out *out = json_out_new();
    json_add_bool(out, json_out_object(out), "success", true);
    http_respond_json(x, 200, out);
}

void http_execution_cancel(struct http_exchange *x, void *ctx) {
    struct spearlet *s = ctx;
    struct execution *record = find(s, x);
    if (!record)
        return;
    if (may(s, x, record, SCOPE_ADMIN))
        function_service_cancel(s->functions, http_exchange_loop(x), record, on_cancelled, x);
    execution_unref(record);
}
