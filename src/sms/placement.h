// POST /api/v1/placement/invocations/place: which nodes an invocation of a task may go to, best first.
#ifndef SPEAR_SMS_PLACEMENT_H
#define SPEAR_SMS_PLACEMENT_H

#include "sms/sms.h"

void placement_handle(struct http_exchange *x, void *ctx); // ctx: struct sms

#endif
