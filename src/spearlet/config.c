// The settings of spearlet: one table for flags, environment, file and --help, and the struct the program reads.
//
// What a value may be is checked by base/options; here the names and defaults stand, and what is found out when nothing
// was given: the host's name, the worker program. Next step: main.c.
#include "spearlet/config.h"

#include "base/address.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/version.h"
#include "model/token.h"
#include "net/http_server_options.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define HOUR_MS  ((uint64_t)3600 * 1000)
#define MEBIBYTE ((uint64_t)1 << 20)
#define TEBIBYTE ((uint64_t)1 << 40)
#define NUMBER(name_, env_, type_, default_, min_, max_, argument_, help_)                                             \
    {                                                                                                                  \
        .name = name_, .environment = env_, .type = type_, .default_value = default_, .min = min_, .max = max_,        \
        .argument = argument_, .help = help_                                                                           \
    }
#define TEXT(name_, env_, default_, argument_, help_) NUMBER(name_, env_, OPTION_TEXT, default_, 0, 0, argument_, help_)
#define ADDRESS(name_, env_, default_, help_)         NUMBER(name_, env_, OPTION_ADDRESS, default_, 0, 0, "HOST:PORT", help_)
#define BYTES(name_, env_, default_, min_, help_)                                                                      \
    NUMBER(name_, env_, OPTION_BYTES, default_, min_, TEBIBYTE, "BYTES", help_)
#define DURATION(name_, env_, default_, min_, help_)                                                                   \
    NUMBER(name_, env_, OPTION_DURATION_MS, default_, min_, HOUR_MS, "TIME", help_)
#define COUNT(name_, env_, default_, min_, max_, help_)                                                                \
    NUMBER(name_, env_, OPTION_COUNT, default_, min_, max_, "N", help_)
#define CHOICE(name_, env_, default_, choices_, argument_, help_)                                                      \
    {                                                                                                                  \
        .name = name_, .environment = env_, .type = OPTION_CHOICE, .default_value = default_, .choices = choices_,     \
        .argument = argument_, .help = help_                                                                           \
    }

