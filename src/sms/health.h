// GET /health and GET /metrics. ctx of each handler: struct sms.
#ifndef SPEAR_SMS_HEALTH_H
#define SPEAR_SMS_HEALTH_H

#include "sms/sms.h"

void health_handle(struct http_exchange *x, void *ctx);
void metrics_handle(struct http_exchange *x, void *ctx); // Prometheus text format 0.0.4

#endif
