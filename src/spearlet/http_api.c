// The table of routes with the scopes that a token needs for each, and the pieces that several handlers answer with.
#include "spearlet/http_api.h"

#include "base/clock.h"
#include "base/encode.h"
#include "base/mem.h"

#include <stdio.h>

enum {
    ANSWER_MAX = 256 * 1024 * 1024,
    OUTPUT_BASE64_MAX = 128 * 1024 * 1024, // larger outputs are had raw, by /tasks/{task}/invoke
    OUTPUT_TEXT_MAX = 16 * 1024 * 1024
};

static const struct http_route routes[] = {
    {"GET", "/health", http_health, AUTH_OPEN},
    {"GET", "/status", http_status, SCOPE_READ},
    {"GET", "/metrics", http_metrics, SCOPE_READ},
    {"GET", "/monitoring/stats", http_stats, SCOPE_READ},
    {"POST", "/functions/execute", http_execute, SCOPE_INVOKE},
    {"GET", "/functions/executions/{id}", http_execution_get, SCOPE_READ | SCOPE_INVOKE}, // the latter: its own
    {"POST", "/functions/executions/{id}/cancel", http_execution_cancel, SCOPE_INVOKE},   // its own
    {"GET", "/tasks", http_tasks_list, SCOPE_READ},
    {"GET", "/tasks/{task}", http_task_get, SCOPE_READ | AUTH_RELAY},
    {"DELETE", "/tasks/{task}", http_task_drop, SCOPE_ADMIN | AUTH_RELAY},
    {"GET", "/tasks/{task}/executions", http_task_executions, SCOPE_READ},
    {"POST", "/tasks/{task}/invoke", http_invoke, SCOPE_INVOKE | AUTH_RELAY},
    {"*", "/tasks/{task}/http", http_trigger, AUTH_LATER},
    {"*", "/tasks/{task}/http/{rest...}", http_trigger, AUTH_LATER},
    {"GET", "/instances", http_instances, SCOPE_READ},
};

void http_api_handle(struct http_exchange *x, void *ctx) {
    http_route_dispatch(x, routes, COUNT_OF(routes), auth_enter, ctx);
}

void http_api_find_task(struct spearlet *s, struct http_exchange *x, struct span key, task_found *found, void *ctx) {
    struct err e;
    if (key.n == 0 || key.n > TASK_NAME_MAX) {
        err_set(&e, ERR_TASK_NOT_FOUND, "there is no task \"%.*s\"", SPAN_ARGS(span_slice(key, 0, TASK_NAME_MAX)));
        found(ctx, NULL, &e);
        return;
    }
    struct function *f = task_catalog_find(s->tasks, http_exchange_loop(x), key, found, ctx);
    if (!f)
        return;
    found(ctx, f, NULL);
    function_unref(f);
}

void http_api_respond_json(struct http_exchange *x, int status, const struct http_header *headers, size_t header_count,
                           struct json_out *out) {
    struct http_header all[8] = {{SPAN_LITERAL("Content-Type"), SPAN_LITERAL("application/json")}};
    struct buf text;
    size_t n;
    ASSERT(header_count < COUNT_OF(all));
    if (header_count)
        memcpy(all + 1, headers, header_count * sizeof headers[0]);
    buf_init(&text, ANSWER_MAX);
    json_out_print(out, false, &text);
    json_out_free(out);
    char *body = buf_take(&text, &n);
    http_respond_owned(x, status, all, header_count + 1, body, n, free);
}

void http_api_refuse_until(struct http_exchange *x, const struct err *e, uint32_t retry_after_s) {
    char seconds[16];
    const struct http_header retry = http_api_retry_after(retry_after_s, seconds);
    int status = err_kind_info(e->kind)->http_status;
    http_problem_full(x, status, e, &retry, status == 503 ? 1 : 0, NULL, NULL);
}

void http_api_refuse(struct http_exchange *x, const struct err *e) {
    http_api_refuse_until(x, e, 1);
}

struct http_header http_api_retry_after(uint32_t seconds, char text[16]) {
    snprintf(text, 16, "%u", seconds ? seconds : 1);
    return (struct http_header){SPAN_LITERAL("Retry-After"), span_of(text)};
}

