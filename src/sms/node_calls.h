// What sms tells its nodes by itself, without anybody waiting for their answers, and what it asks them.
#ifndef SPEAR_SMS_NODE_CALLS_H
#define SPEAR_SMS_NODE_CALLS_H

#include "sms/nodes.h"
#include "sms/sms.h"

// DELETE /tasks/{id} on every online node, so that its instances stop at once. A node that misses it learns from the
// next heartbeat's tasks_revision. Call on the client's loop.
void node_calls_task_deleted(struct sms *s, struct http_client *client, const char *task_id);
// GET /tasks/{id} on every online node. Returns how many are asked; answered(ctx) comes once for each, later, with the body of its answer or why there is
// none. Call on the client's loop.
typedef void node_answered(void *ctx, const struct node_candidate *node, struct span body, const struct err *e);
size_t node_calls_ask_task(struct sms *s, struct http_client *client, struct span task_id, node_answered *answered,
                           void *ctx);

#endif
