// The table of nodes; see node_table.h. Next step: nodes.c, the living list.
#include "sms/node_table.h"

int node_table_put(struct db *db, const struct node_row *row, struct err *e) {
    return db_run(db,
                  "INSERT OR REPLACE INTO nodes(uuid, ip_address, port, http_port, metadata, resource, registered_at,"
                  " last_heartbeat, owner, relay_token) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                  DB_VALUES(DB_TEXT(row->uuid), DB_TEXT(row->ip_address), DB_I64(row->port), DB_I64(row->http_port),
                            DB_TEXT(row->metadata), DB_TEXT(row->resource), DB_I64(row->registered_at),
                            DB_I64(row->last_heartbeat), DB_TEXT(row->owner), DB_TEXT(row->relay_token)),
                  e);
}

#define NODE_COLUMNS                                                                                                   \
    "uuid, ip_address, port, http_port, metadata, resource, registered_at, last_heartbeat, owner, relay_token"

static struct node_row node_read_row(struct db_query *q) {
    return (struct node_row){.uuid = db_text(q, 0),
                             .ip_address = db_text(q, 1),
                             .port = db_i64(q, 2),
                             .http_port = db_i64(q, 3),
                             .metadata = db_text(q, 4),
                             .resource = db_text(q, 5),
                             .registered_at = db_i64(q, 6),
                             .last_heartbeat = db_i64(q, 7),
                             .owner = db_text(q, 8),
                             .relay_token = db_text(q, 9)};
}

static int node_read_one(struct db_query *q, void (*each)(void *ctx, const struct node_row *row), void *ctx,
                         bool *ret_found, struct err *e) {
    int result = q != NULL ? db_step(q, e) : -1;
    if (result < 0) {
        return -1;
    }
    if (result == 1) {
        struct node_row row = node_read_row(q);
        each(ctx, &row);
        db_end(q);
    }
    *ret_found = result == 1;
    return 0;
}

int node_table_find(struct db *db, struct span uuid, void (*each)(void *ctx, const struct node_row *row), void *ctx,
                    bool *ret_found, struct err *e) {
    struct db_query *q =
        db_start(db, "SELECT " NODE_COLUMNS " FROM nodes WHERE uuid = ?1", DB_VALUES(DB_TEXT(uuid)), e);
    return node_read_one(q, each, ctx, ret_found, e);
}

int node_table_find_silent(struct db *db, int64_t before, void (*each)(void *ctx, const struct node_row *row),
                           void *ctx, bool *ret_found, struct err *e) {
    struct db_query *q =
        db_start(db, "SELECT " NODE_COLUMNS " FROM nodes WHERE last_heartbeat < ?1 ORDER BY last_heartbeat LIMIT 1",
                 DB_VALUES(DB_I64(before)), e);
    return node_read_one(q, each, ctx, ret_found, e);
}

int node_table_count(struct db *db, int64_t *ret_count, struct err *e) {
    return db_one_i64(db, "SELECT count(*) FROM nodes", NULL, 0, ret_count, e);
}

int node_table_delete(struct db *db, struct span uuid, bool *ret_found, struct err *e) {
    if (db_run(db, "DELETE FROM nodes WHERE uuid = ?1", DB_VALUES(DB_TEXT(uuid)), e) != 0) {
        return -1;
    }
    *ret_found = db_changes(db) > 0;
    return 0;
}

int node_table_set_heartbeat(struct db *db, struct span uuid, int64_t last_heartbeat, struct err *e) {
    return db_run(db, "UPDATE nodes SET last_heartbeat = ?2 WHERE uuid = ?1",
                  DB_VALUES(DB_TEXT(uuid), DB_I64(last_heartbeat)), e);
}

int node_table_set_resource(struct db *db, struct span uuid, struct span resource, bool *ret_found, struct err *e) {
    if (db_run(db, "UPDATE nodes SET resource = ?2 WHERE uuid = ?1", DB_VALUES(DB_TEXT(uuid), DB_TEXT(resource)), e) !=
        0) {
        return -1;
    }
    *ret_found = db_changes(db) > 0;
    return 0;
}

int node_table_each(struct db *db, void (*each)(void *ctx, const struct node_row *row), void *ctx, struct err *e) {
    struct db_query *q = db_start(db, "SELECT " NODE_COLUMNS " FROM nodes ORDER BY registered_at, uuid", NULL, 0, e);
    if (q == NULL) {
        return -1;
    }
    int result;
    while ((result = db_step(q, e)) == 1) {
        struct node_row row = node_read_row(q);
        each(ctx, &row);
    }
    return result;
}
