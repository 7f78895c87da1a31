// What monitoring asks: is it alive (without the store), and how much of what.
#include "sms/health.h"

#include "base/clock.h"
#include "base/mem.h"
#include "sms/file_table.h"
#include "sms/request.h"
#include "sms/task_table.h"

#include <inttypes.h>

void health_handle(struct http_exchange *x, void *ctx) {
    (void)ctx;
    char now[RFC3339_TEXT];
    struct json_out *out = json_out_new();
    json_node *root = json_out_object(out);
    clock_rfc3339(clock_unix_ms(), now);
    json_add_text(out, root, "status", "healthy");
    json_add_text(out, root, "timestamp", now);
    json_add_text(out, root, "service", "sms");
    http_respond_json(x, 200, out);
}

struct metrics {
    struct request request;
    int64_t files, tasks, audit_entries;
};

static int metrics_run(struct db *db, struct request *r, struct err *e) {
    struct metrics *m = (struct metrics *)r;
    return file_table_count(db, &m->files, e) != 0 || audit_count(db, &m->audit_entries, e) != 0
               ? -1
               : task_table_count(db, &m->tasks, e);
}

static void add_metric(struct buf *to, const char *name, const char *type, const char *help, uint64_t value) {
    buf_printf(to, "# HELP sms_%s %s\n# TYPE sms_%s %s\nsms_%s %" PRIu64 "\n", name, help, name, type, name, value);
}

static void add_store_metrics(struct buf *to, struct sms *s, const struct metrics *m) {
    add_metric(to, "files", "gauge", "Files stored.", (uint64_t)m->files);
    add_metric(to, "tasks", "gauge", "Tasks registered.", (uint64_t)m->tasks);
    add_metric(to, "nodes_online", "gauge", "Nodes heard from in time.", nodes_count_online(s->nodes));
    add_metric(to, "uploads_running", "gauge", "Uploads under way.", atomic_load(&s->uploads_running));
    add_metric(to, "uploads_placed", "gauge", "Uploads that hold one of uploads-max places.",
               atomic_load(&s->uploads_placed));
    add_metric(to, "uploads_total", "counter", "Uploads stored.", atomic_load(&s->uploads_total));
    add_metric(to, "uploads_failed_total", "counter", "Uploads refused or cut off.",
               atomic_load(&s->uploads_failed_total));
    add_metric(to, "upload_bytes_total", "counter", "Bytes of stored uploads.", atomic_load(&s->upload_bytes_total));
    add_metric(to, "relays_running", "gauge", "Invocations being relayed.", atomic_load(&s->relays_running));
    add_metric(to, "relays_total", "counter", "Invocations relayed.", atomic_load(&s->relays_total));
    add_metric(to, "relays_failed_total", "counter", "Invocations that no node answered.",
               atomic_load(&s->relays_failed_total));
}

static void add_auth_metrics(struct buf *to, struct sms *s, const struct metrics *m) {
    add_metric(to, "tokens", "gauge", "Tokens kept; 0 means that nobody is asked for one.", tokens_count(s->tokens));
    add_metric(to, "auth_unauthorized_total", "counter", "Requests refused for want of a known token.",
               atomic_load(&s->auth_unauthorized_total));
    add_metric(to, "auth_forbidden_total", "counter", "Requests refused for want of a scope.",
               atomic_load(&s->auth_forbidden_total));
    add_metric(to, "audit_entries", "gauge", "Changes in the audit log.", (uint64_t)m->audit_entries);
}

static void add_http_metrics(struct buf *to, struct sms *s) {
    struct http_server_stats stats;
    http_server_stats(s->server, &stats);
    add_metric(to, "http_connections_open", "gauge", "Open connections.", stats.connections_open);
    add_metric(to, "http_connections_total", "counter", "Connections accepted.", stats.connections_total);
    add_metric(to, "http_requests_total", "counter", "Requests handled.", stats.requests_total);
    add_metric(to, "http_tls_failed_total", "counter", "TLS handshakes that failed.", stats.tls_failed_total);
    add_metric(to, "http_refused_total", "counter", "Requests refused before a handler.", stats.refused_total);
}

static void metrics_answer(struct request *r) {
    const struct http_header type = {SPAN_LITERAL("Content-Type"), SPAN_LITERAL("text/plain; version=0.0.4")};
    struct buf text;
    buf_init(&text, (size_t)64 * 1024);
    add_store_metrics(&text, r->sms, (struct metrics *)r);
    add_auth_metrics(&text, r->sms, (struct metrics *)r);
    add_http_metrics(&text, r->sms);
    http_respond(r->x, 200, &type, 1, buf_span(&text));
    buf_done(&text);
}

void metrics_handle(struct http_exchange *x, void *ctx) {
    struct metrics *m = NEW(struct metrics);
    m->request = (struct request){.sms = ctx, .x = x, .run = metrics_run, .answer = metrics_answer};
    request_read(&m->request);
}
