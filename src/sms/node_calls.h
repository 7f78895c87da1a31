// What sms tells its nodes by itself; nobody waits for their answers.
#ifndef SPEAR_SMS_NODE_CALLS_H
#define SPEAR_SMS_NODE_CALLS_H

#include "sms/sms.h"

// DELETE /tasks/{id} on every online node, so that its instances stop at once. A node that misses it learns from the
// next heartbeat's tasks_revision. Call on the client's loop.
void node_calls_task_deleted(struct sms *s, struct http_client *client, const char *task_id);

#endif
