// The routes of files: list, record and deletion. Each visits the store on its lane and answers on the exchange's loop.
//
// The bytes of a file are given out by files_download.c and taken in by upload.c.
#include "sms/files_api.h"

#include "base/log.h"
#include "base/mem.h"
#include "net/http_router.h"
#include "sms/file_table.h"
#include "sms/request.h"
#include "sms/task_table.h"

// ---- GET /api/v1/files
struct files_list {
    struct request request;
    struct span q;
    struct page page;
    struct json_out *out;
    json_node *root, *files;
    int64_t total;
};

static void list_add(void *ctx, const struct file_record *r) {
    struct files_list *list = ctx;
    json_node *file = json_push_object(list->out, list->files);
    json_add_text(list->out, file, "id", r->id);
    json_add_text(list->out, file, "name", r->name);
    json_add_i64(list->out, file, "len", (int64_t)r->len);
    json_add_i64(list->out, file, "modified_at", r->created_at);
    json_add_text(list->out, file, "checksum_sha256", r->sha256);
}

static int list_run(struct db *db, struct request *r, struct err *e) {
    struct files_list *list = (struct files_list *)r;
    return file_table_list(db, list->q, list->page.limit, list->page.offset, list_add, list, &list->total, e);
}

static void list_answer(struct request *r) {
    struct files_list *list = (struct files_list *)r;
    json_add_i64(list->out, list->root, "total_count", list->total);
    http_respond_json(r->x, 200, TAKE(list->out));
}

static void list_free(struct request *r) {
    json_out_free(((struct files_list *)r)->out);
}

void files_list_handle(struct http_exchange *x, void *ctx) {
    struct err err;
    struct page page;
    if (answer_read_page(x, &page, &err) != 0) {
        answer_error(x, &err);
        return;
    }
    struct files_list *list = NEW(struct files_list);
    list->request = (struct request){.sms = ctx, .x = x, .run = list_run, .answer = list_answer, .done = list_free};
    list->q = answer_query(x, "q");
    list->page = page;
    list->out = json_out_new();
    list->root = json_out_object(list->out);
    list->files = json_add_array(list->out, list->root, "files");
    request_read(&list->request);
}

// ---- GET /api/v1/files/{id}/meta
struct file_meta {
    struct request request;
    struct span id;
    bool found;
    struct file_record record;
};

static int meta_run(struct db *db, struct request *r, struct err *e) {
    struct file_meta *m = (struct file_meta *)r;
    return file_table_find(db, m->id, &m->found, &m->record, e);
}

static void meta_answer(struct request *r) {
    struct file_meta *m = (struct file_meta *)r;
    struct json_out *out = json_out_new();
    json_node *root = json_out_object(out);
    json_add_bool(out, root, "found", m->found);
    if (m->found) {
        json_add_text(out, root, "id", m->record.id);
        json_add_i64(out, root, "len", (int64_t)m->record.len);
        json_add_text(out, root, "name", m->record.name);
        json_add_text(out, root, "content_type", m->record.content_type);
        json_add_i64(out, root, "created_at", m->record.created_at);
        json_add_text(out, root, "checksum_sha256", m->record.sha256);
    }
    http_respond_json(r->x, 200, out);
}

void files_meta_handle(struct http_exchange *x, void *ctx) {
    struct file_meta *m = NEW(struct file_meta);
    m->request = (struct request){.sms = ctx, .x = x, .run = meta_run, .answer = meta_answer};
    m->id = http_param(x, "id");
    request_read(&m->request);
}

// ---- DELETE /api/v1/files/{id}
enum { USERS_NAMED_MAX = 5 };

struct file_delete {
    struct request request;
    struct span id;
    bool force;
    struct file_record record;
};

static void name_user(void *ctx, struct span task_id, struct span name) {
    struct buf *text = ctx;
    buf_printf(text, "%s%.*s (%.*s)", text->n != 0 ? ", " : "", SPAN_ARGS(name), SPAN_ARGS(task_id));
}

static int refuse_while_used(struct db *db, struct span id, struct err *e) {
    struct buf users;
    buf_init(&users, ERR_TEXT_MAX);
    int result = task_table_users_of_file(db, id, USERS_NAMED_MAX, name_user, &users, e);
    if (result == 0 && (users.n != 0 || users.full)) {
        result =
            err_set(e, ERR_CONFLICT, "file %.*s is the executable of task %s; delete that first, or use ?force=true",
                    SPAN_ARGS(id), buf_text(&users));
    }
    buf_done(&users);
    return result;
}

static int delete_run(struct db *db, struct request *r, struct err *e) {
    struct file_delete *d = (struct file_delete *)r;
    bool found = false;
    if (file_table_find(db, d->id, &found, &d->record, e) != 0) {
        return -1;
    }
    if (!found) {
        return err_set(e, ERR_FILE_NOT_FOUND, "there is no file \"%.*s\"", SPAN_ARGS(d->id));
    }
    if (!d->force && refuse_while_used(db, d->id, e) != 0) {
        return -1;
    }
    if (file_table_delete(db, d->id, e) != 0) {
        return -1;
    }
    return request_audit(db, r, "file.delete", d->id, span_of(d->record.name), d->force ? "forced" : "", e);
}

// The content goes when no record names it any more, be it of this batch or older.
static void delete_settled(struct db *db, struct request *r, bool committed) {
    struct file_delete *d = (struct file_delete *)r;
    bool used = true;
    if (committed && file_table_uses(db, span_of(d->record.sha256), &used, NULL) == 0 && !used) {
        blobs_remove(store_blobs(r->sms->store), d->record.sha256);
    }
}

static void delete_answer(struct request *r) {
    struct file_delete *d = (struct file_delete *)r;
    log_info("file deleted id=%s sha256=%s forced=%s", d->record.id, d->record.sha256, d->force ? "true" : "false");
    answer_success(r->x, "the file was deleted");
}

// "true", "1" or nothing behind the name; "false", "0".
static int read_force(struct http_exchange *x, bool *ret, struct err *e) {
    struct span value;
    if (!http_query_value(x, "force", &value) || span_equal_text(value, "false") || span_equal_text(value, "0")) {
        *ret = false;
        return 0;
    }
    if (value.n != 0 && !span_equal_text(value, "true") && !span_equal_text(value, "1")) {
        return err_set(e, ERR_UNPROCESSABLE, "query parameter \"force\" must be true or false, not \"%.*s\"",
                       SPAN_ARGS(value));
    }
    *ret = true;
    return 0;
}

void files_delete_handle(struct http_exchange *x, void *ctx) {
    struct err err;
    bool force = false;
    if (read_force(x, &force, &err) != 0) {
        answer_error(x, &err);
        return;
    }
    struct file_delete *d = NEW(struct file_delete);
    d->request =
        (struct request){.sms = ctx, .x = x, .run = delete_run, .settled = delete_settled, .answer = delete_answer};
    d->id = http_param(x, "id");
    d->force = force;
    request_write(&d->request);
}
