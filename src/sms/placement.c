// POST /api/v1/placement/invocations/place. The choice itself is nodes_pick's; relay.c uses the same one.
#include "sms/placement.h"

#include "base/mem.h"
#include "sms/request.h"
#include "sms/task_table.h"

enum { BODY_MAX = 64 * 1024, CANDIDATES_DEFAULT = 3 };

struct placement {
    struct request request;
    struct span task; // lives as long as the exchange
    int64_t candidates_max;
};

static void ignore_row(void *ctx, const struct task_row *row) {
    (void)ctx;
    (void)row;
}

static int place_run(struct db *db, struct request *r, struct err *e) {
    struct placement *p = (struct placement *)r;
    bool found = false;
    if (task_table_find(db, p->task, ignore_row, NULL, &found, e) != 0) {
        return -1;
    }
    return found ? 0
                 : err_set(e, ERR_TASK_NOT_FOUND, "there is no task of the id or name \"%.*s\"", SPAN_ARGS(p->task));
}

static void place_answer(struct request *r) {
    struct placement *p = (struct placement *)r;
    struct node_candidate candidates[NODE_CANDIDATES_MAX];
    char decision[UUID_TEXT + 1];
    size_t count = nodes_pick(r->sms->nodes, (size_t)p->candidates_max, candidates);
    struct json_out *out = json_out_new();
    json_node *root = json_out_object(out);
    uuid_new(decision);
    json_add_text(out, root, "decision_id", decision);
    json_node *array = json_add_array(out, root, "candidates");
    for (size_t i = 0; i < count; i++) {
        json_node *candidate = json_push_object(out, array);
        json_add_text(out, candidate, "node_uuid", candidates[i].uuid);
        json_add_text(out, candidate, "ip_address", candidates[i].ip_address);
        json_add_i64(out, candidate, "port", candidates[i].port);
        json_add_i64(out, candidate, "http_port", candidates[i].http_port);
        json_add_f64(out, candidate, "score", candidates[i].score);
    }
    http_respond_json(r->x, 200, out);
}

static void place_body(struct http_exchange *x, json_val *root, void *ctx) {
    struct err err;
    struct span request_id, task;
    int64_t candidates_max = CANDIDATES_DEFAULT;
    if (json_need_string(root, "request_id", &request_id, &err) != 0 ||
        json_need_string(root, "task_id", &task, &err) != 0 ||
        json_want_i64(root, "max_candidates", 1, NODE_CANDIDATES_MAX, &candidates_max, &err) != 0) {
        answer_error(x, &err);
        return;
    }
    struct placement *p = NEW(struct placement);
    p->request = (struct request){.sms = ctx, .x = x, .run = place_run, .answer = place_answer};
    p->task = task;
    p->candidates_max = candidates_max;
    request_read(&p->request);
}

void placement_handle(struct http_exchange *x, void *ctx) {
    http_read_json(x, BODY_MAX, false, place_body, ctx);
}
