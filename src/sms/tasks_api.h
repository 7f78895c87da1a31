// The routes of tasks but invoke (relay.h). ctx of each handler: struct sms.
#ifndef SPEAR_SMS_TASKS_API_H
#define SPEAR_SMS_TASKS_API_H

#include "sms/sms.h"

void tasks_register_handle(struct http_exchange *x, void *ctx); // POST /api/v1/tasks
void tasks_list_handle(struct http_exchange *x, void *ctx);     // GET /api/v1/tasks
void tasks_get_handle(struct http_exchange *x, void *ctx);      // GET /api/v1/tasks/{task}: id or name
void tasks_delete_handle(struct http_exchange *x, void *ctx);   // DELETE /api/v1/tasks/{task}

#endif
