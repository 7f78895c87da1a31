// GET /api/v1/audit: the log, newest first, in pages.
#include "base/clock.h"
#include "base/mem.h"
#include "sms/request.h"

struct audit_page {
    struct request request;
    struct page page;
    struct json_out *out;
    json_node *root, *entries;
    int64_t total;
};

static void list_add(void *ctx, const struct audit_row *row) {
    struct audit_page *p = ctx;
    char at[RFC3339_TEXT];
    json_node *entry = json_push_object(p->out, p->entries);
    clock_rfc3339(row->at_ms, at);
    json_add_i64(p->out, entry, "seq", row->seq);
    json_add_text(p->out, entry, "at", at);
    json_add_string(p->out, entry, "actor", row->actor);
    json_add_string(p->out, entry, "token_id", row->token_id);
    json_add_string(p->out, entry, "address", row->address);
    json_add_string(p->out, entry, "action", row->action);
    json_add_string(p->out, entry, "object_id", row->object_id);
    json_add_string(p->out, entry, "object_name", row->object_name);
    json_add_string(p->out, entry, "detail", row->detail);
    json_add_text(p->out, entry, "result", "done"); // what was refused or failed changed nothing and is not here
}

static int list_run(struct db *db, struct request *r, struct err *e) {
    struct audit_page *p = (struct audit_page *)r;
    return audit_count(db, &p->total, e) != 0 ? -1 : audit_list(db, p->page.limit, p->page.offset, list_add, p, e);
}

static void list_answer(struct request *r) {
    struct audit_page *p = (struct audit_page *)r;
    json_add_i64(p->out, p->root, "total_count", p->total);
    http_respond_json(r->x, 200, TAKE(p->out));
}

static void list_free(struct request *r) {
    json_out_free(((struct audit_page *)r)->out);
}

void audit_list_handle(struct http_exchange *x, void *ctx) {
    struct err err;
    struct page page;
    if (answer_read_page(x, &page, &err) != 0) {
        answer_error(x, &err);
        return;
    }
    struct audit_page *p = NEW(struct audit_page);
    p->request = (struct request){.sms = ctx, .x = x, .run = list_run, .answer = list_answer, .done = list_free};
    p->page = page;
    p->out = json_out_new();
    p->root = json_out_object(p->out);
    p->entries = json_add_array(p->out, p->root, "entries");
    request_read(&p->request);
}
