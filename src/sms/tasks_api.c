// The routes of tasks: registration, list, one, deletion. What a task may say is checked by model/task.h.
//
// A name may be registered again: the newest registration answers to it, older ones to their ids. Invocation is relay.c.
#include "sms/tasks_api.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "model/sms_uri.h"
#include "model/task.h"
#include "net/http_router.h"
#include "sms/file_table.h"
#include "sms/node_calls.h"
#include "sms/request.h"
#include "sms/task_nodes.h"
#include "sms/task_table.h"

// A page holds at most so much, however many tasks were asked for: the next page begins behind the last one given.
enum { PAGE_BYTES = 8 * 1024 * 1024, REASON_BODY_MAX = 64 * 1024, REASON_LOGGED_MAX = 200 };

static void revision_settled(struct sms *s, int64_t revision) {
    atomic_store(&s->tasks_revision, revision);
}

static void respond_json_text(struct http_exchange *x, struct buf *text) {
    const struct http_header type = {SPAN_LITERAL("Content-Type"), SPAN_LITERAL("application/json")};
    size_t n = 0;
    char *body = buf_take(text, &n);
    http_respond_owned(x, 200, &type, 1, body, n, free);
}

// ---- POST /api/v1/tasks
struct registration {
    struct request request;
    struct task *task;
    struct buf json;
    char file_id[SMS_URI_ID_MAX + 1]; // of a file of this sms, or ""
    bool file_missing;
    int64_t revision;
};

// The file that the uri names, when it is one of ours.
static void find_own_file(struct registration *r) {
    struct sms_uri uri;
    const struct sms *s = r->request.sms;
    if (sms_uri_parse(span_of(r->task->executable.uri), &uri, NULL) != 0) {
        return;
    }
    if (uri.host_port[0] == 0 || strcmp(uri.host_port, s->config.http_addr) == 0 ||
        strcmp(uri.host_port, http_server_address(s->server)) == 0) {
        snprintf(r->file_id, sizeof r->file_id, "%s", uri.file_id);
    }
}

static int register_run(struct db *db, struct request *request, struct err *e) {
    struct registration *r = (struct registration *)request;
    const struct task *t = r->task;
    const struct task_row row = {.task_id = span_of(t->task_id),
                                 .name = span_of(t->name),
                                 .status = span_of(t->status),
                                 .priority = span_of(t->priority),
                                 .node_uuid = span_of(t->node_uuid),
                                 .file_id = span_of(r->file_id),
                                 .json = buf_span(&r->json),
                                 .endpoint = span_of(t->endpoint),
                                 .time_ms = (int64_t)t->limits.time_ms,
                                 .payload_bytes = (int64_t)t->limits.payload_bytes,
                                 .registered_at = t->registered_at,
                                 .is_public = t->limits.http_public};
    struct file_record file;
    bool found = true;
    if (r->file_id[0] != 0 && file_table_find(db, row.file_id, &found, &file, e) != 0) {
        return -1;
    }
    r->file_missing = !found;
    if (task_table_insert(db, &row, e) != 0 || task_table_bump_revision(db, &r->revision, e) != 0) {
        return -1;
    }
    return request_audit(db, request, "task.register", row.task_id, row.name, t->executable.uri, e);
}

static void register_settled(struct db *db, struct request *request, bool committed) {
    (void)db;
    if (committed) {
        revision_settled(request->sms, ((struct registration *)request)->revision);
    }
}

static void register_answer(struct request *request) {
    struct registration *r = (struct registration *)request;
    AUTO_FREE char *message =
        r->file_missing ? mem_printf("task %s is registered; file %s is not stored here", r->task->name, r->file_id)
                        : mem_printf("task %s is registered", r->task->name);
    struct json_out *out = json_out_new();
    json_node *root = json_out_object(out);
    json_add_bool(out, root, "success", true);
    json_add_text(out, root, "task_id", r->task->task_id);
    json_add_text(out, root, "message", message);
    log_info("task registered task_id=%s name=\"%s\" uri=%.200s", r->task->task_id, r->task->name,
             r->task->executable.uri);
    http_respond_json(request->x, 200, out);
}

static void registration_done(struct request *request) {
    struct registration *r = (struct registration *)request;
    task_unref(r->task);
    buf_done(&r->json);
}

// The task is still ours alone: it gets what the registry adds.
static void complete_task(struct task *t) {
    char id[UUID_TEXT + 1];
    uuid_new(id);
    free(t->task_id);
    t->task_id = mem_strdup(id);
    t->registered_at = t->last_heartbeat = clock_unix_s();
}