// clang-format off
static const struct option_spec specs[] = {
    TEXT("node-name", "SPEARLET_NODE_NAME", NULL, "NAME", "this node's name; the host name when not given"),
    ADDRESS("http-addr", "SPEARLET_HTTP_ADDR", "127.0.0.1:8081", "where to serve HTTP; port 0 picks a free one"),
    ADDRESS("sms-http-addr", "SPEARLET_SMS_HTTP_ADDR", "127.0.0.1:8080", "where sms serves files and tasks"),
    TEXT("data-dir", "SPEARLET_DATA_DIR", "./data/spearlet", "DIR", "where modules are cached and the node's id is kept"),
    ADDRESS("advertise-addr", "SPEARLET_ADVERTISE_ADDR", NULL, "where sms reaches this node; found out when not given"),
    TEXT("allowed-sms-hosts", "SPEARLET_ALLOWED_SMS_HOSTS", NULL, "HOST:PORT,...",
         "file services that a module's uri may name besides sms-http-addr"),
    DURATION("heartbeat-interval", "SPEARLET_HEARTBEAT_INTERVAL", "10s", 50, "how often sms hears from this node"),
    DURATION("drain-timeout", "SPEARLET_DRAIN_TIMEOUT", "30s", 0, "how long running invocations may take to end after SIGTERM"),
    DURATION("stop-grace", "SPEARLET_STOP_GRACE", "5s", 0, "how long a stopped instance may take before it is killed"),
    COUNT("threads", "SPEARLET_THREADS", "0", 0, 64, "event loops; 0 takes one a core"),
    COUNT("instances-max", "SPEARLET_INSTANCES_MAX", "1024", 1, 65536, "instances of all tasks together"),
    COUNT("queue-max", "SPEARLET_QUEUE_MAX", "8192", 0, 1000000,
          "requests of all tasks waiting for an instance; one task may take no more places than it leaves free"),
    COUNT("tasks-max", "SPEARLET_TASKS_MAX", "4096", 16, 1000000, "tasks remembered"),
    COUNT("executions-max", "SPEARLET_EXECUTIONS_MAX", "4096", 1, 1000000, "finished executions remembered"),
    BYTES("executions-max-bytes", "SPEARLET_EXECUTIONS_MAX_BYTES", "64MiB", 0, "output and log kept with them"),
    BYTES("max-request-bytes", "SPEARLET_MAX_REQUEST_BYTES", "24MiB", 1024, "the largest JSON request"),
    BYTES("payload-memory-max", "SPEARLET_PAYLOAD_MEMORY_MAX", "512MiB", MEBIBYTE,
          "request bodies held at the same time; one more is answered 503"),
    BYTES("max-module-size", "SPEARLET_MAX_MODULE_SIZE", "100MiB", 8, "a larger module is refused"),
    BYTES("artifact-cache-max", "SPEARLET_ARTIFACT_CACHE_MAX", "1GiB", 0, "modules kept on disk"),
    BYTES("prepared-cache-max", "SPEARLET_PREPARED_CACHE_MAX", "256MiB", 0, "checked modules kept in memory"),
    DURATION("fetch-connect-timeout", "SPEARLET_FETCH_CONNECT_TIMEOUT", "5s", 1, "to reach the file service"),
    DURATION("fetch-total-timeout", "SPEARLET_FETCH_TOTAL_TIMEOUT", "60s", 1, "for one try of a download"),
    COUNT("fetch-tries-max", "SPEARLET_FETCH_TRIES_MAX", "4", 1, 100, "tries of a download"),
    DURATION("fetch-backoff", "SPEARLET_FETCH_BACKOFF", "100ms", 1, "the pause after the first try; it doubles"),
    COUNT("compile-jobs", "SPEARLET_COMPILE_JOBS", "1", 0, 64,
          "modules compiled to native code at the same time; 0: none, what was compiled before is used"),
    DURATION("compile-timeout", "SPEARLET_COMPILE_TIMEOUT", "10m", 1000, "compiling a module; one that takes longer stays interpreted"),
    BYTES("compile-memory-max", "SPEARLET_COMPILE_MEMORY_MAX", "2GiB", 16 * MEBIBYTE, "what a compilation may take"),
    BYTES("native-cache-max", "SPEARLET_NATIVE_CACHE_MAX", "1GiB", 0, "native code kept on disk"),
    DURATION("prepare-timeout", "SPEARLET_PREPARE_TIMEOUT", "30s", 1, "checking a module"),
    DURATION("start-timeout", "SPEARLET_START_TIMEOUT", "10s", 1, "a worker's start"),
    TEXT("worker-path", "SPEARLET_WORKER_PATH", NULL, "FILE", "the program spear-worker; looked for when not given"),
    HTTP_SERVER_OPTIONS("SPEARLET", "8192"),
    HTTP_CLIENT_OPTIONS("SPEARLET", "sms", "SMS", "sms"),
    CHOICE("require-sandbox", "SPEARLET_REQUIRE_SANDBOX", "best-effort", "full|best-effort|off", "LEVEL",
           "where the kernel lacks a part of the workers' cage: full refuses to start, best-effort warns; off: no cage"),
    TEXT("token-file", "SPEARLET_TOKEN_FILE", NULL, "FILE",
         "holds this node's token (scope node) for sms; the node then wants a token of its callers, too"),
    DURATION("token-cache-time", "SPEARLET_TOKEN_CACHE_TIME", "30s", 0, "how long sms's word about a caller's token counts"),
    DURATION("token-cache-stale", "SPEARLET_TOKEN_CACHE_STALE", "5m", 0, "how long it counts while sms is away"),
    {.name = "insecure", .environment = "SPEARLET_INSECURE", .type = OPTION_FLAG,
     .help = "serve another address than loopback although there is no token-file"},
    CHOICE("log-level", "SPEARLET_LOG_LEVEL", "info", "error|warn|info|debug", "LEVEL", "error, warn, info or debug"),
    CHOICE("log-format", "SPEARLET_LOG_FORMAT", "auto", "auto|text|json", "FORMAT",
           "text, json, or auto: text on a terminal and json otherwise"),
};
// clang-format on

static const struct option_program program = {
    .name = "spearlet",
    .usage = "usage: spearlet [options]",
    .summary = "The node agent of SPEAR: runs the instances of tasks on this machine.",
    .default_config_path = "~/.spear/config.toml",
    .config_environment = "SPEARLET_CONFIG",
    .specs = specs,
    .spec_count = COUNT_OF(specs),
};

