// Registering and updating a node: the database first, then, once committed, the living list.
//
// Both are one change: what the body gives replaces what the row has. The other routes of nodes are nodes_api.c's.
#include "sms/nodes_api.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/http_router.h"
#include "sms/auth.h"
#include "sms/nodes_input.h"
#include "sms/request.h"

#include <arpa/inet.h>

enum { METADATA_MAX = 64 * 1024, BODY_MAX = 128 * 1024 };

struct node_change {
    struct request request;
    bool registering; // else an update, of a node that must exist
    char uuid[UUID_TEXT + 1];
    char ip_address[48];                     // "": as it was
    int64_t port, http_port;                 // 0: as it was
    char *metadata, *resource;               // NULL: as it was
    char owner[TOKEN_ID_TEXT + 1];           // the token that registered it
    char relay_token[TOKEN_SECRET_TEXT + 1]; // what it wants to be shown
    int64_t registered_at, last_heartbeat;
    char evicted[UUID_TEXT + 1]; // a silent node that made room, or ""
};

// ---- reading the body
static int read_ip_address(json_val *root, struct node_change *c, struct err *e) {
    unsigned char parsed[16];
    struct span text = {0};
    if (json_want_string(root, "ip_address", &text, e) != 0) {
        return -1;
    }
    if (text.p == NULL && c->registering) {
        return err_set(e, ERR_UNPROCESSABLE, "field \"ip_address\" is required");
    }
    if (text.p == NULL) {
        return 0;
    }
    char address[sizeof c->ip_address] = "";
    if (text.n < sizeof address) {
        memcpy(address, text.p, text.n);
    }
    if (strlen(address) != text.n ||
        (inet_pton(AF_INET, address, parsed) != 1 && inet_pton(AF_INET6, address, parsed) != 1)) {
        return err_set(e, ERR_UNPROCESSABLE, "field \"ip_address\" must be an IPv4 or IPv6 address, not \"%.*s\"",
                       SPAN_ARGS(span_slice(text, 0, 100)));
    }
    memcpy(c->ip_address, address, sizeof address);
    return 0;
}

static int read_ports(json_val *root, struct node_change *c, struct err *e) {
    if (json_want_i64(root, "port", 1, UINT16_MAX, &c->port, e) != 0 ||
        json_want_i64(root, "http_port", 1, UINT16_MAX, &c->http_port, e) != 0) {
        return -1;
    }
    if (c->registering && c->port == 0) {
        return err_set(e, ERR_UNPROCESSABLE, "field \"port\" is required");
    }
    if (c->registering && c->http_port == 0) {
        c->http_port = c->port;
    }
    return 0;
}

// A node says in its metadata whether it serves HTTPS; sms speaks one of the two to all of them.
static int check_scheme(json_val *metadata, const struct node_change *c, struct err *e) {
    bool secure = span_equal_text(json_string(json_get(metadata, "http_scheme")), "https");
    if (secure == (c->request.sms->node_tls != NULL)) {
        return 0;
    }
    return err_set(e, ERR_UNPROCESSABLE,
                   secure ? "this node serves HTTPS (metadata.http_scheme) and sms was not told how to check its "
                            "certificate; start sms with --node-tls-ca FILE"
                          : "sms speaks HTTPS to its nodes (--node-tls-ca) and this one serves plain HTTP; start "
                            "spearlet with --tls-cert FILE and --tls-key FILE");
}

static int read_metadata(json_val *root, struct node_change *c, struct err *e) {
    json_val *metadata = NULL;
    struct buf text;
    if (json_want_object(root, "metadata", &metadata, e) != 0) {
        return -1;
    }
    if ((c->registering || metadata != NULL) && check_scheme(metadata, c, e) != 0) {
        return -1;
    }
    if (metadata == NULL) {
        return 0;
    }
    buf_init(&text, METADATA_MAX);
    if (json_print(metadata, &text) != 0) {
        buf_done(&text);
        return err_set(e, ERR_UNPROCESSABLE, "field \"metadata\" is larger than %d bytes", METADATA_MAX);
    }
    c->metadata = buf_take(&text, NULL);
    return 0;
}

