// The table of nodes: what nodes.c keeps in memory, as it survives a restart.
//
// Synchronous; called from store jobs, on the lane's thread.
#ifndef SPEAR_SMS_NODE_TABLE_H
#define SPEAR_SMS_NODE_TABLE_H

#include "sms/db.h"

struct node_row {
    struct span uuid, ip_address;
    struct span metadata, resource; // JSON objects as text
    struct span owner;              // id of the token that registered it, or ""
    struct span relay_token;        // what we show it, or ""
    int64_t port, http_port;
    int64_t registered_at, last_heartbeat; // unix seconds
};

// Inserts, or replaces the row of that uuid.
int node_table_put(struct db *db, const struct node_row *row, struct err *e);
// Calls each(ctx, row) at most once; the row lives during the call.
int node_table_find(struct db *db, struct span uuid, void (*each)(void *ctx, const struct node_row *row), void *ctx,
                    bool *ret_found, struct err *e);
// The one that was silent for longest, if its last heartbeat lies before the given moment.
int node_table_find_silent(struct db *db, int64_t before, void (*each)(void *ctx, const struct node_row *row),
                           void *ctx, bool *ret_found, struct err *e);
int node_table_count(struct db *db, int64_t *ret_count, struct err *e);
int node_table_delete(struct db *db, struct span uuid, bool *ret_found, struct err *e);
// Nothing happens when the node is gone.
int node_table_set_heartbeat(struct db *db, struct span uuid, int64_t last_heartbeat, struct err *e);
int node_table_set_resource(struct db *db, struct span uuid, struct span resource, bool *ret_found, struct err *e);
// In order of registration; a row lives during the call.
int node_table_each(struct db *db, void (*each)(void *ctx, const struct node_row *row), void *ctx, struct err *e);

#endif
