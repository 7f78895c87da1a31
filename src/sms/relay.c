// POST /api/v1/tasks/{task}/invoke and ANY /e/{endpoint}[/…]: looks the task up, picks a node, and moves bytes both ways with
// backpressure.
//
// A small body is gathered first; a large or chunked one streams through at most BODY_HIGH_BYTES of memory. A node whose
// connection is refused is replaced by the next candidate as long as nothing was sent. Once the node's status has gone to
// the client, a node that breaks off can only be told by breaking off as well. Which header fields cross is relay_fields.c's.
#include "sms/relay.h"

#include "base/log.h"
#include "base/mem.h"
#include "net/http_router.h"
#include "sms/answer.h"
#include "sms/auth.h"
#include "sms/endpoint_path.h"
#include "sms/relay_fields.h"
#include "sms/task_table.h"

enum {
    RELAYS_MAX = 4096,
    BODY_SMALL_BYTES = 64 * 1024,
    BODY_HIGH_BYTES = 128 * 1024,
    BODY_LOW_BYTES = 64 * 1024,
    CANDIDATES_MAX = 8,
    CONNECT_TIMEOUT_MS = 3000,
    TIMEOUT_MARGIN_MS = 10 * 1000
};

struct relay {
    struct sms *sms;
    struct http_exchange *x;
    struct span task;    // id or name, as asked; empty: a trigger
    struct buf endpoint; // of a trigger: what of the path can be an endpoint
    struct span rest;    // of a trigger: the path behind the endpoint, as it was sent
    struct store_job job;
    bool found, is_public;
    char task_id[UUID_TEXT + 1];
    uint64_t time_ms, payload_bytes; // the task's limits
    struct node_candidate candidates[CANDIDATES_MAX];
    size_t candidate_count, at;
    // the request's body
    struct buf body;
    bool streaming, body_ended, body_paused, read_paused;
    uint64_t body_sent;
    // the call
    struct http_call *call;
    struct relay_fields fields;
    bool head_sent, held; // held: the client reads too slowly
    struct err err;       // why we ended the call ourselves
};

static const char *relay_node(const struct relay *r) {
    return r->candidates[r->at].http_address;
}

static void relay_free(struct relay *r) {
    atomic_fetch_sub(&r->sms->relays_running, 1);
    buf_done(&r->body);
    buf_done(&r->endpoint);
    free(r);
}

static void relay_fail(struct relay *r, const struct err *e) {
    atomic_fetch_add(&r->sms->relays_failed_total, 1);
    answer_error(r->x, e);
    relay_free(r);
}

// ---- the node's answer
static void relay_drained(void *ctx) {
    struct relay *r = ctx;
    r->held = false;
    if (r->call != NULL) {
        http_call_resume(r->call);
    }
}

static void relay_head(void *ctx, int status, const struct http_header *headers, size_t count) {
    struct relay *r = ctx;
    struct relay_fields fields;
    relay_fields_answer(headers, count, sms_node_scheme(r->sms), relay_node(r), &fields);
    r->head_sent = true;
    http_stream_on_drain(r->x, relay_drained, r);
    if (fields.content_length < 0) { // a stream, which may be silent for long
        http_abort_on_end(r->x);
    }
    http_stream_start(r->x, status, fields.list, fields.count, fields.content_length);
    relay_fields_done(&fields);
}

static bool relay_data(void *ctx, struct span chunk) {
    struct relay *r = ctx;
    if (r->held) {
        return false;
    }
    r->held = !http_stream_write(r->x, chunk);
    return true;
}

// ---- the request's body
static ssize_t relay_read(void *ctx, char *p, size_t n) {
    struct relay *r = ctx;
    size_t part = r->body.n < n ? r->body.n : n;
    if (part == 0) {
        r->read_paused = !r->body_ended;
        return r->body_ended ? 0 : HTTP_CALL_PAUSE;
    }
    memcpy(p, r->body.p, part);
    buf_consume(&r->body, part);
    r->body_sent += part;
    if (r->body_paused && r->body.n < BODY_LOW_BYTES) {
        r->body_paused = false;
        http_body_resume(r->x);
    }
    return (ssize_t)part;
}

static void relay_wake_read(struct relay *r) {
    if (r->read_paused && r->call != NULL) {
        r->read_paused = false;
        http_call_resume_read(r->call);
    }
}

static bool body_data(void *ctx, struct span chunk) {
    struct relay *r = ctx;
    ASSERT(buf_append_span(&r->body, chunk) == 0);
    r->body_paused = r->streaming && r->body.n >= BODY_HIGH_BYTES;
    bool more = !r->body_paused;
    relay_wake_read(r);
    return more;
}

static void relay_call(struct relay *r);

