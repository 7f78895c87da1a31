// spearlet, the node agent of SPEAR: makes its parts, serves until it is told to stop, takes them apart again.
//
// The parts are in spearlet.h; requests begin in http_api.c, the end is shutdown.c's.
#include "base/activation.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/notify.h"
#include "base/watchdog.h"
#include "net/http_server_options.h"
#include "spearlet/http_api.h"
#include "spearlet/sandbox.h"
#include "spearlet/shutdown.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

enum { LOOPS_MAX = 64, TOKENS_KNOWN_MAX = 4096 };

// ---- what parts ask of each other

static void on_task_dropped(void *ctx, struct function *f) {
    struct spearlet *s = ctx;
    log_info("task gone task_id=%s name=%s", f->task->task_id, f->task->name);
    function_service_drop(s->functions, f);
    runtime_task_gone(s->runtimes, f->task->task_id);
}

// On any loop.
static void on_code(void *ctx, const struct runtime_code_event *event) {
    struct spearlet *s = ctx;
    const char *code = runtime_code_name(event->code);
    switch (event->kind) {
    case RUNTIME_CODE_COMPILING:
        log_info("compiling module=%s code=%s", event->module_digest, code);
        break;
    case RUNTIME_CODE_READY:
        log_info("native code ready module=%s code=%s cached=%d compile_ms=%" PRIu64 " size_bytes=%" PRIu64,
                 event->module_digest, code, event->cached, event->compile_ms, event->size_bytes);
        function_service_renew(s->functions);
        break;
    case RUNTIME_CODE_FAILED:
        log_warn("not compiled module=%s code=%s error=\"%s\"", event->module_digest, code, event->error->text);
        break;
    case RUNTIME_CODE_REFUSED:
        log_warn("native code refused module=%s error=\"%s\"", event->module_digest, event->error->text);
        break;
    }
}

static void on_tasks_changed(void *ctx) {
    struct spearlet *s = ctx;
    task_catalog_recheck(s->tasks);
}

static struct node_load current_load(void *ctx) {
    const struct spearlet *s = ctx;
    struct function_service_stats stats;
    function_service_stats(s->functions, &stats);
    return (struct node_load){.running = stats.running, .queued = stats.waiting};
}

// ---- making

static int make_functions(struct spearlet *s, struct err *e) {
    const struct spearlet_settings *settings = &s->settings;
    if (runtime_shared_new(&settings->node, &s->runtimes, e) < 0 ||
        sandbox_settle(s->runtimes, settings->node.require_sandbox, e) < 0)
        return -1;
    runtime_watch_code(s->runtimes, on_code, s);
    s->executions = executions_new(settings->executions_max, settings->executions_max_bytes);
    struct function_service_config config = {
        .loops = s->loops, .runtimes = s->runtimes, .settings = settings, .executions = s->executions};
    return function_service_new(&config, &s->functions, e);
}

static int make_catalog(struct spearlet *s, struct err *e) {
    struct loop *loop = loop_group_at(s->loops, 0);
    if (sms_client_new(loop, s->settings.node.sms_http_addr, s->settings.node.sms_authorization, s->sms_tls, &s->sms,
                       e) < 0)
        return -1;
    auth_init(&s->auth, s->settings.wants_tokens);
    struct token_verifier_config verifier = {.loop = loop,
                                             .sms = s->sms,
                                             .cache = {.fresh_ms = s->settings.token_cache_ms,
                                                       .stale_ms = s->settings.token_cache_stale_ms,
                                                       .entries_max = TOKENS_KNOWN_MAX}};
    s->verifier = token_verifier_new(&verifier);
    struct task_catalog_config config = {
        .loop = loop, .sms = s->sms, .tasks_max = s->settings.tasks_max, .dropped = on_task_dropped, .ctx = s};
    s->tasks = task_catalog_new(&config);
    return 0;
}

// ---- TLS

static void tls_failed(void *ctx, const char *peer, const char *why) {
    (void)ctx;
    log_warn("TLS handshake failed peer=%s reason=\"%s\"", peer, why);
}

static void say(enum log_level level, const char *text) {
    log_write(level, "%s", text);
}

static int read_tls(struct spearlet *s, struct err *e) {
    if (http_server_options_tls(s->settings.options, &s->tls, e) < 0 ||
        http_client_options_tls(s->settings.options, "sms", &s->sms_tls, e) < 0)
        return -1;
    s->settings.node.sms_tls = s->sms_tls;
    return 0;
}

static void watch_tls(struct spearlet *s) {
    struct tls_reload_config config = {
        .loop = loop_group_at(s->loops, 0), .list = {{"tls-cert", s->tls}, {"sms-tls-ca", s->sms_tls}}, .say = say};
    s->tls_reload = tls_reload_watch(&config);
}

static int start_server(struct spearlet *s, struct err *e) {
    struct loop *loops[LOOPS_MAX];
    size_t count = loop_group_count(s->loops);
    for (size_t i = 0; i < count; i++)
        loops[i] = loop_group_at(s->loops, i);
    struct http_server_config config = {.address = s->settings.node.http_addr,
                                        .listener = s->activation.listener,
                                        .handler = http_api_handle,
                                        .ctx = s,
                                        .tls = s->tls,
                                        .tls_failed = tls_failed};
    uint64_t descriptors = file_raise_descriptor_limit();
    if (!http_server_options_read(s->settings.options, descriptors, &config))
        log_warn("connections-max lowered to half of the descriptors allowed here connections_max=%zu descriptors=%llu "
                 "hint=\"raise the limit: ulimit -Hn, LimitNOFILE=\"",
                 config.connections_max, (unsigned long long)descriptors);
    return http_server_start(&config, loops, count, &s->http, e);
}

