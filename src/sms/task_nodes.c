// Asks every online node about one task at the same time, and answers when the last one has: node_calls.c has the calls, tasks_api.c the task.
#include "sms/task_nodes.h"

#include "base/json.h"
#include "base/mem.h"
#include "sms/node_calls.h"

struct gathering {
    struct http_exchange *x;
    struct json_doc *task;
    struct json_out *out;
    json_node *root, *nodes;
    size_t waiting;
};

static int copy_member(void *ctx, struct span key, json_val *value) {
    struct gathering *g = ctx;
    AUTO_FREE char *name = span_dup(key);
    json_add_value(g->out, g->root, name, value);
    return 0;
}

static void finish(struct gathering *g) {
    struct buf text;
    size_t n;
    const struct http_header type = {SPAN_LITERAL("Content-Type"), SPAN_LITERAL("application/json")};
    buf_init(&text, SIZE_MAX);
    json_out_print(g->out, false, &text);
    char *body = buf_take(&text, &n);
    http_respond_owned(g->x, 200, &type, 1, body, n, free);
    json_out_free(g->out);
    json_free(g->task);
    free(g);
}

static void on_node(void *ctx, const struct node_candidate *node, struct span body, const struct err *e) {
    struct gathering *g = ctx;
    struct json_doc *doc CLEANUP(json_free_pointer) = NULL;
    struct err why = {0};
    json_node *object = json_push_object(g->out, g->nodes);
    if (e || json_parse(body, &doc, &why) != 0)
        json_add_text(g->out, object, "error", e ? e->text : why.text);
    json_val *task = doc ? json_root(doc) : NULL;
    json_add_text(g->out, object, "node_uuid", node->uuid);
    json_add_text(g->out, object, "http_address", node->http_address);
    if (json_is_object(json_get(task, "code")))
        json_add_value(g->out, object, "code", json_get(task, "code"));
    if (json_is_object(json_get(task, "health")))
        json_add_value(g->out, object, "health", json_get(task, "health"));
    if (json_is_integer(json_get(task, "waiting")))
        json_add_i64(g->out, object, "waiting", json_i64(json_get(task, "waiting")));
    if (--g->waiting == 0)
        finish(g);
}

void task_nodes_answer(struct sms *s, struct http_exchange *x, struct span task_json) {
    struct gathering *g = NEW(struct gathering);
    g->x = x;
    g->out = json_out_new();
    g->root = json_out_object(g->out);
    ASSERT(json_parse(task_json, &g->task, NULL) == 0); // we wrote it
    json_each(json_root(g->task), copy_member, g);
    g->nodes = json_add_array(g->out, g->root, "nodes");
    struct span task_id = json_string(json_get(json_root(g->task), "task_id"));
    g->waiting = 1 + node_calls_ask_task(s, sms_client(s, x), task_id, on_node, g);
    if (--g->waiting == 0)
        finish(g);
}