// A node may keep the uuid it had.
static int read_uuid(json_val *root, struct node_change *c, struct err *e) {
    struct span text = {0};
    if (!c->registering) {
        return 0;
    }
    if (json_want_string(root, "uuid", &text, e) != 0) {
        return -1;
    }
    if (text.n == 0) {
        uuid_new(c->uuid);
        return 0;
    }
    if (!nodes_input_uuid(text, c->uuid)) {
        return err_set(e, ERR_UNPROCESSABLE, "field \"uuid\" must be a UUID, not \"%.*s\"",
                       SPAN_ARGS(span_slice(text, 0, 100)));
    }
    return 0;
}

static int read_relay_token(json_val *root, struct node_change *c, struct err *e) {
    struct span text = {0};
    if (!c->registering) {
        return 0;
    }
    if (json_want_string(root, "relay_token", &text, e) != 0) {
        return -1;
    }
    if (text.n != 0 && !token_secret_valid(text)) {
        return err_set(e, ERR_UNPROCESSABLE, "field \"relay_token\" must be %d characters of base64url",
                       TOKEN_SECRET_TEXT);
    }
    snprintf(c->relay_token, sizeof c->relay_token, "%.*s", SPAN_ARGS(text));
    return 0;
}

static int read_change(json_val *root, struct node_change *c, struct err *e) {
    return read_ip_address(root, c, e) != 0 || read_ports(root, c, e) != 0 || read_metadata(root, c, e) != 0 ||
                   read_uuid(root, c, e) != 0 || read_relay_token(root, c, e) != 0
               ? -1
               : 0;
}

// ---- the change
// What the body does not give stays as the row has it.
static void merge_row(void *ctx, const struct node_row *row) {
    struct node_change *c = ctx;
    if (c->ip_address[0] == 0) {
        snprintf(c->ip_address, sizeof c->ip_address, "%.*s", SPAN_ARGS(row->ip_address));
    }
    c->port = c->port != 0 ? c->port : row->port;
    c->http_port = c->http_port != 0 ? c->http_port : row->http_port;
    c->metadata = c->metadata != NULL ? c->metadata : span_dup(row->metadata);
    c->resource = c->resource != NULL ? c->resource : span_dup(row->resource);
    c->registered_at = row->registered_at;
    if (!c->registering) {
        snprintf(c->owner, sizeof c->owner, "%.*s", SPAN_ARGS(row->owner));
        snprintf(c->relay_token, sizeof c->relay_token, "%.*s", SPAN_ARGS(row->relay_token));
    }
    c->last_heartbeat = c->registering ? c->last_heartbeat : row->last_heartbeat;
}

static void evict_row(void *ctx, const struct node_row *row) {
    struct node_change *c = ctx;
    snprintf(c->evicted, sizeof c->evicted, "%.*s", SPAN_ARGS(row->uuid));
}

// At the ceiling the node that was silent for longest makes room, if it is offline.
static int make_room(struct db *db, struct node_change *c, struct err *e) {
    int64_t count = 0;
    bool found = false;
    if (node_table_count(db, &count, e) != 0) {
        return -1;
    }
    if (count < NODES_MAX) {
        return 0;
    }
    int64_t before = clock_unix_s() - (int64_t)(c->request.sms->config.heartbeat_timeout_ms / 1000) - 1;
    if (node_table_find_silent(db, before, evict_row, c, &found, e) != 0) {
        return -1;
    }
    if (!found) {
        return err_set(e, ERR_RESOURCE_EXHAUSTED, "%d nodes are registered and online; no more are taken", NODES_MAX);
    }
    return node_table_delete(db, span_of(c->evicted), &found, e);
}

