// The table of tasks: one row a registration; the newest of a name answers to that name, the others to their id.
//
// A row holds the task's JSON as it is given out, and beside it what is searched or needed without reading the JSON.
// Synchronous; called from store jobs, on the lane's thread.
#ifndef SPEAR_SMS_TASK_TABLE_H
#define SPEAR_SMS_TASK_TABLE_H

#include "base/id.h"
#include "sms/db.h"

struct task_row {
    struct span task_id, name, status, priority, node_uuid;
    struct span file_id; // of the file of this sms that executable.uri names, "" when it names none here
    struct span json;
    struct span endpoint;           // "" when it has none
    int64_t time_ms, payload_bytes; // of its limits
    int64_t registered_at;
    bool is_public; // http.public: its endpoint needs no token
};

struct task_filter {
    struct span status, priority, node_uuid; // empty: any
    struct span q;                           // part of name or id, ASCII case ignored
    int64_t limit, offset;
};

int task_table_insert(struct db *db, const struct task_row *row, struct err *e);
// By id, else the newest registration of that name. Calls each(ctx, row) at most once; the row lives during the call.
int task_table_find(struct db *db, struct span id_or_name, void (*each)(void *ctx, const struct task_row *row),
                    void *ctx, bool *ret_found, struct err *e);
// By the longest leading part of `path` ("shop/orders/7"; cut between segments) that is a task's endpoint; of several, the
// newest registration. Otherwise as task_table_find.
int task_table_find_endpoint(struct db *db, struct span path, void (*each)(void *ctx, const struct task_row *row),
                             void *ctx, bool *ret_found, struct err *e);
int task_table_delete(struct db *db, struct span task_id, struct err *e);
// Ordered by registered_at, then by order of arrival. `each` returns false to stop early.
int task_table_list(struct db *db, const struct task_filter *filter,
                    bool (*each)(void *ctx, const struct task_row *row), void *ctx, int64_t *ret_total, struct err *e);
// The tasks whose executable names that file, at most `limit`.
int task_table_users_of_file(struct db *db, struct span file_id, int64_t limit,
                             void (*each)(void *ctx, struct span task_id, struct span name), void *ctx, struct err *e);
int task_table_count(struct db *db, int64_t *ret_count, struct err *e);
// The number that grows with every registration and deletion.
int task_table_revision(struct db *db, int64_t *ret_revision, struct err *e);
int task_table_bump_revision(struct db *db, int64_t *ret_revision, struct err *e);

#endif
