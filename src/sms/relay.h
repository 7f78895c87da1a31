// POST /api/v1/tasks/{task}/invoke: the request goes to a live node and its answer comes back, both streamed.
#ifndef SPEAR_SMS_RELAY_H
#define SPEAR_SMS_RELAY_H

#include "sms/sms.h"

void relay_handle(struct http_exchange *x, void *ctx); // ctx: struct sms

#endif