static struct node_row row_of(const struct node_change *c) {
    return (struct node_row){.uuid = span_of(c->uuid),
                             .ip_address = span_of(c->ip_address),
                             .metadata = span_of(c->metadata != NULL ? c->metadata : "{}"),
                             .resource = span_of(c->resource),
                             .owner = span_of(c->owner),
                             .relay_token = span_of(c->relay_token),
                             .port = c->port,
                             .http_port = c->http_port,
                             .registered_at = c->registered_at,
                             .last_heartbeat = c->last_heartbeat};
}

static int change_run(struct db *db, struct request *request, struct err *e) {
    struct node_change *c = (struct node_change *)request;
    bool found = false;
    c->registered_at = c->last_heartbeat = clock_unix_s();
    if (node_table_find(db, span_of(c->uuid), merge_row, c, &found, e) != 0) {
        return -1;
    }
    if (!found && !c->registering) {
        return nodes_input_missing(span_of(c->uuid), e);
    }
    if (!found && make_room(db, c, e) != 0) {
        return -1;
    }
    struct node_row row = row_of(c);
    if (node_table_put(db, &row, e) != 0) {
        return -1;
    }
    char address[NODE_ADDRESS_TEXT];
    snprintf(address, sizeof address, "%s port %lld", c->ip_address, (long long)c->http_port);
    return request_audit(db, request, c->registering ? "node.register" : "node.update", span_of(c->uuid),
                         (struct span){0}, address, e);
}

static void change_settled(struct db *db, struct request *request, bool committed) {
    (void)db;
    struct node_change *c = (struct node_change *)request;
    if (!committed) {
        return;
    }
    if (c->evicted[0] != 0) {
        nodes_remove(request->sms->nodes, span_of(c->evicted));
    }
    struct node_row row = row_of(c);
    nodes_put(request->sms->nodes, &row);
}

static void change_answer(struct request *request) {
    struct node_change *c = (struct node_change *)request;
    struct json_out *out = json_out_new();
    json_node *root = json_out_object(out);
    log_info("node %s uuid=%s ip_address=%s port=%lld http_port=%lld", c->registering ? "registered" : "updated",
             c->uuid, c->ip_address, (long long)c->port, (long long)c->http_port);
    json_add_bool(out, root, "success", true);
    json_add_text(out, root, "node_uuid", c->uuid);
    json_add_text(out, root, "message", c->registering ? "the node is registered" : "the node is updated");
    if (c->registering) {
        json_add_i64(out, root, "tasks_revision", atomic_load(&request->sms->tasks_revision));
    }
    http_respond_json(request->x, 200, out);
}

static void change_done(struct request *request) {
    struct node_change *c = (struct node_change *)request;
    free(c->metadata);
    free(c->resource);
}

static void change_body(struct http_exchange *x, json_val *root, void *ctx, const char *uuid) {
    struct node_change *c = NEW(struct node_change);
    c->request = (struct request){
        .sms = ctx, .x = x, .run = change_run, .settled = change_settled, .answer = change_answer, .done = change_done};
    c->registering = uuid == NULL;
    snprintf(c->uuid, sizeof c->uuid, "%s", uuid != NULL ? uuid : "");
    struct err err = {0};
    if (read_change(root, c, &err) != 0) {
        answer_error(x, &err);
        change_done(&c->request);
        free(c);
        return;
    }
    snprintf(c->owner, sizeof c->owner, "%s", c->registering ? auth_caller(x)->id : "");
    if (!nodes_input_may_act(ctx, x, c->uuid, c->registering)) {
        change_done(&c->request);
        free(c);
        return;
    }
    request_write(&c->request);
}

static void register_body(struct http_exchange *x, json_val *root, void *ctx) {
    change_body(x, root, ctx, NULL);
}

static void update_body(struct http_exchange *x, json_val *root, void *ctx) {
    char uuid[UUID_TEXT + 1];
    if (nodes_input_path(x, uuid)) {
        change_body(x, root, ctx, uuid);
    }
}

void nodes_register_handle(struct http_exchange *x, void *ctx) {
    http_read_json(x, BODY_MAX, false, register_body, ctx);
}

void nodes_update_handle(struct http_exchange *x, void *ctx) {
    http_read_json(x, BODY_MAX, false, update_body, ctx);
}
