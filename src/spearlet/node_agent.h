// The node at sms: registers, sends heartbeats, registers again when sms has forgotten it. Lives on loop 0.
//
// While sms is away it keeps trying, with growing pauses; what the node serves meanwhile is not its business. The node's
// uuid is kept in data_dir/node.json, so that it stays the same node after a restart.
#ifndef SPEAR_SPEARLET_NODE_AGENT_H
#define SPEAR_SPEARLET_NODE_AGENT_H

#include "base/id.h"
#include "spearlet/sms_client.h"

struct node_agent;

struct node_load {
    uint64_t running, queued;
};

struct node_agent_config {
    struct loop *loop; // loop 0
    struct sms_client *sms;
    const char *node_name, *data_dir, *sms_http_addr;
    const char *http_scheme;    // how this node is spoken to: "http" or "https"
    const char *advertise_addr; // NULL: found out
    const char *relay_token;    // what sms is to show with what it relays; "": nothing
    uint64_t heartbeat_interval_ms;
    struct node_load (*load)(void *ctx);
    // sms has other tasks than at the last heartbeat, or may have.
    void (*tasks_changed)(void *ctx);
    void *ctx;
};
// Reads node.json. One that cannot be read is ERR_IO, one that makes no sense is replaced.
int node_agent_new(const struct node_agent_config *config, struct node_agent **ret, struct err *e);
// Begins to register the node, which serves at http_address (kept by reference).
void node_agent_start(struct node_agent *a, const char *http_address);
// The node ends: tells sms, so that no invocation is sent here any more, and calls done when sms has heard it or cannot be
// reached. Once, on loop 0, before node_agent_stop.
void node_agent_leave(struct node_agent *a, void (*done)(void *ctx), void *ctx);
// No timer fires after this; requests under way end with the sms client. On loop 0.
void node_agent_stop(struct node_agent *a);
void node_agent_free(struct node_agent *a); // after stop and after the sms client is gone; NULL allowed

struct node_agent_view {
    char uuid[UUID_TEXT + 1]; // "" before the first registration
    bool is_registered;
    char last_error[256]; // "" when the last request went well
};
void node_agent_view(struct node_agent *a, struct node_agent_view *ret); // from any thread

#endif
