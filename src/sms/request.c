// A handler's visit to the store; see request.h. Next step: files_api.c shows its use.
#include "sms/request.h"

#include "base/mem.h"

static void request_free(struct request *r) {
    if (r->done != NULL) {
        r->done(r);
    }
    free(r);
}

static int on_run(struct db *db, void *arg, struct err *e) {
    struct request *r = arg;
    return r->run(db, r, e);
}

static void on_settled(struct db *db, void *arg, bool committed) {
    struct request *r = arg;
    if (r->settled != NULL) {
        r->settled(db, r, committed);
    }
}

static void on_done(void *arg, const struct err *e) {
    struct request *r = arg;
    if (e != NULL) {
        answer_error(r->x, e);
    } else {
        r->answer(r);
    }
    request_free(r);
}

static void request_submit(struct request *r, bool (*submit)(struct store *s, struct store_job *job)) {
    r->job = (struct store_job){
        .run = on_run, .settled = on_settled, .done = on_done, .arg = r, .loop = http_exchange_loop(r->x)};
    if (!submit(r->sms->store, &r->job)) {
        answer_store_busy(r->x);
        request_free(r);
    }
}

void request_read(struct request *r) {
    request_submit(r, store_read);
}

void request_write(struct request *r) {
    audit_actor_of(r->x, &r->actor);
    request_submit(r, store_write);
}

int request_audit(struct db *db, const struct request *r, const char *action, struct span object_id,
                  struct span object_name, const char *detail, struct err *e) {
    const struct audit_change change = {.actor = &r->actor,
                                        .action = action,
                                        .object_id = object_id,
                                        .object_name = object_name,
                                        .detail = span_of(detail),
                                        .max_entries = (int64_t)r->sms->config.audit_max_entries};
    return audit_add(db, &change, e);
}