static int make_agent(struct spearlet *s, struct err *e) {
    const struct spearlet_config *node = &s->settings.node;
    struct node_agent_config config = {.loop = loop_group_at(s->loops, 0),
                                       .sms = s->sms,
                                       .node_name = node->node_name,
                                       .data_dir = node->data_dir,
                                       .sms_http_addr = node->sms_http_addr,
                                       .advertise_addr = s->settings.advertise_addr,
                                       .http_scheme = s->tls ? "https" : "http",
                                       .relay_token = s->auth.relay_token,
                                       .heartbeat_interval_ms = s->settings.heartbeat_interval_ms,
                                       .load = current_load,
                                       .tasks_changed = on_tasks_changed,
                                       .ctx = s};
    return node_agent_new(&config, &s->agent, e);
}

// The server last: when it listens everything is there. Its connections are first served when loop 0 runs.
static int make(struct spearlet *s, struct err *e) {
    s->payloads.max_bytes = s->settings.payload_memory_max_bytes;
    s->started_ms = clock_unix_ms();
    if (loop_group_new(s->settings.threads, &s->loops, e) < 0 || make_functions(s, e) < 0 || make_catalog(s, e) < 0 ||
        make_agent(s, e) < 0 || start_server(s, e) < 0)
        return -1;
    node_agent_start(s->agent, http_server_address(s->http));
    return 0;
}

// After the loops have stopped.
static void free_parts(struct spearlet *s) {
    loop_group_free(s->loops);
    node_agent_free(s->agent);
    task_catalog_free(s->tasks);
    token_verifier_free(s->verifier);
    function_service_free(s->functions);
    executions_free(s->executions);
    runtime_shared_free(s->runtimes);
    tls_credentials_free(s->tls);
    tls_credentials_free(s->sms_tls);
}

static void on_functions_closed(void *ctx) {
    struct spearlet *s = ctx;
    sms_client_free(TAKE(s->sms));
    loop_group_stop(s->loops);
}

// After a start that failed before anything was served.
static void unmake(struct spearlet *s) {
    if (s->functions) {
        function_service_close(s->functions, 0, on_functions_closed, s);
        loop_group_run(s->loops);
    }
    free_parts(s);
}

// ---- running

static int open_data_dir(const struct spearlet *s, int *ret_lock_fd, struct err *e) {
    const char *directory = s->settings.node.data_dir;
    if (file_make_dirs(directory, 0700, e) < 0 || file_lock_dir(directory, ret_lock_fd, e) < 0)
        return err_wrap(e, "data directory");
    return 0;
}

static int serve(struct spearlet *s) {
    AUTO_CLOSE int lock_fd = -1;
    struct err e;
    if (read_tls(s, &e) < 0 || open_data_dir(s, &lock_fd, &e) < 0 || make(s, &e) < 0) {
        log_error("start failed error=\"%s\"", e.text);
        unmake(s);
        return err_kind_info(e.kind)->exit_code;
    }
    if (s->settings.insecure && !s->settings.wants_tokens)
        log_warn("open to everybody who can reach it: there is no token-file address=%s", http_server_address(s->http));
    shutdown_watch(s);
    watch_tls(s);
    log_info("listening address=%s node=%s sms=%s data_dir=%s threads=%zu engine=%s", http_server_address(s->http),
             s->settings.node.node_name, s->settings.node.sms_http_addr, s->settings.node.data_dir,
             loop_group_count(s->loops), runtime_has_engine() ? "wasmedge" : "none");
    notify_ready(http_server_address(s->http));
    struct watchdog *watchdog = watchdog_new(s->loops);
    loop_group_run(s->loops);
    free_parts(s);
    watchdog_free(watchdog);
    log_info("ended");
    return EXIT_SUCCESS;
}

// A connection that broke is an error code of the write, not the end of the program.
static void ignore_broken_pipes(void) {
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    ASSERT(sigaction(SIGPIPE, &ignore, NULL) == 0);
}

// The address of a socket that was passed to us stands in for the configured one.
static int take_listener(struct spearlet *s, struct err *e) {
    if (activation_take(&s->activation, e) < 0)
        return -1;
    if (s->activation.listener)
        s->settings.node.http_addr = s->activation.address;
    return 0;
}

int main(int argc, char **argv) {
    // Static: what a failed start leaves behind stays reachable until the process ends, a moment later.
    static struct spearlet s;
    struct err e;
    bool run = false;
    int code = EXIT_SUCCESS;
    file_keep_standard_descriptors();
    if (spearlet_config_read(argc, argv, &s.settings, &run, &e) < 0) {
        fprintf(stderr, "spearlet: %s\n", e.text);
        return err_kind_info(e.kind)->exit_code;
    }
    if (run && (take_listener(&s, &e) < 0 || spearlet_config_check_openness(&s.settings, &e) < 0)) {
        fprintf(stderr, "spearlet: %s\n", e.text);
        code = err_kind_info(e.kind)->exit_code;
    } else if (run) {
        log_init("spearlet", s.settings.log_level, s.settings.log_format);
        ignore_broken_pipes();
        code = serve(&s);
    }
    spearlet_config_done(&s.settings);
    return code;
}