static void body_end(void *ctx, enum http_body_end how) {
    struct relay *r = ctx;
    r->body_ended = true;
    if (how == HTTP_BODY_ABORTED) {
        err_set(&r->err, ERR_INVALID_REQUEST, "the request's body was cut off");
    } else if (how == HTTP_BODY_TOO_LARGE) {
        err_set(&r->err, ERR_PAYLOAD_TOO_LARGE, "the payload is larger than the task's limit.payload_bytes, %llu",
                (unsigned long long)r->payload_bytes);
    }
    if (r->err.kind == ERR_NONE && r->streaming) {
        relay_wake_read(r);
    } else if (r->err.kind == ERR_NONE) {
        relay_call(r);
    } else if (r->call != NULL) {
        http_call_cancel(r->call);
    } else {
        relay_fail(r, &r->err);
    }
}

// ---- the call
static void describe_failure(const struct relay *r, enum http_call_failure failure, const struct err *e,
                             struct err *ret) {
    const char *node = relay_node(r);
    if (failure == HTTP_CALL_TIMEOUT) {
        err_set(ret, ERR_EXECUTION_TIMEOUT, "node %s did not answer within the task's limit.time_ms, %llu ms", node,
                (unsigned long long)r->time_ms);
    } else if (failure == HTTP_CALL_CONNECT) {
        err_set(ret, ERR_UNAVAILABLE, "none of %zu nodes could be reached; the last was %s: %s", r->candidate_count,
                node, e->text);
    } else {
        err_set(ret, ERR_BAD_GATEWAY, "node %s broke off: %s", node, e->text);
    }
}

static bool may_try_next(const struct relay *r, enum http_call_failure failure) {
    return failure == HTTP_CALL_CONNECT && r->err.kind == ERR_NONE && r->body_sent == 0 &&
           r->at + 1 < r->candidate_count;
}

static void relay_done(void *ctx, int status, enum http_call_failure failure, const struct err *e) {
    struct relay *r = ctx;
    struct err err = r->err;
    (void)status;
    r->call = NULL;
    relay_fields_done(&r->fields);
    nodes_relay_ended(r->sms->nodes, r->candidates[r->at].uuid);
    if (failure == HTTP_CALL_CONNECT) {
        log_warn("node not reached node=%s error=\"%s\"", relay_node(r), e->text);
        nodes_refused(r->sms->nodes, r->candidates[r->at].uuid);
    }
    if (may_try_next(r, failure)) {
        r->at++;
        relay_call(r);
        return;
    }
    if (failure == HTTP_CALL_OK) {
        http_stream_end(r->x);
        relay_free(r);
        return;
    }
    if (err.kind == ERR_NONE) {
        describe_failure(r, failure, e, &err);
    }
    if (r->head_sent) {
        log_warn("relay broken off task_id=%s node=%s error=\"%s\"", r->task_id, relay_node(r), err.text);
        atomic_fetch_add(&r->sms->relays_failed_total, 1);
        http_stream_abort(r->x);
        relay_free(r);
        return;
    }
    relay_fail(r, &err);
}

// The node's route of either kind: http-spearlet.md.
static char *relay_url(const struct relay *r) {
    struct span query = http_query(r->x), rest = r->rest;
    const char *way = r->task.n != 0 ? "invoke" : "http";
    return mem_printf("%s://%s/tasks/%s/%s%.*s%s%.*s", sms_node_scheme(r->sms), relay_node(r), r->task_id, way,
                      (int)rest.n, rest.n != 0 ? rest.p : "", query.n != 0 ? "?" : "", (int)query.n,
                      query.n != 0 ? query.p : "");
}

static void relay_call(struct relay *r) {
    struct http_client *client = sms_client(r->sms, r->x);
    if (client == NULL) {
        err_set(&r->err, ERR_UNAVAILABLE, "sms is shutting down");
        relay_fail(r, &r->err);
        return;
    }
    AUTO_FREE char *url = relay_url(r);
    AUTO_FREE char *method = span_dup(http_method(r->x));
    relay_fields_request(r->x, r->task.n == 0, r->candidates[r->at].relay_token, &r->fields);
    nodes_relay_began(r->sms->nodes, r->candidates[r->at].uuid);
    const struct http_call_config config = {.method = method,
                                            .url = url,
                                            .headers = r->fields.list,
                                            .header_count = r->fields.count,
                                            .body = r->streaming ? (struct span){0} : buf_span(&r->body),
                                            .read = r->streaming ? relay_read : NULL,
                                            .read_length = http_content_length(r->x),
                                            .connect_timeout_ms = CONNECT_TIMEOUT_MS,
                                            .total_timeout_ms = r->time_ms + TIMEOUT_MARGIN_MS,
                                            .head = relay_head,
                                            .data = relay_data,
                                            .done = relay_done,
                                            .ctx = r};
    r->call = http_call_start(client, &config);
}

