// The routes of nodes that do not change their address: list, one, deletion, heartbeat, resource.
//
// Reading is from the living list; registering and updating are nodes_change.c's.
#include "sms/nodes_api.h"

#include "base/log.h"
#include "base/mem.h"
#include "net/http_router.h"
#include "sms/auth.h"
#include "sms/nodes_input.h"
#include "sms/request.h"
#include "sms/task_table.h"

enum { RESOURCE_MAX = 64 * 1024, HEARTBEAT_BODY_MAX = 64 * 1024 };

static void answer_missing(struct http_exchange *x, const char *uuid) {
    struct err err;
    nodes_input_missing(span_of(uuid), &err);
    answer_error(x, &err);
}

// ---- reading
void nodes_list_handle(struct http_exchange *x, void *ctx) {
    struct sms *s = ctx;
    struct json_out *out = json_out_new();
    json_node *root = json_out_object(out);
    size_t count = nodes_describe_all(s->nodes, out, json_add_array(out, root, "nodes"));
    json_add_i64(out, root, "total_count", (int64_t)count);
    http_respond_json(x, 200, out);
}

// A node's token reads its own entry.
static bool may_read(struct sms *s, struct http_exchange *x, const char *uuid) {
    return auth_allows(x, SCOPE_READ) || nodes_input_may_act(s, x, uuid, false);
}

void nodes_get_handle(struct http_exchange *x, void *ctx) {
    struct sms *s = ctx;
    char uuid[UUID_TEXT + 1];
    if (!nodes_input_path(x, uuid) || !may_read(s, x, uuid)) {
        return;
    }
    struct json_out *out = json_out_new();
    json_node *root = json_out_object(out);
    json_add_bool(out, root, "success", true);
    if (nodes_describe(s->nodes, span_of(uuid), out, json_add_object(out, root, "node"))) {
        http_respond_json(x, 200, out);
    } else {
        json_out_free(out);
        answer_missing(x, uuid);
    }
}

static void answer_resource(struct http_exchange *x, struct span text) {
    struct json_doc *doc = NULL;
    struct json_out *out = json_out_new();
    json_node *root = json_out_object(out);
    json_add_bool(out, root, "success", true);
    if (text.n != 0 && json_parse(text, &doc, NULL) == 0) {
        json_add_value(out, root, "resource", json_root(doc));
    } else {
        json_add_object(out, root, "resource");
    }
    json_free(doc);
    http_respond_json(x, 200, out);
}

void nodes_get_resource_handle(struct http_exchange *x, void *ctx) {
    struct sms *s = ctx;
    char uuid[UUID_TEXT + 1];
    if (!nodes_input_path(x, uuid) || !may_read(s, x, uuid)) {
        return;
    }
    struct buf text;
    buf_init(&text, RESOURCE_MAX + 1);
    if (nodes_resource(s->nodes, span_of(uuid), &text)) {
        answer_resource(x, buf_span(&text));
    } else {
        answer_missing(x, uuid);
    }
    buf_done(&text);
}

// ---- DELETE, and PUT …/resource
struct node_write {
    struct request request;
    char uuid[UUID_TEXT + 1];
    struct buf resource;
};

static int delete_run(struct db *db, struct request *r, struct err *e) {
    struct node_write *w = (struct node_write *)r;
    bool found = false;
    if (node_table_delete(db, span_of(w->uuid), &found, e) != 0) {
        return -1;
    }
    return found ? request_audit(db, r, "node.delete", span_of(w->uuid), (struct span){0}, "", e)
                 : nodes_input_missing(span_of(w->uuid), e);
}

static void delete_settled(struct db *db, struct request *r, bool committed) {
    (void)db;
    if (committed) {
        nodes_remove(r->sms->nodes, span_of(((struct node_write *)r)->uuid));
    }
}

static void delete_answer(struct request *r) {
    log_info("node deleted uuid=%s", ((struct node_write *)r)->uuid);
    answer_success(r->x, "the node is deleted");
}

void nodes_delete_handle(struct http_exchange *x, void *ctx) {
    char uuid[UUID_TEXT + 1];
    if (!nodes_input_path(x, uuid) || !nodes_input_may_act(ctx, x, uuid, false)) {
        return;
    }
    struct node_write *w = NEW(struct node_write);
    w->request =
        (struct request){.sms = ctx, .x = x, .run = delete_run, .settled = delete_settled, .answer = delete_answer};
    memcpy(w->uuid, uuid, sizeof uuid);
    request_write(&w->request);
}

static int resource_run(struct db *db, struct request *r, struct err *e) {
    struct node_write *w = (struct node_write *)r;
    bool found = false;
    if (node_table_set_resource(db, span_of(w->uuid), buf_span(&w->resource), &found, e) != 0) {
        return -1;
    }
    return found ? 0 : nodes_input_missing(span_of(w->uuid), e);
}

