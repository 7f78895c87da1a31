// Every route of sms.
#ifndef SPEAR_SMS_ROUTES_H
#define SPEAR_SMS_ROUTES_H

#include "sms/sms.h"

void routes_handle(struct http_exchange *x, void *ctx); // ctx: struct sms

#endif