// ---- the beginning
static void relay_client_gone(void *ctx) {
    struct relay *r = ctx;
    if (r->err.kind == ERR_NONE) {
        err_set(&r->err, ERR_INVALID_REQUEST, "the client has gone");
    }
    if (r->call != NULL) {
        http_call_cancel(r->call);
    }
}

static int relay_place(struct relay *r, struct err *e) {
    int64_t length = http_content_length(r->x);
    if (length > 0 && (uint64_t)length > r->payload_bytes) {
        return err_set(e, ERR_PAYLOAD_TOO_LARGE, "the payload has %lld bytes; the task's limit.payload_bytes is %llu",
                       (long long)length, (unsigned long long)r->payload_bytes);
    }
    r->candidate_count = nodes_pick(r->sms->nodes, CANDIDATES_MAX, r->candidates);
    if (r->candidate_count == 0) {
        return err_set(e, ERR_UNAVAILABLE, "no node is online; start one: spearlet --sms-http-addr %s",
                       http_server_address(r->sms->server));
    }
    return 0;
}

static void relay_set_missing(const struct relay *r, struct err *e) {
    if (r->task.n != 0) {
        err_set(e, ERR_TASK_NOT_FOUND, "there is no task of the id or name \"%.*s\"", SPAN_ARGS(r->task));
    } else {
        err_set(e, ERR_TASK_NOT_FOUND, "no task has an endpoint that leads to %.*s", SPAN_ARGS(http_path(r->x)));
    }
}

static void relay_looked_up(void *arg, const struct err *e) {
    static const struct http_body_sink sink = {.data = body_data, .end = body_end};
    struct relay *r = arg;
    if (e != NULL) {
        relay_fail(r, e);
        return;
    }
    if (r->task.n == 0 && !r->is_public && !auth_allows(r->x, SCOPE_INVOKE)) { // also where there is none
        auth_refuse(r->sms, r->x, SCOPE_INVOKE, NULL);
        relay_free(r);
        return;
    }
    if (!r->found) {
        relay_set_missing(r, &r->err);
        relay_fail(r, &r->err);
        return;
    }
    if (relay_place(r, &r->err) != 0) {
        relay_fail(r, &r->err);
        return;
    }
    int64_t length = http_content_length(r->x);
    r->streaming = length < 0 || length > BODY_SMALL_BYTES;
    buf_init(&r->body, r->streaming ? BODY_HIGH_BYTES + (size_t)1024 * 1024 : BODY_SMALL_BYTES);
    http_on_abort(r->x, relay_client_gone, r);
    if (length != 0) {
        http_body_read(r->x, r->payload_bytes, &sink, r);
    }
    if (length == 0 || r->streaming) {
        relay_call(r);
    }
}

static void relay_found(void *ctx, const struct task_row *row) {
    struct relay *r = ctx;
    snprintf(r->task_id, sizeof r->task_id, "%.*s", SPAN_ARGS(row->task_id));
    r->time_ms = (uint64_t)row->time_ms;
    r->payload_bytes = (uint64_t)row->payload_bytes;
    r->is_public = row->is_public;
    if (r->task.n == 0) {
        r->rest = endpoint_path_rest(http_path(r->x), row->endpoint);
    }
}

static int relay_look_up(struct db *db, void *arg, struct err *e) {
    struct relay *r = arg;
    return r->task.n != 0 ? task_table_find(db, r->task, relay_found, r, &r->found, e)
                          : task_table_find_endpoint(db, buf_span(&r->endpoint), relay_found, r, &r->found, e);
}

static void relay_begin(struct http_exchange *x, struct sms *s, struct span task) {
    struct err err;
    atomic_fetch_add(&s->relays_total, 1);
    if (atomic_fetch_add(&s->relays_running, 1) >= RELAYS_MAX) {
        atomic_fetch_sub(&s->relays_running, 1);
        err_set(&err, ERR_RESOURCE_EXHAUSTED, "%d invocations are being relayed; try again in a moment", RELAYS_MAX);
        answer_error(x, &err);
        return;
    }
    struct relay *r = NEW(struct relay);
    r->sms = s;
    r->x = x;
    r->task = task;
    endpoint_path_read(task.n != 0 ? (struct span){0} : http_path(x), &r->endpoint);
    r->job = (struct store_job){.run = relay_look_up, .done = relay_looked_up, .arg = r, .loop = http_exchange_loop(x)};
    if (!store_read(s->store, &r->job)) {
        answer_store_busy(x);
        relay_free(r);
    }
}

void relay_handle(struct http_exchange *x, void *ctx) {
    relay_begin(x, ctx, http_param(x, "task"));
}

void trigger_handle(struct http_exchange *x, void *ctx) {
    if (http_method_is(x, "HEAD") && http_has_body(x)) { // our client cannot send one
        http_problem_text(x, ERR_INVALID_REQUEST, "HEAD with a body");
        return;
    }
    relay_begin(x, ctx, (struct span){0});
}
