// The living list of nodes: who is online, how busy, and where the next invocation should go.
//
// In memory under one mutex that is never held across I/O; node_table.c is its durable copy, changed first. Any thread.
#ifndef SPEAR_SMS_NODES_H
#define SPEAR_SMS_NODES_H

#include "base/id.h"
#include "base/json.h"
#include "model/token.h"
#include "sms/node_table.h"

enum { NODES_MAX = 1024, NODE_ADDRESS_TEXT = 72, NODE_CANDIDATES_MAX = 16 };

struct nodes;

struct node_candidate {
    char uuid[UUID_TEXT + 1];
    char ip_address[48];
    uint16_t port, http_port;
    char http_address[NODE_ADDRESS_TEXT];    // "10.0.0.1:8081", "[::1]:8081"
    char relay_token[TOKEN_SECRET_TEXT + 1]; // what we show it, or ""
    double score;                            // (0, 1]; 1 is an idle node
};

struct nodes *nodes_new(uint64_t heartbeat_timeout_ms);
void nodes_free(struct nodes *n); // NULL allowed

// Adds or replaces; it counts as heard from at the row's last_heartbeat, unless we heard from it later.
void nodes_put(struct nodes *n, const struct node_row *row);
bool nodes_remove(struct nodes *n, struct span uuid);
// False when it is unknown; else the id of the token that registered it, or "".
bool nodes_owner(struct nodes *n, struct span uuid, char ret_token_id[TOKEN_ID_TEXT + 1]);
// False when it is unknown. `load` is the number of its running and queued invocations, or -1 when it did not say.
bool nodes_heartbeat(struct nodes *n, struct span uuid, int64_t load, int64_t *ret_unix_s);
void nodes_set_resource(struct nodes *n, struct span uuid, struct span resource);

// {"uuid",…} as the contract says; false when it is unknown.
bool nodes_describe(struct nodes *n, struct span uuid, struct json_out *out, json_node *object);
size_t nodes_describe_all(struct nodes *n, struct json_out *out, json_node *array);
// Its resource object into `ret` ("" when it never gave one); false when it is unknown.
bool nodes_resource(struct nodes *n, struct span uuid, struct buf *ret);
size_t nodes_count_online(struct nodes *n);

// Placement: online nodes, those with the fewest running relays first, then by the load they report, then in turn. One that just
// refused a connection comes last. At most max (≤ NODE_CANDIDATES_MAX); the number found.
size_t nodes_pick(struct nodes *n, size_t max, struct node_candidate ret[]);
// The addresses of all online nodes, at most max.
size_t nodes_online(struct nodes *n, size_t max, struct node_candidate ret[]);
// A relay to it began or ended.
void nodes_relay_began(struct nodes *n, const char *uuid);
void nodes_relay_ended(struct nodes *n, const char *uuid);
void nodes_refused(struct nodes *n, const char *uuid);

#endif
