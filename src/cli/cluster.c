// Starting, knowing and stopping sms and spearlets: which flags each gets, and in which order.
//
// Processes are supervisor.c; what the user is told is up.c and run.c.
#include "cli/cluster.h"

#include "base/address.h"
#include "base/file.h"
#include "base/mem.h"
#include "cli/output.h"

#include <stdio.h>
#include <unistd.h>

enum { ARGUMENTS_MAX = 48, REGISTER_MS = 20000, ASK_AGAIN_MS = 10 };

struct argument_list {
    const char *items[ARGUMENTS_MAX + 1];
    size_t count;
};

static void add_argument(struct argument_list *list, const char *name, const char *value) {
    if (!value)
        return;
    ASSERT(list->count + 2 <= ARGUMENTS_MAX);
    list->items[list->count++] = name;
    list->items[list->count++] = value;
}

// What is started here serves this machine's loopback in plain HTTP, whatever the user's settings for servers say.
static void stay_plain(const struct cluster *c, struct argument_list *list, const char *const client_flags[3]) {
    if (c->config.home)
        return; // the user's settings do not count
    add_argument(list, "--tls-cert", "");
    add_argument(list, "--tls-key", "");
    add_argument(list, "--tls-client-ca", "");
    for (size_t i = 0; i < 3; i++)
        add_argument(list, client_flags[i], "");
}

int cluster_init(struct cluster *c, const struct cluster_config *config, struct err *e) {
    *c = (struct cluster){.config = *config};
    struct supervisor_config supervisor = {.api = config->api, .line = config->line, .ctx = config->ctx};
    return supervisor_new(&supervisor, &c->supervisor, e);
}

void cluster_done(struct cluster *c) {
    supervisor_free(c->supervisor);
    for (size_t i = 0; i < c->node_count; i++)
        free(c->names[i]);
}

static int start(struct cluster *c, const char *name, const char *program, const struct argument_list *arguments,
                 struct child **ret, struct err *e) {
    AUTO_FREE char *home = c->config.home ? mem_printf("HOME=%s", c->config.home) : NULL;
    const char *const env[] = {home, NULL};
    struct child_config child = {.name = name,
                                 .program = program,
                                 .args = arguments->items,
                                 .env = env,
                                 .settings_from_flags = c->config.home != NULL};
    return supervisor_start(c->supervisor, &child, ret, e);
}

// ---- sms

int cluster_start_sms(struct cluster *c, struct err *e) {
    char upload_max[32];
    struct argument_list arguments = {.count = 0};
    AUTO_FREE char *data_dir = c->config.data_dir ? file_join(c->config.data_dir, "sms") : NULL;
    snprintf(upload_max, sizeof upload_max, "%llu", (unsigned long long)c->config.max_upload_bytes);
    add_argument(&arguments, "--http-addr", c->config.http_addr);
    add_argument(&arguments, "--data-dir", data_dir);
    add_argument(&arguments, "--log-level", c->config.log_level);
    add_argument(&arguments, "--log-format", c->config.log_format);
    add_argument(&arguments, "--max-upload-bytes", c->config.max_upload_bytes ? upload_max : NULL);
    stay_plain(c, &arguments, (const char *const[]){"--node-tls-ca", "--node-tls-cert", "--node-tls-key"});
    if (start(c, "sms", "sms", &arguments, &c->sms, e) != 0 ||
        supervisor_wait_ready(c->supervisor, c->sms, CLUSTER_START_MS, e) != 0)
        return -1;
    free(c->config.api->sms_addr);
    c->config.api->sms_addr = api_reachable(child_address(c->sms));
    return 0;
}

// ---- spearlets

// The address `index` ports behind another one; port 0 stays 0. On the heap.
static char *following_address(const char *address, size_t index, struct err *e) {
    struct span host;
    uint16_t port;
    if (!address_split(span_of(address), &host, &port)) {
        err_set(e, ERR_INVALID_CONFIGURATION, "spearlet address %s: HOST:PORT is wanted", address);
        return NULL;
    }
    if (port && port + index > UINT16_MAX) {
        err_set(e, ERR_INVALID_CONFIGURATION, "no port is left for node %zu behind %s", index + 1, address);
        return NULL;
    }
    bool v6 = span_find(host, ':') != host.n;
    return mem_printf("%s%.*s%s:%u", v6 ? "[" : "", SPAN_ARGS(host), v6 ? "]" : "",
                      port ? (unsigned)(port + index) : 0U);
}

// NULL without an error: spearlet's own setting stands.
static char *node_address(const struct cluster *c, size_t index, struct err *e) {
    err_clear(e);
    if (c->config.spearlet_http_addr)
        return following_address(c->config.spearlet_http_addr, index, e);
    return index ? following_address(child_address(c->nodes[0]), index, e) : NULL;
}

static char *node_data_dir(const struct cluster *c, size_t index) {
    const char *base = c->config.data_dir ? c->config.data_dir : "./data";
    if (index == 0)
        return c->config.data_dir ? file_join(base, "spearlet") : NULL;
    return mem_printf("%s/spearlet-%zu", base, index + 1);
}

