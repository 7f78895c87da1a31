// GET /metrics: the counters in Prometheus' text format 0.0.4; each family once, with HELP and TYPE.
#include "spearlet/http_api.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/version.h"

#include <inttypes.h>

enum { METRICS_MAX = 64 * 1024 };

static void family(struct buf *out, const char *name, const char *type, const char *help) {
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void single(struct buf *out, const char *name, const char *type, const char *help, uint64_t value) {
    family(out, name, type, help);
    buf_printf(out, "%s %" PRIu64 "\n", name, value);
}

static void put_executions(struct spearlet *s, struct buf *out) {
    struct executions_stats stats;
    executions_stats(s->executions, &stats);
    family(out, "spearlet_executions_total", "counter", "Finished executions by how they ended.");
    for (int state = EXECUTION_COMPLETED; state < EXECUTION_STATE_COUNT; state++)
        buf_printf(out, "spearlet_executions_total{status=\"%s\"} %" PRIu64 "\n",
                   execution_state_name((enum execution_state)state), stats.finished[state]);
    single(out, "spearlet_execution_records", "gauge", "Executions remembered.", stats.records);
    single(out, "spearlet_execution_records_bytes", "gauge", "Output and log kept with them.", stats.kept_bytes);
}

static void put_durations(const struct function_service_stats *stats, struct buf *out) {
    const char *name = "spearlet_execution_duration_seconds";
    uint64_t count = 0;
    family(out, name, "histogram", "Time from a request's arrival to its outcome.");
    for (size_t i = 0; i < SERVICE_DURATION_BUCKETS; i++) {
        count += stats->durations[i];
        buf_printf(out, "%s_bucket{le=\"%g\"} %" PRIu64 "\n", name, service_duration_bounds_s[i], count);
    }
    count += stats->durations[SERVICE_DURATION_BUCKETS];
    buf_printf(out, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n%s_sum %.6f\n%s_count %" PRIu64 "\n", name, count, name,
               (double)stats->duration_sum_us / 1e6, name, count);
}

static uint64_t unhealthy_tasks(struct spearlet *s) {
    size_t count;
    uint64_t unhealthy = 0;
    struct function **list = task_catalog_list(s->tasks, &count);
    for (size_t i = 0; i < count; i++) {
        unhealthy += task_health_is_unhealthy(&list[i]->health);
        function_unref(list[i]);
    }
    free(list);
    return unhealthy;
}

static void put_service(struct spearlet *s, struct buf *out) {
    struct function_service_stats stats;
    function_service_stats(s->functions, &stats);
    put_durations(&stats, out);
    single(out, "spearlet_executions_running", "gauge", "Guests running now.", stats.running);
    single(out, "spearlet_requests_waiting", "gauge", "Requests waiting for an instance.", stats.waiting);
    single(out, "spearlet_requests_queued", "gauge", "Of them, those that queue-max bounds.", stats.queued);
    single(out, "spearlet_instances", "gauge", "Instances of all tasks.", stats.instances);
    single(out, "spearlet_requests_admitted_total", "counter", "Requests that got an instance or a place in a queue.",
           stats.admitted);
    single(out, "spearlet_requests_rejected_total", "counter",
           "Requests refused: a full queue, a task backed off, a deadline that could not be kept.", stats.rejected);
    family(out, "spearlet_requests_shed_total", "counter",
           "Requests turned away since they would have missed their deadline.");
    buf_printf(out, "spearlet_requests_shed_total{at=\"admission\"} %" PRIu64 "\n", stats.shed_admission);
    buf_printf(out, "spearlet_requests_shed_total{at=\"waiting\"} %" PRIu64 "\n", stats.shed_waiting);
    single(out, "spearlet_instance_starts_failed_total", "counter", "Creations and starts that failed.",
           stats.starts_failed);
    single(out, "spearlet_worker_crashes_total", "counter",
           "Workers that ended, or could not start, before they had answered.", stats.crashes);
    single(out, "spearlet_requests_refused_unhealthy_total", "counter",
           "Requests refused since their task is unhealthy.", stats.refused_unhealthy);
    single(out, "spearlet_tasks_unhealthy", "gauge", "Tasks whose workers crash again and again.", unhealthy_tasks(s));
    single(out, "spearlet_guest_log_lines_total", "counter", "Lines of guests put into the log.", stats.log_lines);
}

static void put_states(const struct runtime_stats *r, struct buf *out) {
    const char *name = "spearlet_invocation_states_total";
    family(out, name, "counter", "Invocations by where the guest's state came from.");
    buf_printf(out, "%s{from=\"new\"} %" PRIu64 "\n%s{from=\"new_ahead\"} %" PRIu64 "\n", name, r->states_made, name,
               r->states_made_ahead);
    buf_printf(out, "%s{from=\"reset\"} %" PRIu64 "\n%s{from=\"kept\"} %" PRIu64 "\n", name, r->states_reset, name,
               r->states_kept);
    name = "spearlet_state_renewal_seconds_total";
    family(out, name, "counter", "What workers took after their answers to have the next state.");
    buf_printf(out, "%s %.6f\n", name, (double)r->states_renew_us / 1e6);
}

static void put_runtime(struct spearlet *s, struct buf *out) {
    struct runtime_stats r;
    runtime_stats(s->runtimes, &r);
    single(out, "spearlet_workers_started_total", "counter", "Worker processes started.", r.workers_started);
    single(out, "spearlet_workers_exited_total", "counter", "Worker processes that ended by themselves.",
           r.workers_exited);
    single(out, "spearlet_workers_killed_total", "counter", "Worker processes killed.", r.workers_killed);
    single(out, "spearlet_zygote_starts_total", "counter", "Starts of the zygote.", r.zygote_starts);
    single(out, "spearlet_downloads_total", "counter", "Modules downloaded.", r.downloads);
    single(out, "spearlet_download_retries_total", "counter", "Tries of downloads after the first.",
           r.download_retries);
    single(out, "spearlet_artifact_hits_total", "counter", "Modules found in the cache.", r.artifact_hits);
    single(out, "spearlet_artifact_misses_total", "counter", "Modules not found in the cache.", r.artifact_misses);
    single(out, "spearlet_modules_prepared_total", "counter", "Modules checked and accepted.", r.modules_prepared);
    single(out, "spearlet_modules_refused_total", "counter", "Modules refused.", r.modules_refused);
    put_states(&r, out);
}

static void put_code(struct spearlet *s, struct buf *out) {
    struct runtime_stats r;
    runtime_stats(s->runtimes, &r);
    family(out, "spearlet_compiles_total", "counter", "Compilations of modules to native code by how they ended.");
    buf_printf(out, "spearlet_compiles_total{result=\"done\"} %" PRIu64 "\n", r.compiles_done);
    buf_printf(out, "spearlet_compiles_total{result=\"failed\"} %" PRIu64 "\n", r.compiles_failed);
    buf_printf(out, "spearlet_compiles_total{result=\"cancelled\"} %" PRIu64 "\n", r.compiles_cancelled);
    single(out, "spearlet_compiles_running", "gauge", "Modules being compiled now.", r.compiles_running);
    single(out, "spearlet_compiles_waiting", "gauge", "Modules waiting to be compiled.", r.compiles_waiting);
    single(out, "spearlet_native_cache_bytes", "gauge", "Native code on disk.", r.native_cache_bytes);
    single(out, "spearlet_native_hits_total", "counter", "Modules whose native code was in the cache.", r.native_hits);
    single(out, "spearlet_native_misses_total", "counter", "Modules whose native code was not in the cache.",
           r.native_misses);
    single(out, "spearlet_native_refused_total", "counter",
           "Files of native code that were damaged, foreign or not to be loaded.", r.native_refused);
}

static void put_auth(struct spearlet *s, struct buf *out) {
    struct token_verifier_stats v;
    token_verifier_stats(s->verifier, &v);
    single(out, "spearlet_auth_unauthorized_total", "counter", "Requests refused for want of a known token.",
           atomic_load(&s->auth.unauthorized));
    single(out, "spearlet_auth_forbidden_total", "counter", "Requests refused for want of a scope.",
           atomic_load(&s->auth.forbidden));
    single(out, "spearlet_tokens_known", "gauge", "Callers' tokens of which sms's word is remembered.", v.known);
    single(out, "spearlet_token_questions_total", "counter", "Questions about tokens to sms.", v.asked);
    single(out, "spearlet_token_questions_failed_total", "counter", "Those that sms did not answer.", v.failed);
}

static void put_node(struct spearlet *s, struct buf *out) {
    struct http_server_stats h;
    struct node_agent_view view;
    http_server_stats(s->http, &h);
    node_agent_view(s->agent, &view);
    family(out, "spearlet_build_info", "gauge", "Version and engine of this program.");
    buf_printf(out, "spearlet_build_info{version=\"%s\",engine=\"%s\"} 1\n", SPEAR_VERSION,
               runtime_has_engine() ? "wasmedge" : "none");
    single(out, "spearlet_uptime_seconds", "gauge", "Seconds since the start.",
           (uint64_t)(clock_unix_ms() - s->started_ms) / 1000);
    single(out, "spearlet_registered", "gauge", "1 while sms answers this node.", view.is_registered);
    single(out, "spearlet_http_connections", "gauge", "Open HTTP connections.", h.connections_open);
    single(out, "spearlet_http_requests_total", "counter", "HTTP requests.", h.requests_total);
    single(out, "spearlet_http_refused_total", "counter", "HTTP requests refused before a handler.", h.refused_total);
    single(out, "spearlet_http_tls_failed_total", "counter", "TLS handshakes that failed.", h.tls_failed_total);
    single(out, "spearlet_payload_bytes", "gauge", "Request bodies held in memory.",
           atomic_load(&s->payloads.held_bytes));
    single(out, "spearlet_payloads_refused_total", "counter", "Requests refused because of payload-memory-max.",
           atomic_load(&s->payloads.refused));
}

void http_metrics(struct http_exchange *x, void *ctx) {
    const struct http_header type = {SPAN_LITERAL("Content-Type"),
                                     SPAN_LITERAL("text/plain; version=0.0.4; charset=utf-8")};
    struct spearlet *s = ctx;
    struct buf out;
    buf_init(&out, METRICS_MAX);
    put_node(s, &out);
    put_executions(s, &out);
    put_service(s, &out);
    put_runtime(s, &out);
    put_code(s, &out);
    put_auth(s, &out);
    http_respond(x, 200, &type, 1, buf_span(&out));
    buf_done(&out);
}
