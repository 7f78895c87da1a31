// The living list of nodes; see nodes.h. The routes that change it are nodes_api.c's.
#include "sms/nodes.h"

#include "base/clock.h"
#include "base/mem.h"

#include <pthread.h>
#include <stdio.h>

enum { AVOID_US = 2 * 1000 * 1000 };

struct node {
    char uuid[UUID_TEXT + 1];
    char ip_address[48];
    uint16_t port, http_port;
    char *metadata, *resource; // JSON objects as text
    char owner[TOKEN_ID_TEXT + 1];
    char relay_token[TOKEN_SECRET_TEXT + 1];
    int64_t registered_at, last_heartbeat;
    int64_t heard_us;        // monotonic; of the last heartbeat; below zero when that was before the machine started
    uint64_t avoid_until_us; // monotonic
    int64_t relays, load;
};

struct nodes {
    pthread_mutex_t lock; // guards what follows
    uint64_t heartbeat_timeout_us;
    struct node *list; // in order of registration
    size_t count;
    size_t turn; // where the next pick begins
};

struct nodes *nodes_new(uint64_t heartbeat_timeout_ms) {
    struct nodes *n = NEW(struct nodes);
    pthread_mutex_init(&n->lock, NULL);
    n->heartbeat_timeout_us = heartbeat_timeout_ms * 1000;
    n->list = mem_calloc(NODES_MAX, sizeof *n->list);
    return n;
}

static void node_done(struct node *node) {
    free(node->metadata);
    free(node->resource);
}

void nodes_free(struct nodes *n) {
    if (n == NULL) {
        return;
    }
    for (size_t i = 0; i < n->count; i++) {
        node_done(&n->list[i]);
    }
    pthread_mutex_destroy(&n->lock);
    free(n->list);
    free(n);
}

static struct node *node_find(struct nodes *n, struct span uuid) {
    for (size_t i = 0; i < n->count; i++) {
        if (span_equal_nocase(uuid, n->list[i].uuid)) {
            return &n->list[i];
        }
    }
    return NULL;
}

static bool node_is_online(const struct nodes *n, const struct node *node, uint64_t now_us) {
    return (int64_t)now_us - node->heard_us <= (int64_t)n->heartbeat_timeout_us;
}

// The moment of a heartbeat by the wall clock, on the monotonic one.
static int64_t monotonic_of(int64_t unix_s) {
    int64_t ago_s = clock_unix_s() - unix_s;
    return (int64_t)clock_monotonic_us() - (ago_s > 0 ? ago_s : 0) * 1000000;
}

static void node_fill(struct node *node, const struct node_row *row) {
    node_done(node);
    snprintf(node->uuid, sizeof node->uuid, "%.*s", SPAN_ARGS(row->uuid));
    snprintf(node->ip_address, sizeof node->ip_address, "%.*s", SPAN_ARGS(row->ip_address));
    node->port = (uint16_t)row->port;
    node->http_port = (uint16_t)row->http_port;
    node->metadata = span_dup(row->metadata);
    node->resource = span_dup(row->resource);
    snprintf(node->owner, sizeof node->owner, "%.*s", SPAN_ARGS(row->owner));
    snprintf(node->relay_token, sizeof node->relay_token, "%.*s", SPAN_ARGS(row->relay_token));
    node->registered_at = row->registered_at;
    node->avoid_until_us = 0;
    // The database may lag behind what we heard.
    if (row->last_heartbeat > node->last_heartbeat) {
        node->last_heartbeat = row->last_heartbeat;
        node->heard_us = monotonic_of(row->last_heartbeat);
    }
}

void nodes_put(struct nodes *n, const struct node_row *row) {
    pthread_mutex_lock(&n->lock);
    struct node *node = node_find(n, row->uuid);
    if (node == NULL && n->count < NODES_MAX) {
        node = &n->list[n->count++];
        memset(node, 0, sizeof *node);
    }
    if (node != NULL) {
        node_fill(node, row);
    }
    pthread_mutex_unlock(&n->lock);
}

