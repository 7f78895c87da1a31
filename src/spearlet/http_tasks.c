// The tasks this node knows, their executions, and the instances.
#include "spearlet/http_api.h"

#include "base/clock.h"
#include "base/mem.h"

enum { EXECUTIONS_SHOWN = 100, EXECUTIONS_SHOWN_MAX = 1000 };

static void add_health(struct json_out *out, json_node *object, struct function *f) {
    struct task_health_view view;
    task_health_view(&f->health, clock_monotonic_us(), &view);
    json_node *health = json_add_object(out, object, "health");
    json_add_text(out, health, "status", view.is_unhealthy ? "unhealthy" : "healthy");
    json_add_i64(out, health, "crashes", view.crashes);
    json_add_text(out, health, "reason", view.crashes ? view.reason : NULL);
    json_add_i64(out, health, "retry_in_ms", (int64_t)view.wait_ms);
}

// Before its first use here nothing is known: the interpreter would serve it.
static void add_code(const struct spearlet *s, struct json_out *out, json_node *task, const struct function *f) {
    struct runtime_code_state code = {0};
    json_node *object = json_add_object(out, task, "code");
    bool is_known = runtime_task_code(s->runtimes, f->task->task_id, &code);
    bool is_first = code.compiling && code.code == RUNTIME_CODE_INTERPRETER;
    json_add_text(out, object, "state", is_first ? "compiling" : runtime_code_name(code.code));
    json_add_bool(out, object, "compiling", code.compiling);
    if (is_known && code.code != RUNTIME_CODE_INTERPRETER) {
        json_add_i64(out, object, "compile_ms", (int64_t)code.compile_ms);
        json_add_i64(out, object, "size_bytes", (int64_t)code.size_bytes);
    }
    json_add_text(out, object, "failure", code.failure[0] ? code.failure : NULL);
}

static void add_task(const struct spearlet *s, struct json_out *out, json_node *object, struct function *f) {
    task_to_json(f->task, out, object);
    add_code(s, out, object, f);
    json_add_i64(out, object, "waiting", (int64_t)atomic_load(&f->waiting));
    add_health(out, object, f);
}

void http_tasks_list(struct http_exchange *x, void *ctx) {
    struct spearlet *s = ctx;
    size_t count;
    struct function **list = task_catalog_list(s->tasks, &count);
    struct json_out *out = json_out_new();
    json_node *root = json_out_object(out);
    json_node *tasks = json_add_array(out, root, "tasks");
    for (size_t i = 0; i < count; i++) {
        add_task(s, out, json_push_object(out, tasks), list[i]);
        function_unref(list[i]);
    }
    free(list);
    json_add_i64(out, root, "total_count", (int64_t)count);
    http_respond_json(x, 200, out);
}

struct listing {
    struct spearlet *spearlet;
    struct http_exchange *x;
};

static void on_task(void *ctx, struct function *f, const struct err *e) {
    struct listing listing = *(struct listing *)ctx;
    struct http_exchange *x = listing.x;
    free(ctx);
    if (!f) {
        http_api_refuse(x, e);
        return;
    }
    struct json_out *out = json_out_new();
    add_task(listing.spearlet, out, json_out_object(out), f);
    http_respond_json(x, 200, out);
}

void http_task_get(struct http_exchange *x, void *ctx) {
    struct listing *listing = NEW(struct listing);
    *listing = (struct listing){ctx, x};
    http_api_find_task(ctx, x, http_param(x, "task"), on_task, listing);
}

// From sms: the task is gone. Saying so twice, or of a task that is not known here, is harmless.
void http_task_drop(struct http_exchange *x, void *ctx) {
    struct spearlet *s = ctx;
    bool was_known = task_catalog_drop(s->tasks, http_param(x, "task"));
    struct json_out *out = json_out_new();
    json_node *root = json_out_object(out);
    json_add_bool(out, root, "success", true);
    json_add_bool(out, root, "was_known", was_known);
    http_respond_json(x, 200, out);
}

// ---- executions of a task