void http_api_accepted(struct http_exchange *x, const struct execution *record, bool by_preference) {
    char location[EXECUTION_ID_MAX + 64];
    snprintf(location, sizeof location, "/functions/executions/%s", record->execution_id);
    struct http_header headers[] = {{SPAN_LITERAL("Location"), span_of(location)},
                                    {SPAN_LITERAL("x-execution-id"), span_of(record->execution_id)},
                                    {SPAN_LITERAL("Preference-Applied"), SPAN_LITERAL("respond-async")}};
    struct json_out *out = json_out_new();
    json_node *root = json_out_object(out);
    json_add_bool(out, root, "success", true);
    json_add_text(out, root, "invocation_id", record->invocation_id);
    json_add_text(out, root, "execution_id", record->execution_id);
    json_add_text(out, root, "status", execution_state_name(EXECUTION_PENDING));
    http_api_respond_json(x, 202, headers, by_preference ? 3 : 2, out);
}

void http_api_add_time(struct json_out *out, json_node *object, const char *key, int64_t unix_ms) {
    char text[RFC3339_TEXT];
    clock_rfc3339(unix_ms, text);
    json_add_text(out, object, key, unix_ms ? text : NULL);
}

// ---- an execution

static void add_output(struct json_out *out, json_node *object, const struct execution_outcome *o) {
    struct span output = span_make(o->output, o->output_bytes);
    struct buf text;
    if (output.n > OUTPUT_BASE64_MAX) {
        json_add_null(out, object, "output_base64");
        json_add_bool(out, object, "output_omitted", true);
        return;
    }
    buf_init(&text, (size_t)2 * OUTPUT_BASE64_MAX);
    base64_encode(output, &text);
    json_add_string(out, object, "output_base64", buf_span(&text));
    buf_done(&text);
    if (output.n <= OUTPUT_TEXT_MAX && utf8_valid(output))
        json_add_string(out, object, "output", output);
}

static void add_results(struct json_out *out, json_node *object, const struct execution_outcome *o) {
    struct json_doc *doc CLEANUP(json_free_pointer) = NULL;
    if (o->results && json_parse(span_make(o->results, o->results_bytes), &doc, NULL) == 0)
        json_add_value(out, object, "results", json_root(doc));
}

static void add_error(struct json_out *out, json_node *object, const struct err *e) {
    if (e->kind == ERR_NONE) {
        json_add_null(out, object, "error");
        return;
    }
    json_node *error = json_add_object(out, object, "error");
    json_add_text(out, error, "code", err_kind_info(e->kind)->name);
    json_add_text(out, error, "message", e->text);
}

static void add_outcome(struct json_out *out, json_node *object, const struct execution_print *print) {
    const struct execution_outcome *o = print->outcome;
    if (o->exited)
        json_add_i64(out, object, "exit_code", o->exit_code);
    else
        json_add_null(out, object, "exit_code"); // the guest gave none
    add_error(out, object, &o->error);
    if (print->with_output && !o->output_omitted) {
        add_output(out, object, o);
        add_results(out, object, o);
    } else if (print->with_output) {
        json_add_null(out, object, "output_base64");
        json_add_bool(out, object, "output_omitted", true);
    }
    if (print->with_log) {
        json_add_string(out, object, "log", print->log);
        json_add_bool(out, object, "log_truncated", print->log_cut);
    }
    http_api_add_time(out, object, "completed_at", o->completed_ms);
    json_add_i64(out, object, "duration_us", (int64_t)o->duration_us);
    json_node *timing = json_add_object(out, object, "timing_us");
    json_add_i64(out, timing, "queue", (int64_t)o->queue_us);
    json_add_i64(out, timing, "start", (int64_t)o->start_us);
    json_add_i64(out, timing, "instantiate", (int64_t)o->instantiate_us);
    json_add_i64(out, timing, "run", (int64_t)o->run_us);
}

static void add_nothing_yet(struct json_out *out, json_node *object) {
    static const char *const keys[] = {"exit_code", "error", "completed_at", "duration_us"};
    for (size_t i = 0; i < COUNT_OF(keys); i++)
        json_add_null(out, object, keys[i]);
}

void http_api_add_execution(struct json_out *out, json_node *object, const struct execution_print *print) {
    const struct execution *record = print->record;
    json_add_bool(out, object, "success", print->state == EXECUTION_COMPLETED);
    json_add_text(out, object, "invocation_id", record->invocation_id);
    json_add_text(out, object, "execution_id", record->execution_id);
    json_add_text(out, object, "task_id", record->function->task->task_id);
    json_add_text(out, object, "task_name", record->function->task->name);
    json_add_text(out, object, "instance_id", print->instance_id[0] ? print->instance_id : NULL);
    json_add_text(out, object, "status", execution_state_name(print->state));
    http_api_add_time(out, object, "created_at", record->created_ms);
    http_api_add_time(out, object, "started_at", print->started_ms);
    if (print->outcome)
        add_outcome(out, object, print);
    else
        add_nothing_yet(out, object);
}