bool nodes_remove(struct nodes *n, struct span uuid) {
    pthread_mutex_lock(&n->lock);
    struct node *node = node_find(n, uuid);
    if (node != NULL) {
        node_done(node);
        size_t index = (size_t)(node - n->list);
        memmove(node, node + 1, (n->count - index - 1) * sizeof *node);
        n->count--;
    }
    pthread_mutex_unlock(&n->lock);
    return node != NULL;
}

bool nodes_owner(struct nodes *n, struct span uuid, char ret_token_id[TOKEN_ID_TEXT + 1]) {
    pthread_mutex_lock(&n->lock);
    const struct node *node = node_find(n, uuid);
    if (node != NULL) {
        memcpy(ret_token_id, node->owner, sizeof node->owner);
    }
    pthread_mutex_unlock(&n->lock);
    return node != NULL;
}

bool nodes_heartbeat(struct nodes *n, struct span uuid, int64_t load, int64_t *ret_unix_s) {
    pthread_mutex_lock(&n->lock);
    struct node *node = node_find(n, uuid);
    if (node != NULL) {
        node->last_heartbeat = *ret_unix_s = clock_unix_s();
        node->heard_us = (int64_t)clock_monotonic_us();
        node->avoid_until_us = 0;
        node->load = load >= 0 ? load : node->load;
    }
    pthread_mutex_unlock(&n->lock);
    return node != NULL;
}

void nodes_set_resource(struct nodes *n, struct span uuid, struct span resource) {
    pthread_mutex_lock(&n->lock);
    struct node *node = node_find(n, uuid);
    if (node != NULL) {
        free(node->resource);
        node->resource = span_dup(resource);
    }
    pthread_mutex_unlock(&n->lock);
}

static void describe(const struct nodes *n, const struct node *node, struct json_out *out, json_node *object) {
    struct json_doc *metadata = NULL;
    json_add_text(out, object, "uuid", node->uuid);
    json_add_text(out, object, "ip_address", node->ip_address);
    json_add_i64(out, object, "port", node->port);
    json_add_i64(out, object, "http_port", node->http_port);
    json_add_text(out, object, "status", node_is_online(n, node, clock_monotonic_us()) ? "online" : "offline");
    json_add_i64(out, object, "last_heartbeat", node->last_heartbeat);
    json_add_i64(out, object, "registered_at", node->registered_at);
    if (json_parse(span_of(node->metadata), &metadata, NULL) == 0) {
        json_add_value(out, object, "metadata", json_root(metadata));
        json_free(metadata);
    }
}

bool nodes_describe(struct nodes *n, struct span uuid, struct json_out *out, json_node *object) {
    pthread_mutex_lock(&n->lock);
    const struct node *node = node_find(n, uuid);
    if (node != NULL) {
        describe(n, node, out, object);
    }
    pthread_mutex_unlock(&n->lock);
    return node != NULL;
}

size_t nodes_describe_all(struct nodes *n, struct json_out *out, json_node *array) {
    pthread_mutex_lock(&n->lock);
    size_t count = n->count;
    for (size_t i = 0; i < count; i++) {
        describe(n, &n->list[i], out, json_push_object(out, array));
    }
    pthread_mutex_unlock(&n->lock);
    return count;
}

bool nodes_resource(struct nodes *n, struct span uuid, struct buf *ret) {
    pthread_mutex_lock(&n->lock);
    const struct node *node = node_find(n, uuid);
    if (node != NULL) {
        buf_append_text(ret, node->resource);
    }
    pthread_mutex_unlock(&n->lock);
    return node != NULL;
}

size_t nodes_count_online(struct nodes *n) {
    size_t online = 0;
    uint64_t now_us = clock_monotonic_us();
    pthread_mutex_lock(&n->lock);
    for (size_t i = 0; i < n->count; i++) {
        online += node_is_online(n, &n->list[i], now_us);
    }
    pthread_mutex_unlock(&n->lock);
    return online;
}

// ---- placement
struct picked {
    const struct node *nodes[NODE_CANDIDATES_MAX]; // best first
    size_t count, max;
    uint64_t now_us;
};

