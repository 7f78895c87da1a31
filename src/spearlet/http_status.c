// GET /health, /status and /monitoring/stats: how this node is.
#include "spearlet/http_api.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/version.h"
#include "spearlet/sandbox.h"

#include <unistd.h>

void http_health(struct http_exchange *x, void *ctx) {
    struct json_out *out = json_out_new();
    json_node *root = json_out_object(out);
    (void)ctx;
    json_add_text(out, root, "status", "healthy");
    http_api_add_time(out, root, "timestamp", clock_unix_ms());
    json_add_text(out, root, "service", "spearlet");
    http_respond_json(x, 200, out);
}

static void add_sms(struct spearlet *s, struct json_out *out, json_node *root) {
    struct node_agent_view view;
    node_agent_view(s->agent, &view);
    json_add_text(out, root, "node_uuid", view.uuid[0] ? view.uuid : NULL);
    json_node *sms = json_add_object(out, root, "sms");
    json_add_text(out, sms, "address", s->settings.node.sms_http_addr);
    json_add_bool(out, sms, "registered", view.is_registered);
    json_add_text(out, sms, "last_error", view.last_error[0] ? view.last_error : NULL);
}

static void add_executions(struct spearlet *s, struct json_out *out, json_node *root) {
    struct executions_stats stats;
    struct function_service_stats service;
    executions_stats(s->executions, &stats);
    function_service_stats(s->functions, &service);
    json_node *object = json_add_object(out, root, "executions");
    json_add_i64(out, object, "running", (int64_t)service.running);
    json_add_i64(out, object, "waiting", (int64_t)service.waiting);
    json_add_i64(out, object, "admitted", (int64_t)service.admitted);
    json_add_i64(out, object, "queued", (int64_t)service.queued);
    json_add_i64(out, object, "rejected", (int64_t)service.rejected);
    json_add_i64(out, object, "shed", (int64_t)(service.shed_admission + service.shed_waiting));
    for (int state = EXECUTION_COMPLETED; state < EXECUTION_STATE_COUNT; state++)
        json_add_i64(out, object, execution_state_name((enum execution_state)state), (int64_t)stats.finished[state]);
    json_add_i64(out, object, "records", (int64_t)stats.records);
    json_add_i64(out, object, "record_bytes", (int64_t)stats.kept_bytes);
    json_add_i64(out, root, "instances", (int64_t)service.instances);
}

static void add_counts(struct spearlet *s, struct json_out *out, json_node *root) {
    json_add_i64(out, root, "tasks", (int64_t)task_catalog_count(s->tasks));
    add_executions(s, out, root);
}

void http_status(struct http_exchange *x, void *ctx) {
    struct spearlet *s = ctx;
    struct json_out *out = json_out_new();
    json_node *root = json_out_object(out);
    json_add_text(out, root, "service", "spearlet");
    json_add_text(out, root, "version", SPEAR_VERSION);
    json_add_text(out, root, "node_name", s->settings.node.node_name);
    json_add_text(out, root, "http_addr", http_server_address(s->http));
    add_sms(s, out, root);
    json_add_text(out, root, "engine", runtime_has_engine() ? "wasmedge" : "none");
    sandbox_add(s->runtimes, s->settings.node.require_sandbox, out, root);
    json_add_i64(out, root, "threads", (int64_t)loop_group_count(s->loops));
    json_add_i64(out, root, "pid", getpid());
    http_api_add_time(out, root, "started_at", s->started_ms);
    json_add_i64(out, root, "uptime_ms", clock_unix_ms() - s->started_ms);
    add_counts(s, out, root);
    http_respond_json(x, 200, out);
}

// ---- /monitoring/stats

static void add_runtime(struct spearlet *s, struct json_out *out, json_node *root) {
    struct runtime_stats r;
    runtime_stats(s->runtimes, &r);
    const struct {
        const char *name;
        uint64_t value;
    } counters[] = {{"instances_created", r.instances_created},
                    {"instances_failed", r.instances_failed},
                    {"workers_started", r.workers_started},
                    {"workers_exited", r.workers_exited},
                    {"workers_killed", r.workers_killed},
                    {"zygote_starts", r.zygote_starts},
                    {"downloads", r.downloads},
                    {"download_retries", r.download_retries},
                    {"artifact_hits", r.artifact_hits},
                    {"artifact_misses", r.artifact_misses},
                    {"modules_prepared", r.modules_prepared},
                    {"modules_refused", r.modules_refused},
                    {"invocations", r.invocations},
                    {"invocations_failed", r.invocations_failed},
                    {"invocations_timed_out", r.invocations_timed_out}};
    json_node *object = json_add_object(out, root, "runtime");
    for (size_t i = 0; i < COUNT_OF(counters); i++)
        json_add_i64(out, object, counters[i].name, (int64_t)counters[i].value);
}

static void add_http(struct spearlet *s, struct json_out *out, json_node *root) {
    struct http_server_stats h;
    http_server_stats(s->http, &h);
    json_node *object = json_add_object(out, root, "http");
    json_add_i64(out, object, "connections_open", (int64_t)h.connections_open);
    json_add_i64(out, object, "connections_total", (int64_t)h.connections_total);
    json_add_i64(out, object, "requests_total", (int64_t)h.requests_total);
    json_add_i64(out, object, "refused_total", (int64_t)h.refused_total);
    json_add_i64(out, object, "payload_bytes_held", (int64_t)atomic_load(&s->payloads.held_bytes));
    json_add_i64(out, object, "payloads_refused", (int64_t)atomic_load(&s->payloads.refused));
}

void http_stats(struct http_exchange *x, void *ctx) {
    struct spearlet *s = ctx;
    struct json_out *out = json_out_new();
    json_node *root = json_out_object(out);
    http_api_add_time(out, root, "timestamp", clock_unix_ms());
    json_add_i64(out, root, "uptime_ms", clock_unix_ms() - s->started_ms);
    add_counts(s, out, root);
    add_runtime(s, out, root);
    add_http(s, out, root);
    http_respond_json(x, 200, out);
}