static int write_task_json(const struct task *t, struct buf *to, struct err *e) {
    struct json_out *out = json_out_new();
    task_to_json(t, out, json_out_object(out));
    int result = json_out_print(out, false, to);
    json_out_free(out);
    return result == 0 ? 0 : err_set(e, ERR_PAYLOAD_TOO_LARGE, "the task is larger than %zu bytes as JSON", to->max);
}

static void register_body(struct http_exchange *x, json_val *root, void *ctx) {
    struct err err;
    struct task *task = NULL;
    if (task_from_registration(root, &task, &err) != 0) {
        answer_error_status(x, err.kind == ERR_NOT_SUPPORTED ? 422 : err_kind_info(err.kind)->http_status, &err);
        return;
    }
    struct registration *r = NEW(struct registration);
    r->request = (struct request){.sms = ctx,
                                  .x = x,
                                  .run = register_run,
                                  .settled = register_settled,
                                  .answer = register_answer,
                                  .done = registration_done};
    r->task = task;
    complete_task(task);
    find_own_file(r);
    buf_init(&r->json, (size_t)4 * TASK_BODY_MAX);
    if (write_task_json(task, &r->json, &err) != 0) {
        answer_error(x, &err);
        registration_done(&r->request);
        free(r);
        return;
    }
    request_write(&r->request);
}

void tasks_register_handle(struct http_exchange *x, void *ctx) {
    http_read_json(x, TASK_BODY_MAX, false, register_body, ctx);
}

// ---- GET /api/v1/tasks
struct tasks_list {
    struct request request;
    struct task_filter filter;
    struct buf text;
    int64_t total;
};

static bool list_add(void *ctx, const struct task_row *row) {
    struct tasks_list *list = ctx;
    bool first = span_ends_with(buf_span(&list->text), "[");
    if (!first && list->text.n + row->json.n > PAGE_BYTES) {
        return false;
    }
    return (first || buf_append_char(&list->text, ',') == 0) && buf_append_span(&list->text, row->json) == 0;
}

static int list_run(struct db *db, struct request *request, struct err *e) {
    struct tasks_list *list = (struct tasks_list *)request;
    buf_append_text(&list->text, "{\"tasks\":[");
    if (task_table_list(db, &list->filter, list_add, list, &list->total, e) != 0) {
        return -1;
    }
    return buf_printf(&list->text, "],\"total_count\":%lld}", (long long)list->total) == 0
               ? 0
               : err_set(e, ERR_INTERNAL, "the page is too large");
}

static void list_answer(struct request *request) {
    respond_json_text(request->x, &((struct tasks_list *)request)->text);
}

static void list_done(struct request *request) {
    buf_done(&((struct tasks_list *)request)->text);
}

static int check_filter(const char *name, struct span value, const char *const words[], size_t count, struct err *e) {
    struct buf allowed;
    for (size_t i = 0; i < count; i++) {
        if (value.n == 0 || span_equal_text(value, words[i])) {
            return 0;
        }
    }
    buf_init(&allowed, 256);
    for (size_t i = 0; i < count; i++) {
        buf_printf(&allowed, "%s%s", i != 0 ? ", " : "", words[i]);
    }
    err_set(e, ERR_UNPROCESSABLE, "query parameter \"%s\" must be one of %s, not \"%.*s\"", name, buf_text(&allowed),
            SPAN_ARGS(value));
    buf_done(&allowed);
    return -1;
}

static int read_filter(struct http_exchange *x, struct task_filter *ret, struct err *e) {
    static const char *const statuses[] = {"registered", "active", "inactive", "unregistered", "unknown"};
    static const char *const priorities[] = {"low", "normal", "high", "urgent"};
    struct page page;
    if (answer_read_page(x, &page, e) != 0) {
        return -1;
    }
    *ret = (struct task_filter){.status = answer_query(x, "status"),
                                .priority = answer_query(x, "priority"),
                                .node_uuid = answer_query(x, "node_uuid"),
                                .q = answer_query(x, "q"),
                                .limit = page.limit,
                                .offset = page.offset};
    return check_filter("status", ret->status, statuses, COUNT_OF(statuses), e) != 0
               ? -1
               : check_filter("priority", ret->priority, priorities, COUNT_OF(priorities), e);
}

void tasks_list_handle(struct http_exchange *x, void *ctx) {
    struct err err;
    struct task_filter filter;
    if (read_filter(x, &filter, &err) != 0) {
        answer_error(x, &err);
        return;
    }
    struct tasks_list *list = NEW(struct tasks_list);
    list->request = (struct request){.sms = ctx, .x = x, .run = list_run, .answer = list_answer, .done = list_done};
    list->filter = filter;
    buf_init(&list->text, (size_t)PAGE_BYTES + 4 * TASK_BODY_MAX + 64);
    request_read(&list->request);
}