static bool is_better(const struct picked *p, const struct node *a, const struct node *b) {
    bool a_avoided = a->avoid_until_us > p->now_us, b_avoided = b->avoid_until_us > p->now_us;
    if (a_avoided != b_avoided) {
        return b_avoided;
    }
    return a->relays != b->relays ? a->relays < b->relays : a->load < b->load;
}

// Two registrations of one address are one program: counted once.
static bool is_picked_address(const struct picked *p, const struct node *node) {
    for (size_t i = 0; i < p->count; i++) {
        if (p->nodes[i]->http_port == node->http_port && strcmp(p->nodes[i]->ip_address, node->ip_address) == 0) {
            return true;
        }
    }
    return false;
}

// Keeps the list sorted; of equals the one that came first stays first.
static void pick(struct picked *p, const struct node *node) {
    if (is_picked_address(p, node)) {
        return;
    }
    size_t at = p->count;
    while (at > 0 && is_better(p, node, p->nodes[at - 1])) {
        at--;
    }
    if (at == p->max) {
        return;
    }
    size_t kept = p->count < p->max ? p->count : p->max - 1;
    memmove(&p->nodes[at + 1], &p->nodes[at], (kept - at) * sizeof p->nodes[0]);
    p->nodes[at] = node;
    p->count = kept + 1;
}

static void candidate_fill(const struct node *node, struct node_candidate *ret) {
    bool v6 = strchr(node->ip_address, ':') != NULL;
    memcpy(ret->uuid, node->uuid, sizeof ret->uuid);
    memcpy(ret->ip_address, node->ip_address, sizeof ret->ip_address);
    ret->port = node->port;
    ret->http_port = node->http_port;
    memcpy(ret->relay_token, node->relay_token, sizeof ret->relay_token);
    ret->score = 1.0 / (1.0 + (double)node->relays + (double)node->load);
    snprintf(ret->http_address, sizeof ret->http_address, v6 ? "[%s]:%u" : "%s:%u", node->ip_address,
             (unsigned)node->http_port);
}

size_t nodes_pick(struct nodes *n, size_t max, struct node_candidate ret[]) {
    struct picked p = {.max = max > NODE_CANDIDATES_MAX ? NODE_CANDIDATES_MAX : max, .now_us = clock_monotonic_us()};
    if (p.max == 0) {
        return 0;
    }
    pthread_mutex_lock(&n->lock);
    for (size_t i = 0; i < n->count; i++) {
        const struct node *node = &n->list[(n->turn + i) % n->count];
        if (node_is_online(n, node, p.now_us)) {
            pick(&p, node);
        }
    }
    n->turn = n->count != 0 ? (n->turn + 1) % n->count : 0;
    for (size_t i = 0; i < p.count; i++) {
        candidate_fill(p.nodes[i], &ret[i]);
    }
    pthread_mutex_unlock(&n->lock);
    return p.count;
}

size_t nodes_online(struct nodes *n, size_t max, struct node_candidate ret[]) {
    size_t found = 0;
    uint64_t now_us = clock_monotonic_us();
    pthread_mutex_lock(&n->lock);
    for (size_t i = 0; i < n->count && found < max; i++) {
        if (node_is_online(n, &n->list[i], now_us)) {
            candidate_fill(&n->list[i], &ret[found++]);
        }
    }
    pthread_mutex_unlock(&n->lock);
    return found;
}

static void count_relay(struct nodes *n, const char *uuid, int64_t change) {
    pthread_mutex_lock(&n->lock);
    struct node *node = node_find(n, span_of(uuid));
    if (node != NULL && node->relays + change >= 0) {
        node->relays += change;
    }
    pthread_mutex_unlock(&n->lock);
}

void nodes_relay_began(struct nodes *n, const char *uuid) {
    count_relay(n, uuid, 1);
}

void nodes_relay_ended(struct nodes *n, const char *uuid) {
    count_relay(n, uuid, -1);
}

void nodes_refused(struct nodes *n, const char *uuid) {
    pthread_mutex_lock(&n->lock);
    struct node *node = node_find(n, span_of(uuid));
    if (node != NULL) {
        node->avoid_until_us = clock_monotonic_us() + AVOID_US;
    }
    pthread_mutex_unlock(&n->lock);
}
