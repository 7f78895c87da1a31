// The routes of nodes. ctx of each handler: struct sms.
#ifndef SPEAR_SMS_NODES_API_H
#define SPEAR_SMS_NODES_API_H

#include "sms/sms.h"

void nodes_register_handle(struct http_exchange *x, void *ctx);     // POST /api/v1/nodes
void nodes_list_handle(struct http_exchange *x, void *ctx);         // GET /api/v1/nodes
void nodes_get_handle(struct http_exchange *x, void *ctx);          // GET /api/v1/nodes/{uuid}
void nodes_update_handle(struct http_exchange *x, void *ctx);       // PUT /api/v1/nodes/{uuid}
void nodes_delete_handle(struct http_exchange *x, void *ctx);       // DELETE /api/v1/nodes/{uuid}
void nodes_heartbeat_handle(struct http_exchange *x, void *ctx);    // POST /api/v1/nodes/{uuid}/heartbeat
void nodes_put_resource_handle(struct http_exchange *x, void *ctx); // PUT /api/v1/nodes/{uuid}/resource
void nodes_get_resource_handle(struct http_exchange *x, void *ctx); // GET /api/v1/nodes/{uuid}/resource

// At start: the nodes of the database into s->nodes.
int nodes_load(struct sms *s, struct err *e);

#endif