static enum sandbox_requirement sandbox_requirement(const char *text) {
    if (strcmp(text, "full") == 0)
        return SANDBOX_FULL;
    return strcmp(text, "off") == 0 ? SANDBOX_OFF : SANDBOX_BEST_EFFORT;
}

static void fill_runtime_part(struct spearlet_config *c, const struct options *o) {
    spearlet_config_default(c);
    c->node_name = options_text(o, "node-name");
    c->http_addr = options_text(o, "http-addr");
    c->sms_http_addr = options_text(o, "sms-http-addr");
    c->data_dir = options_text(o, "data-dir");
    c->max_module_size_bytes = options_number(o, "max-module-size");
    c->fetch_connect_timeout_ms = options_number(o, "fetch-connect-timeout");
    c->fetch_total_timeout_ms = options_number(o, "fetch-total-timeout");
    c->fetch_tries_max = (uint32_t)options_number(o, "fetch-tries-max");
    c->fetch_backoff_ms = options_number(o, "fetch-backoff");
    c->artifact_cache_max_bytes = options_number(o, "artifact-cache-max");
    c->prepared_cache_max_bytes = options_number(o, "prepared-cache-max");
    c->compile_jobs = (uint32_t)options_number(o, "compile-jobs");
    c->compile_time_ms = options_number(o, "compile-timeout");
    c->compile_memory_bytes = options_number(o, "compile-memory-max");
    c->native_cache_max_bytes = options_number(o, "native-cache-max");
    c->prepare_time_ms = options_number(o, "prepare-timeout");
    c->start_time_ms = options_number(o, "start-timeout");
    c->stop_grace_ms = options_number(o, "stop-grace");
    c->worker_path = options_text(o, "worker-path");
    c->require_sandbox = sandbox_requirement(options_text(o, "require-sandbox"));
}

static void fill(struct spearlet_settings *s, struct options *o) {
    *s = (struct spearlet_settings){.options = o};
    fill_runtime_part(&s->node, o);
    s->advertise_addr = options_text(o, "advertise-addr");
    s->heartbeat_interval_ms = options_number(o, "heartbeat-interval");
    s->drain_timeout_ms = options_number(o, "drain-timeout");
    s->max_request_bytes = options_number(o, "max-request-bytes");
    s->payload_memory_max_bytes = options_number(o, "payload-memory-max");
    s->threads = options_number(o, "threads");
    s->instances_max = options_number(o, "instances-max");
    s->queue_max = options_number(o, "queue-max");
    s->tasks_max = options_number(o, "tasks-max");
    s->executions_max = options_number(o, "executions-max");
    s->executions_max_bytes = options_number(o, "executions-max-bytes");
    s->insecure = options_flag(o, "insecure");
    s->token_cache_ms = options_number(o, "token-cache-time");
    s->token_cache_stale_ms = options_number(o, "token-cache-stale");
    ASSERT(log_level_parse(span_of(options_text(o, "log-level")), &s->log_level) == 0);
    ASSERT(log_format_parse(span_of(options_text(o, "log-format")), &s->log_format) == 0);
}

static int find_host_name(struct spearlet_settings *s, struct err *e) {
    if (s->node.node_name && s->node.node_name[0])
        return 0;
    char name[HOST_NAME_MAX + 1];
    if (gethostname(name, sizeof name) != 0)
        return err_set_sys(e, ERR_INVALID_CONFIGURATION, errno, "the host has no name; give --node-name");
    s->node.node_name = s->host_name = mem_strdup(name);
    return 0;
}

// What base/options cannot check: the error says where the value was given, as its own do.
static int bad_value(const struct spearlet_settings *s, const char *option, struct span value, const char *why,
                     struct err *e) {
    const char *where = options_where(s->options, option);
    return err_set(e, ERR_INVALID_CONFIGURATION, "%s%s%s: \"%.*s\" %s", where ? where : "", where ? ": " : "", option,
                   SPAN_ARGS(span_slice(value, 0, 200)), why);
}

static int check_address(const struct spearlet_settings *s, const char *option, struct span address, struct err *e) {
    struct span host;
    uint16_t port;
    if (address_split(address, &host, &port) && port != 0)
        return 0;
    return bad_value(s, option, address, "is not HOST:PORT with a port from 1 to 65535", e);
}