static int read_limit(struct http_exchange *x, size_t *ret, struct err *e) {
    struct span text;
    uint64_t limit;
    *ret = EXECUTIONS_SHOWN;
    if (!http_query_value(x, "limit", &text))
        return 0;
    if (!span_to_u64(text, &limit))
        return err_set(e, ERR_UNPROCESSABLE, "query parameter \"limit\" must be a number, not \"%.*s\"",
                       SPAN_ARGS(span_slice(text, 0, 100)));
    *ret = limit > EXECUTIONS_SHOWN_MAX ? EXECUTIONS_SHOWN_MAX : (size_t)limit;
    return 0;
}

static void add_record(struct spearlet *s, struct json_out *out, json_node *object, const struct execution *record) {
    struct execution_view view;
    executions_view(s->executions, record, &view);
    struct execution_print print = {.record = record,
                                    .state = view.state,
                                    .outcome = view.is_finished ? view.outcome : NULL,
                                    .instance_id = view.instance_id,
                                    .started_ms = view.started_ms};
    http_api_add_execution(out, object, &print);
}

static void on_task_of_executions(void *ctx, struct function *f, const struct err *e) {
    struct listing listing = *(struct listing *)ctx;
    struct spearlet *s = listing.spearlet;
    struct execution *records[EXECUTIONS_SHOWN_MAX];
    struct err bad;
    size_t max = 0, total;
    free(ctx);
    if (f && read_limit(listing.x, &max, &bad) < 0)
        e = &bad;
    if (e) {
        http_api_refuse(listing.x, e);
        return;
    }
    size_t count = executions_of_task(s->executions, span_of(f->task->task_id), records, max, &total);
    struct json_out *out = json_out_new();
    json_node *root = json_out_object(out);
    json_node *array = json_add_array(out, root, "executions");
    for (size_t i = 0; i < count; i++) {
        add_record(s, out, json_push_object(out, array), records[i]);
        execution_unref(records[i]);
    }
    json_add_i64(out, root, "total_count", (int64_t)total);
    http_respond_json(listing.x, 200, out);
}

void http_task_executions(struct http_exchange *x, void *ctx) {
    struct listing *listing = NEW(struct listing);
    *listing = (struct listing){ctx, x};
    http_api_find_task(ctx, x, http_param(x, "task"), on_task_of_executions, listing);
}

// ---- instances

struct tour {
    struct http_exchange *x;
    struct json_out *out;
    json_node *root, *instances;
    size_t count;
};

static void on_instance(void *ctx, const struct instance_view *view) {
    struct tour *tour = ctx;
    struct json_out *out = tour->out;
    json_node *object = json_push_object(out, tour->instances);
    tour->count++;
    json_add_text(out, object, "instance_id", view->instance_id[0] ? view->instance_id : NULL);
    json_add_text(out, object, "task_id", view->task->task_id);
    json_add_text(out, object, "task_name", view->task->name);
    json_add_text(out, object, "state", instance_state_name(view->state));
    json_add_i64(out, object, "pid", view->pid);
    json_add_i64(out, object, "loop", (int64_t)view->loop_index);
    json_add_text(out, object, "module_sha256", view->module_digest);
    json_add_text(out, object, "code", runtime_code_name(view->code));
    http_api_add_time(out, object, "created_at", view->created_ms);
    json_add_i64(out, object, "invocations", (int64_t)view->invocations);
    json_add_i64(out, object, "idle_ms", (int64_t)view->idle_ms);
    json_add_text(out, object, "execution_id", view->execution_id);
}

static void on_tour_done(void *ctx) {
    struct tour *tour = ctx;
    json_add_i64(tour->out, tour->root, "total_count", (int64_t)tour->count);
    http_respond_json(tour->x, 200, tour->out);
    free(tour);
}

void http_instances(struct http_exchange *x, void *ctx) {
    struct spearlet *s = ctx;
    struct tour *tour = NEW(struct tour);
    tour->x = x;
    tour->out = json_out_new();
    tour->root = json_out_object(tour->out);
    tour->instances = json_add_array(tour->out, tour->root, "instances");
    function_service_each_instance(s->functions, http_exchange_loop(x), on_instance, on_tour_done, tour);
}
