// Registration and heartbeat. One request is under way at most; its answer decides about the next one and when.
//
// Which address sms is told is node_address.c's question.
#include "spearlet/node_agent.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/version.h"
#include "runtime/runtime.h"
#include "spearlet/node_address.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>
#include <unistd.h>

enum { PAUSE_FIRST_MS = 100, PAUSE_MAX_MS = 5000, NODE_FILE_MAX = 4096 };

struct node_agent {
    struct node_agent_config config;
    const char *http_address;
    char *node_file;
    bool stopped;
    void (*left)(void *ctx); // not NULL: the node leaves
    void *left_ctx;
    bool asking; // a request is under way, or what comes before it
    struct loop_timer *timer;
    uint64_t pause_ms; // after the next failure
    int64_t tasks_revision;
    bool has_revision, logged_away;
    bool working;                // on the thread pool
    struct node_address address; // what sms is told; filled on the thread pool
    struct err address_error;
    int address_status;
    char kept_uuid[UUID_TEXT + 1]; // what the file says
    uv_mutex_t lock;               // around what others look at
    struct node_agent_view view;
};

// ---- what others see

static void set_view(struct node_agent *a, bool is_registered, const char *error) {
    uv_mutex_lock(&a->lock);
    a->view.is_registered = is_registered;
    snprintf(a->view.last_error, sizeof a->view.last_error, "%s", error);
    uv_mutex_unlock(&a->lock);
}

void node_agent_view(struct node_agent *a, struct node_agent_view *ret) {
    uv_mutex_lock(&a->lock);
    *ret = a->view;
    uv_mutex_unlock(&a->lock);
}

static void set_uuid(struct node_agent *a, struct span uuid) {
    uv_mutex_lock(&a->lock);
    memcpy(a->view.uuid, uuid.p, UUID_TEXT);
    a->view.uuid[UUID_TEXT] = '\0';
    uv_mutex_unlock(&a->lock);
}

// ---- the next turn

static void begin_registration(void *arg);
static void send_heartbeat(void *arg);

static void send_leave(struct node_agent *a);

// What was under way is over; fn begins the next thing.
static void next(struct node_agent *a, uint64_t after_ms, loop_fn *fn) {
    a->asking = false;
    if (a->left)
        send_leave(a);
    else if (!a->stopped)
        a->timer = loop_timer_start(a->config.loop, after_ms, fn, a);
}

// Between half and one and a half of it, so that nodes that lost sms together do not come back together.
static uint64_t with_jitter(uint64_t ms) {
    uint32_t random = 0;
    ASSERT(getrandom(&random, sizeof random, 0) == sizeof random);
    return ms / 2 + random % (ms + 1);
}

static void retry(struct node_agent *a, loop_fn *fn, const char *why) {
    set_view(a, false, why);
    if (!a->logged_away)
        log_warn("sms not reached address=%s error=\"%s\"", a->config.sms_http_addr, why);
    a->logged_away = true;
    uint64_t pause_ms = with_jitter(a->pause_ms);
    a->pause_ms = a->pause_ms * 2 > PAUSE_MAX_MS ? PAUSE_MAX_MS : a->pause_ms * 2;
    next(a, pause_ms, fn);
}

static void went_well(struct node_agent *a) {
    a->pause_ms = PAUSE_FIRST_MS;
    a->logged_away = false;
    set_view(a, true, "");
}

static void describe_refusal(int status, json_val *root, const struct err *e, char *ret_text, size_t n) {
    struct span detail = json_string(json_get(root, "detail"));
    if (e)
        snprintf(ret_text, n, "%.200s", e->text);
    else
        snprintf(ret_text, n, "sms answered with status %d %.*s%s", status, SPAN_ARGS(span_slice(detail, 0, 150)),
                 status == 401 ? "; give this node a token of scope node: --token-file" : "");
}

// ---- heartbeat

static void look_at_revision(struct node_agent *a, json_val *root) {
    json_val *value = json_get(root, "tasks_revision");
    if (!json_is_integer(value))
        return;
    int64_t revision = json_i64(value);
    bool is_other = a->has_revision && revision != a->tasks_revision;
    a->has_revision = true;
    a->tasks_revision = revision;
    if (is_other)
        a->config.tasks_changed(a->config.ctx);
}

static void on_heartbeat(void *ctx, int status, json_val *root, const struct err *e) {
    struct node_agent *a = ctx;
    char why[400];
    if (!e && status == 200) {
        went_well(a);
        look_at_revision(a, root);
        next(a, a->config.heartbeat_interval_ms, send_heartbeat);
    } else if (!e && status == 404) {
        log_warn("sms does not know this node any more uuid=%s", a->view.uuid);
        next(a, 0, begin_registration);
    } else {
        describe_refusal(status, root, e, why, sizeof why);
        retry(a, send_heartbeat, why);
    }
}

static void send_heartbeat(void *arg) {
    struct node_agent *a = arg;
    char path[UUID_TEXT + 64];
    struct node_load load = a->config.load(a->config.ctx);
    struct json_out *out = json_out_new();
    json_node *root = json_out_object(out);
    a->timer = NULL;
    a->asking = true;
    json_add_i64(out, root, "running", (int64_t)load.running);
    json_add_i64(out, root, "queued", (int64_t)load.queued);
    snprintf(path, sizeof path, "/api/v1/nodes/%s/heartbeat", a->view.uuid);
    sms_client_request(a->config.sms, "POST", path, out, on_heartbeat, a);
}

// ---- registration

static void keep_uuid(void *arg) {
    struct node_agent *a = arg;
    char text[UUID_TEXT + 32];
    struct err e;
    snprintf(text, sizeof text, "{\"uuid\":\"%s\"}\n", a->kept_uuid);
    if (file_write_atomic(a->node_file, span_of(text), 0600, &e) < 0)
        log_warn("node id not kept error=\"%s\"", e.text); // it will be another node after a restart
}