// Two nodes of one machine must not have one name.
static char *node_name(size_t index) {
    char host[256] = "node";
    const char *given = getenv("SPEARLET_NODE_NAME");
    gethostname(host, sizeof host - 1);
    return index ? mem_printf("%s-%zu", given && given[0] ? given : host, index + 1) : NULL;
}

int cluster_start_node(struct cluster *c, struct err *e) {
    size_t index = c->node_count;
    struct argument_list arguments = {.count = 0};
    ASSERT(index < CLUSTER_NODES_MAX);
    AUTO_FREE char *address = node_address(c, index, e);
    if (!address && e->kind != ERR_NONE)
        return -1;
    AUTO_FREE char *data_dir = node_data_dir(c, index);
    AUTO_FREE char *name = node_name(index);
    add_argument(&arguments, "--http-addr", address);
    add_argument(&arguments, "--data-dir", data_dir);
    add_argument(&arguments, "--node-name", name);
    add_argument(&arguments, "--sms-http-addr", c->config.api->sms_addr);
    add_argument(&arguments, "--log-level", c->config.log_level);
    add_argument(&arguments, "--log-format", c->config.log_format);
    add_argument(&arguments, "--require-sandbox", c->config.require_sandbox);
    add_argument(&arguments, "--stop-grace", c->config.ends_at_once ? "0" : NULL);
    add_argument(&arguments, "--compile-jobs", c->config.ends_at_once ? "0" : NULL); // one call is over before it pays
    add_argument(&arguments, "--drain-timeout", c->config.ends_at_once ? "100ms" : NULL);
    stay_plain(c, &arguments, (const char *const[]){"--sms-tls-ca", "--sms-tls-cert", "--sms-tls-key"});
    c->names[index] = index ? mem_printf("spearlet-%zu", index + 1) : mem_strdup("spearlet");
    c->node_count++;
    return start(c, c->names[index], "spearlet", &arguments, &c->nodes[index], e);
}

int cluster_wait_node(struct cluster *c, struct err *e) {
    return supervisor_wait_ready(c->supervisor, c->nodes[c->node_count - 1], CLUSTER_START_MS, e);
}

// ---- registration

struct online {
    const struct cluster *cluster;
    size_t count;
};

static uint16_t port_of(const char *address) {
    struct span host;
    uint16_t port = 0;
    address_split(span_of(address), &host, &port);
    return port;
}

static int count_online(void *ctx, struct span key, json_val *node) {
    (void)key;
    struct online *o = ctx;
    int64_t http_port = json_i64(json_get(node, "http_port")), port = json_i64(json_get(node, "port"));
    if (!span_equal_text(json_string(json_get(node, "status")), "online"))
        return 0;
    for (size_t i = 0; i < o->cluster->node_count; i++)
        o->count += port_of(child_address(o->cluster->nodes[i])) == (http_port ? http_port : port);
    return 0;
}

static bool never(void *ctx) {
    (void)ctx;
    return false;
}

int cluster_wait_registered(struct cluster *c, struct err *e) {
    struct api *api = c->config.api;
    for (int i = 0; i < REGISTER_MS / ASK_AGAIN_MS; i++) {
        struct online online = {.cluster = c};
        struct json_doc *doc CLEANUP(json_free_pointer) = NULL;
        if (api_json(api, &(struct api_request){.method = "GET", .path = "/api/v1/nodes"}, &doc, e) != 0)
            return -1;
        json_each(json_get(json_root(doc), "nodes"), count_online, &online);
        if (online.count >= c->node_count)
            return 0;
        api_wait(api, ASK_AGAIN_MS, never, NULL);
        if (supervisor_ended_child(c->supervisor))
            return err_set(e, ERR_INSTANCE_STARTUP_FAILED, "%s ended before sms knew it",
                           child_name(supervisor_ended_child(c->supervisor)));
    }
    return err_set(e, ERR_EXECUTION_TIMEOUT, "the spearlets did not register with sms within %d s", REGISTER_MS / 1000);
}

// ---- the end

void cluster_stop(struct cluster *c, uint64_t grace_ms) {
    supervisor_stop(c->supervisor, c->nodes, c->node_count, grace_ms);
    if (c->sms)
        supervisor_stop(c->supervisor, &c->sms, 1, grace_ms);
}

struct child *cluster_suspect(const struct cluster *c) {
    struct child *ended = supervisor_ended_child(c->supervisor);
    if (ended)
        return ended;
    for (size_t i = 0; i < c->node_count; i++)
        if (c->nodes[i] && !child_address(c->nodes[i])[0])
            return c->nodes[i];
    return c->sms && !child_address(c->sms)[0] ? c->sms : NULL;
}

void cluster_print_last_lines(const struct cli *cli, const struct child *child) {
    struct buf text;
    struct span rest, line;
    buf_init(&text, (size_t)SUPERVISOR_LINES_KEPT * (SUPERVISOR_LINE_MAX + 1));
    child_last_lines(child, SUPERVISOR_LINES_KEPT, &text);
    rest = buf_span(&text);
    while (span_next(&rest, '\n', &line)) {
        AUTO_FREE char *clean = output_clean(line);
        fprintf(stderr, "%s%s |%s %s\n", output_color(cli->color_err, OUTPUT_DIM), child_name(child),
                output_color(cli->color_err, OUTPUT_PLAIN), clean);
    }
    buf_done(&text);
}
