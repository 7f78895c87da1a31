// POST /api/v1/tasks/{task}/invoke and ANY /e/{endpoint}[/…]: the request goes to a live node and its answer comes back, both
// streamed.
#ifndef SPEAR_SMS_RELAY_H
#define SPEAR_SMS_RELAY_H

#include "sms/sms.h"

void relay_handle(struct http_exchange *x, void *ctx); // ctx: struct sms
// An HTTP trigger: the task is the one whose endpoint leads the path, and the node's answer is the task's own.
void trigger_handle(struct http_exchange *x, void *ctx);

#endif
