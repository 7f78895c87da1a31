// What the parts of sms share: one struct, made by main.c, passed to every handler as its ctx.
//
// Immutable once it serves, but for the counters and what guards itself (store, nodes).
#ifndef SPEAR_SMS_SMS_H
#define SPEAR_SMS_SMS_H

#include "base/activation.h"
#include "base/log_limit.h"
#include "base/loop_group.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "net/tls_reload.h"
#include "sms/config.h"
#include "sms/nodes.h"
#include "sms/store.h"
#include "sms/tokens.h"

#include <stdatomic.h>

enum { SMS_LOOPS_MAX = 64 };

struct sms {
    struct sms_config config;
    struct activation activation;
    struct loop_group *loops;
    struct http_server *server;
    struct http_client *clients[SMS_LOOPS_MAX]; // one a loop, used on that loop only
    struct tls_credentials *tls, *node_tls;     // ours as a server; ours as a client of nodes. NULL: plain HTTP
    struct tls_reload *tls_reload;
    struct store *store;
    struct nodes *nodes;
    struct tokens *tokens;
    struct log_limit auth_log;
    _Atomic int64_t tasks_revision; // of the database, as last committed
    // what /metrics counts
    _Atomic uint64_t uploads_placed; // hold one of uploads_max places
    _Atomic uint64_t uploads_running, uploads_total, uploads_failed_total, upload_bytes_total;
    _Atomic uint64_t auth_unauthorized_total, auth_forbidden_total;
    _Atomic uint64_t relays_running, relays_total, relays_failed_total;
};

// How nodes are spoken to: "http", or "https" with --node-tls-ca.
static inline const char *sms_node_scheme(const struct sms *s) {
    return s->node_tls != NULL ? "https" : "http";
}

// The client of the loop that the exchange lives on.
struct http_client *sms_client(struct sms *s, struct http_exchange *x);

#endif