static void on_kept(void *arg) {
    next(arg, 0, send_heartbeat);
}

static void registered(struct node_agent *a, struct span uuid) {
    went_well(a);
    set_uuid(a, uuid);
    log_info("registered with sms address=%s uuid=%s as=%s:%u", a->config.sms_http_addr, a->view.uuid, a->address.ip,
             a->address.port);
    // What happened to tasks while sms did not know this node is not known.
    a->config.tasks_changed(a->config.ctx);
    if (strcmp(a->kept_uuid, a->view.uuid) == 0) {
        next(a, 0, send_heartbeat);
        return;
    }
    memcpy(a->kept_uuid, a->view.uuid, sizeof a->kept_uuid);
    loop_work(a->config.loop, keep_uuid, on_kept, a);
}

static void on_registered(void *ctx, int status, json_val *root, const struct err *e) {
    struct node_agent *a = ctx;
    struct span uuid = json_string(json_get(root, "node_uuid"));
    char why[400];
    if (!e && (status == 200 || status == 201) && uuid_valid(uuid)) {
        registered(a, uuid);
        return;
    }
    describe_refusal(status, root, e, why, sizeof why);
    retry(a, begin_registration, why);
}

static struct json_out *registration_body(const struct node_agent *a) {
    struct json_out *out = json_out_new();
    json_node *root = json_out_object(out);
    json_add_text(out, root, "ip_address", a->address.ip);
    json_add_i64(out, root, "port", a->address.port);
    json_add_i64(out, root, "http_port", a->address.port);
    if (a->view.uuid[0])
        json_add_text(out, root, "uuid", a->view.uuid);
    if (a->config.relay_token[0])
        json_add_text(out, root, "relay_token", a->config.relay_token);
    json_node *metadata = json_add_object(out, root, "metadata");
    json_add_text(out, metadata, "node_name", a->config.node_name);
    json_add_text(out, metadata, "http_scheme", a->config.http_scheme);
    json_add_text(out, metadata, "version", SPEAR_VERSION);
    json_add_text(out, metadata, "engine", runtime_has_engine() ? "wasmedge" : "none");
    json_add_i64(out, metadata, "cores", uv_available_parallelism());
    return out;
}

static void on_address_found(void *arg) {
    struct node_agent *a = arg;
    if (a->stopped || a->left)
        next(a, 0, begin_registration);
    else if (a->address_status < 0)
        retry(a, begin_registration, a->address_error.text);
    else
        sms_client_request(a->config.sms, "POST", "/api/v1/nodes", registration_body(a), on_registered, a);
}

static void find_address(void *arg) {
    struct node_agent *a = arg;
    a->address_status = node_address_find(a->config.advertise_addr, a->http_address, a->config.sms_http_addr,
                                          &a->address, &a->address_error);
}

// Names are looked up each time: addresses change.
static void begin_registration(void *arg) {
    struct node_agent *a = arg;
    a->timer = NULL;
    a->asking = true;
    loop_work(a->config.loop, find_address, on_address_found, a);
}

// ---- life

static int read_node_file(struct node_agent *a, struct err *e) {
    struct buf text;
    struct json_doc *doc = NULL;
    if (access(a->node_file, F_OK) != 0)
        return 0;
    buf_init(&text, NODE_FILE_MAX);
    int status = file_read(a->node_file, &text, e);
    if (status == 0 && json_parse(buf_span(&text), &doc, NULL) == 0) {
        struct span uuid = json_string(json_get(json_root(doc), "uuid"));
        if (uuid_valid(uuid)) {
            set_uuid(a, uuid);
            memcpy(a->kept_uuid, a->view.uuid, sizeof a->kept_uuid);
        }
    }
    json_free(doc);
    buf_done(&text);
    return status;
}

int node_agent_new(const struct node_agent_config *config, struct node_agent **ret, struct err *e) {
    struct node_agent *a = NEW(struct node_agent);
    a->config = *config;
    a->pause_ms = PAUSE_FIRST_MS;
    a->node_file = file_join(config->data_dir, "node.json");
    ASSERT(uv_mutex_init(&a->lock) == 0);
    if (read_node_file(a, e) < 0) {
        node_agent_free(a);
        return -1;
    }
    *ret = a;
    return 0;
}

void node_agent_start(struct node_agent *a, const char *http_address) {
    a->http_address = http_address;
    next(a, 0, begin_registration);
}

static void on_leave_answered(void *ctx, int status, json_val *root, const struct err *e) {
    struct node_agent *a = ctx;
    (void)status;
    (void)root;
    (void)e; // sms finds out by itself when the heartbeats stay away
    a->left(a->left_ctx);
}

static void send_leave(struct node_agent *a) {
    char path[UUID_TEXT + 64];
    if (a->stopped || !a->view.is_registered) {
        a->left(a->left_ctx);
        return;
    }
    set_view(a, false, "");
    snprintf(path, sizeof path, "/api/v1/nodes/%s", a->view.uuid);
    sms_client_request(a->config.sms, "DELETE", path, NULL, on_leave_answered, a);
}

void node_agent_leave(struct node_agent *a, void (*done)(void *ctx), void *ctx) {
    a->left = done;
    a->left_ctx = ctx;
    loop_timer_cancel(TAKE(a->timer));
    if (!a->asking)
        send_leave(a);
}

void node_agent_stop(struct node_agent *a) {
    a->stopped = true;
    loop_timer_cancel(TAKE(a->timer));
}

void node_agent_free(struct node_agent *a) {
    if (!a)
        return;
    uv_mutex_destroy(&a->lock);
    free(a->node_file);
    free(a);
}