// ---- GET /api/v1/tasks/{task}
struct task_get {
    struct request request;
    struct span reference;
    bool with_nodes;
    struct buf json;
};

static void get_found(void *ctx, const struct task_row *row) {
    buf_append_span(ctx, row->json);
}

static int task_missing(struct span reference, struct err *e) {
    return err_set(e, ERR_TASK_NOT_FOUND, "there is no task of the id or name \"%.*s\"", SPAN_ARGS(reference));
}

static int get_run(struct db *db, struct request *request, struct err *e) {
    struct task_get *g = (struct task_get *)request;
    bool found = false;
    if (task_table_find(db, g->reference, get_found, &g->json, &found, e) != 0) {
        return -1;
    }
    return found ? 0 : task_missing(g->reference, e);
}

static void get_answer(struct request *request) {
    struct task_get *g = (struct task_get *)request;
    if (g->with_nodes) {
        task_nodes_answer(request->sms, request->x, buf_span(&g->json));
    } else {
        respond_json_text(request->x, &g->json);
    }
}

static void get_done(struct request *request) {
    buf_done(&((struct task_get *)request)->json);
}

void tasks_get_handle(struct http_exchange *x, void *ctx) {
    struct task_get *g = NEW(struct task_get);
    g->request = (struct request){.sms = ctx, .x = x, .run = get_run, .answer = get_answer, .done = get_done};
    g->reference = http_param(x, "task");
    struct span nodes;
    g->with_nodes = http_query_value(x, "nodes", &nodes) && span_equal_text(nodes, "true");
    buf_init(&g->json, (size_t)4 * TASK_BODY_MAX);
    request_read(&g->request);
}

// ---- DELETE /api/v1/tasks/{task}
struct task_delete {
    struct request request;
    struct span reference;
    struct span reason; // the document lives as long as the exchange
    char task_id[UUID_TEXT + 1];
    char name[TASK_NAME_MAX + 1];
    int64_t revision;
};

static void delete_found(void *ctx, const struct task_row *row) {
    struct task_delete *d = ctx;
    snprintf(d->task_id, sizeof d->task_id, "%.*s", SPAN_ARGS(row->task_id));
    snprintf(d->name, sizeof d->name, "%.*s", SPAN_ARGS(row->name));
}

static int delete_run(struct db *db, struct request *request, struct err *e) {
    struct task_delete *d = (struct task_delete *)request;
    bool found = false;
    if (task_table_find(db, d->reference, delete_found, d, &found, e) != 0) {
        return -1;
    }
    if (!found) {
        return task_missing(d->reference, e);
    }
    if (task_table_delete(db, span_of(d->task_id), e) != 0 || task_table_bump_revision(db, &d->revision, e) != 0) {
        return -1;
    }
    AUTO_FREE char *reason = span_dup(span_slice(d->reason, 0, REASON_LOGGED_MAX));
    return request_audit(db, request, "task.delete", span_of(d->task_id), span_of(d->name), reason, e);
}

static void delete_settled(struct db *db, struct request *request, bool committed) {
    (void)db;
    if (committed) {
        revision_settled(request->sms, ((struct task_delete *)request)->revision);
    }
}

static void delete_answer(struct request *request) {
    struct task_delete *d = (struct task_delete *)request;
    AUTO_FREE char *message = mem_printf("task %s is deleted", d->name);
    log_info("task deleted task_id=%s name=\"%s\" reason=\"%.*s\"", d->task_id, d->name,
             SPAN_ARGS(span_slice(d->reason, 0, REASON_LOGGED_MAX)));
    node_calls_task_deleted(request->sms, sms_client(request->sms, request->x), d->task_id);
    answer_success(request->x, message);
}

static void delete_body(struct http_exchange *x, json_val *root, void *ctx) {
    struct err err;
    struct span reason = {0};
    if (root != NULL && json_want_string(root, "reason", &reason, &err) != 0) {
        answer_error(x, &err);
        return;
    }
    struct task_delete *d = NEW(struct task_delete);
    d->request =
        (struct request){.sms = ctx, .x = x, .run = delete_run, .settled = delete_settled, .answer = delete_answer};
    d->reference = http_param(x, "task");
    d->reason = reason;
    request_write(&d->request);
}

void tasks_delete_handle(struct http_exchange *x, void *ctx) {
    http_read_json(x, REASON_BODY_MAX, true, delete_body, ctx);
}