static void resource_settled(struct db *db, struct request *r, bool committed) {
    (void)db;
    struct node_write *w = (struct node_write *)r;
    if (committed) {
        nodes_set_resource(r->sms->nodes, span_of(w->uuid), buf_span(&w->resource));
    }
}

static void resource_answer(struct request *r) {
    answer_resource(r->x, buf_span(&((struct node_write *)r)->resource));
}

static void resource_done(struct request *r) {
    buf_done(&((struct node_write *)r)->resource);
}

static void resource_body(struct http_exchange *x, json_val *root, void *ctx) {
    char uuid[UUID_TEXT + 1];
    if (!nodes_input_path(x, uuid) || !nodes_input_may_act(ctx, x, uuid, false)) {
        return;
    }
    struct node_write *w = NEW(struct node_write);
    w->request = (struct request){.sms = ctx,
                                  .x = x,
                                  .run = resource_run,
                                  .settled = resource_settled,
                                  .answer = resource_answer,
                                  .done = resource_done};
    memcpy(w->uuid, uuid, sizeof uuid);
    buf_init(&w->resource, RESOURCE_MAX);
    if (json_print(root, &w->resource) != 0) {
        http_problem_text(x, ERR_PAYLOAD_TOO_LARGE, "the resource object is larger than %d bytes", RESOURCE_MAX);
        resource_done(&w->request);
        free(w);
        return;
    }
    request_write(&w->request);
}

void nodes_put_resource_handle(struct http_exchange *x, void *ctx) {
    http_read_json(x, RESOURCE_MAX, false, resource_body, ctx);
}

// ---- heartbeat: heard in memory, answered at once; the database learns of it without anybody waiting
struct heard {
    struct store_job job;
    char uuid[UUID_TEXT + 1];
    int64_t at;
};

static int heard_run(struct db *db, void *arg, struct err *e) {
    struct heard *h = arg;
    return node_table_set_heartbeat(db, span_of(h->uuid), h->at, e);
}

static void heard_done(void *arg, const struct err *e) {
    if (e != NULL) {
        log_warn("heartbeat not stored error=\"%s\"", e->text);
    }
    free(arg);
}

static void keep_heartbeat(struct sms *s, const char *uuid, int64_t at) {
    struct heard *h = NEW(struct heard);
    memcpy(h->uuid, uuid, sizeof h->uuid);
    h->at = at;
    h->job = (struct store_job){.run = heard_run, .done = heard_done, .arg = h};
    if (!store_write(s->store, &h->job)) {
        free(h);
    }
}

// Running and queued together; -1 when the body names neither.
static int read_load(json_val *root, int64_t *ret_load, struct err *e) {
    int64_t running = -1, queued = -1;
    if (root != NULL && (json_want_i64(root, "running", 0, INT32_MAX, &running, e) != 0 ||
                         json_want_i64(root, "queued", 0, INT32_MAX, &queued, e) != 0)) {
        return -1;
    }
    *ret_load = running < 0 && queued < 0 ? -1 : (running > 0 ? running : 0) + (queued > 0 ? queued : 0);
    return 0;
}

static void heartbeat_body(struct http_exchange *x, json_val *root, void *ctx) {
    struct sms *s = ctx;
    struct err err;
    char uuid[UUID_TEXT + 1];
    int64_t load = -1, at = 0;
    if (!nodes_input_path(x, uuid) || !nodes_input_may_act(s, x, uuid, false)) {
        return;
    }
    if (read_load(root, &load, &err) != 0) {
        answer_error(x, &err);
        return;
    }
    if (!nodes_heartbeat(s->nodes, span_of(uuid), load, &at)) {
        answer_missing(x, uuid);
        return;
    }
    keep_heartbeat(s, uuid, at);
    struct json_out *out = json_out_new();
    json_node *answer = json_out_object(out);
    json_add_bool(out, answer, "success", true);
    json_add_i64(out, answer, "tasks_revision", atomic_load(&s->tasks_revision));
    http_respond_json(x, 200, out);
}

void nodes_heartbeat_handle(struct http_exchange *x, void *ctx) {
    http_read_json(x, HEARTBEAT_BODY_MAX, true, heartbeat_body, ctx);
}

// ---- at start
static void load_row(void *ctx, const struct node_row *row) {
    nodes_put(ctx, row);
}

static int load_run(struct db *db, void *arg, struct err *e) {
    struct sms *s = arg;
    int64_t revision = 0;
    if (node_table_each(db, load_row, s->nodes, e) != 0 || task_table_revision(db, &revision, e) != 0) {
        return -1;
    }
    atomic_store(&s->tasks_revision, revision);
    return 0;
}

int nodes_load(struct sms *s, struct err *e) {
    return store_run_now(s->store, load_run, s, e);
}
