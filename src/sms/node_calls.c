// What sms tells its nodes by itself: short calls, bounded in number and time, whose failure only costs promptness.
#include "sms/node_calls.h"

#include "base/log.h"
#include "base/mem.h"

enum { TOTAL_TIMEOUT_MS = 2000, NODES_TOLD_MAX = 128, ANSWER_BYTES_MAX = 1024 * 1024 };

struct told {
    char http_address[NODE_ADDRESS_TEXT];
    char task_id[UUID_TEXT + 1];
};

static void told_done(void *ctx, int status, enum http_call_failure failure, const struct err *e) {
    struct told *t = ctx;
    if (failure != HTTP_CALL_OK) {
        log_debug("node not told of a deleted task node=%s task_id=%s error=\"%s\"", t->http_address, t->task_id,
                  e != NULL ? e->text : "");
    } else {
        log_debug("node told of a deleted task node=%s task_id=%s status=%d", t->http_address, t->task_id, status);
    }
    free(t);
}

// What shows a node that it is us who call, in the form of a header field list of `*ret_count` entries.
static struct http_header proof_of(const struct node_candidate *node, size_t *ret_count) {
    *ret_count = node->relay_token[0] != 0 ? 1 : 0;
    return (struct http_header){SPAN_LITERAL("X-Spear-Relay"), span_of(node->relay_token)};
}

static void tell(const char *scheme, struct http_client *client, const struct node_candidate *node,
                 const char *task_id) {
    struct told *t = NEW(struct told);
    AUTO_FREE char *url = mem_printf("%s://%s/tasks/%s", scheme, node->http_address, task_id);
    memcpy(t->http_address, node->http_address, sizeof t->http_address);
    snprintf(t->task_id, sizeof t->task_id, "%s", task_id);
    size_t proof_count;
    const struct http_header proof = proof_of(node, &proof_count);
    const struct http_call_config config = {.method = "DELETE",
                                            .url = url,
                                            .headers = &proof,
                                            .header_count = proof_count,
                                            .connect_timeout_ms = TOTAL_TIMEOUT_MS,
                                            .total_timeout_ms = TOTAL_TIMEOUT_MS,
                                            .done = told_done,
                                            .ctx = t};
    http_call_start(client, &config);
}

void node_calls_task_deleted(struct sms *s, struct http_client *client, const char *task_id) {
    struct node_candidate *nodes = mem_calloc(NODES_TOLD_MAX, sizeof *nodes);
    size_t count = nodes_online(s->nodes, NODES_TOLD_MAX, nodes);
    for (size_t i = 0; i < count; i++) {
        tell(sms_node_scheme(s), client, &nodes[i], task_id);
    }
    free(nodes);
}

// ---- questions

struct question {
    struct node_candidate node;
    struct buf body;
    node_answered *answered;
    void *ctx;
};

static bool question_data(void *ctx, struct span chunk) {
    struct question *q = ctx;
    (void)buf_append_span(&q->body, chunk); // one that is too long is no JSON, then
    return true;
}

static void question_done(void *ctx, int status, enum http_call_failure failure, const struct err *e) {
    struct question *q = ctx;
    struct err why = {0};
    if (failure == HTTP_CALL_OK && status != 200) {
        err_set(&why, ERR_BAD_GATEWAY, "node %s answered %d", q->node.http_address, status);
        e = &why;
    }
    q->answered(q->ctx, &q->node, buf_span(&q->body), failure == HTTP_CALL_OK && status == 200 ? NULL : e);
    buf_done(&q->body);
    free(q);
}

static void ask(const char *scheme, struct http_client *client, struct question *q, struct span task_id) {
    AUTO_FREE char *url = mem_printf("%s://%s/tasks/%.*s", scheme, q->node.http_address, SPAN_ARGS(task_id));
    size_t proof_count;
    const struct http_header proof = proof_of(&q->node, &proof_count);
    const struct http_call_config config = {.method = "GET",
                                            .url = url,
                                            .headers = &proof,
                                            .header_count = proof_count,
                                            .connect_timeout_ms = TOTAL_TIMEOUT_MS,
                                            .total_timeout_ms = TOTAL_TIMEOUT_MS,
                                            .data = question_data,
                                            .done = question_done,
                                            .ctx = q};
    http_call_start(client, &config);
}

size_t node_calls_ask_task(struct sms *s, struct http_client *client, struct span task_id, node_answered *answered,
                           void *ctx) {
    struct node_candidate *nodes = mem_calloc(NODES_TOLD_MAX, sizeof *nodes);
    size_t count = nodes_online(s->nodes, NODES_TOLD_MAX, nodes);
    for (size_t i = 0; i < count; i++) {
        struct question *q = NEW(struct question);
        *q = (struct question){.node = nodes[i], .answered = answered, .ctx = ctx};
        buf_init(&q->body, ANSWER_BYTES_MAX);
        ask(sms_node_scheme(s), client, q, task_id);
    }
    free(nodes);
    return count;
}