static int split_allowed_hosts(struct spearlet_settings *s, struct err *e) {
    struct span rest = span_of(options_text(s->options, "allowed-sms-hosts")), part;
    s->allowed_hosts = mem_calloc(rest.n / 2 + 1, sizeof *s->allowed_hosts);
    s->node.allowed_sms_hosts = (const char *const *)s->allowed_hosts;
    while (span_next(&rest, ',', &part)) {
        part = span_trim(part);
        if (part.n == 0)
            continue;
        if (check_address(s, "allowed-sms-hosts", part, e) < 0)
            return -1;
        s->allowed_hosts[s->node.allowed_sms_host_count++] = span_dup(part);
    }
    return 0;
}

static int check(struct spearlet_settings *s, struct err *e) {
    const char *worker = s->node.worker_path;
    if (check_address(s, "sms-http-addr", span_of(s->node.sms_http_addr), e) < 0 || split_allowed_hosts(s, e) < 0)
        return -1;
    if (runtime_has_engine() && worker && access(worker, X_OK) != 0)
        return bad_value(s, "worker-path", span_of(worker), "is not a program that can be run", e);
    return 0;
}

static int read_token(struct spearlet_settings *s, struct err *e) {
    const char *file = options_text(s->options, "token-file");
    char *token = NULL;
    if (!file)
        return 0;
    if (file_read_secret(file, TOKEN_TEXT, &token, e) < 0)
        return err_wrap(e, "token-file");
    bool is_token = token_valid(span_of(token));
    if (is_token)
        s->node.sms_authorization = s->sms_authorization = mem_printf("Bearer %s", token);
    file_secret_free(token);
    s->wants_tokens = is_token;
    return is_token ? 0 : err_set(e, ERR_INVALID_CONFIGURATION, "token-file: %s: holds no token of SPEAR", file);
}

static int find_worker(struct spearlet_settings *s, struct err *e) {
    if (!runtime_has_engine() || s->node.worker_path)
        return 0;
    s->node.worker_path = s->worker_path = file_find_program("spear-worker");
    if (s->worker_path)
        return 0;
    return err_set(
        e, ERR_INVALID_CONFIGURATION,
        "the program spear-worker was not found: not beside this program, not in %s, not on PATH; give --worker-path",
        SPEAR_LIBEXEC_DIR);
}

// Does what was asked for besides running.
static int act(struct spearlet_settings *s, enum options_action action, struct err *e) {
    switch (action) {
    case OPTIONS_HELP:
        options_print_help(&program, stdout);
        return 0;
    case OPTIONS_VERSION:
        printf("spearlet %s\n", SPEAR_VERSION);
        return 0;
    case OPTIONS_PRINT_CONFIG:
        if (check(s, e) < 0)
            return -1;
        options_print_config(s->options, stdout);
        return 0;
    default:
        if (check(s, e) < 0 || read_token(s, e) < 0 || find_host_name(s, e) < 0)
            return -1;
        return find_worker(s, e);
    }
}

int spearlet_config_read(int argc, char **argv, struct spearlet_settings *ret, bool *ret_run, struct err *e) {
    struct options *o = NULL;
    if (options_parse(&program, argc, argv, &o, NULL, e) != 0)
        return -1;
    struct spearlet_settings s;
    fill(&s, o);
    enum options_action action = options_action(o);
    if (act(&s, action, e) < 0) {
        spearlet_config_done(&s);
        return -1;
    }
    *ret = s;
    *ret_run = action == OPTIONS_RUN;
    return 0;
}

void spearlet_config_done(struct spearlet_settings *s) {
    for (size_t i = 0; i < s->node.allowed_sms_host_count; i++)
        free(s->allowed_hosts[i]);
    free(s->allowed_hosts);
    file_secret_free(s->sms_authorization);
    free(s->host_name);
    free(s->worker_path);
    options_free(s->options);
    *s = (struct spearlet_settings){0};
}

// Without a token nobody is asked for one: then nobody but this machine is to reach us.
int spearlet_config_check_openness(const struct spearlet_settings *s, struct err *e) {
    const char *address = s->node.http_addr;
    if (s->wants_tokens || s->insecure || address_is_loopback(span_of(address)))
        return 0;
    return err_set(
        e, ERR_INVALID_CONFIGURATION,
        "%s is not a loopback address, and without a token everybody who reaches this node may do everything; "
        "serve 127.0.0.1 (--http-addr 127.0.0.1:8081), or give the node a token (spear token create NAME --scope "
        "node, then --token-file FILE), or give --insecure",
        address);
}
