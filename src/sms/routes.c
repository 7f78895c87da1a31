// Every route of sms in one table (contract section 3). Next step: the handler's own file.
#include "sms/routes.h"

#include "base/mem.h"
#include "net/http_router.h"
#include "sms/files_api.h"
#include "sms/health.h"
#include "sms/nodes_api.h"
#include "sms/placement.h"
#include "sms/relay.h"
#include "sms/tasks_api.h"
#include "sms/upload.h"

static const struct http_route routes[] = {
    {"GET", "/health", health_handle},
    {"GET", "/metrics", metrics_handle},
    {"POST", "/api/v1/files", upload_handle},
    {"GET", "/api/v1/files", files_list_handle},
    {"GET", "/api/v1/files/{id}", files_get_handle},
    {"GET", "/api/v1/files/{id}/meta", files_meta_handle},
    {"DELETE", "/api/v1/files/{id}", files_delete_handle},
    {"POST", "/api/v1/tasks", tasks_register_handle},
    {"GET", "/api/v1/tasks", tasks_list_handle},
    {"GET", "/api/v1/tasks/{task}", tasks_get_handle},
    {"DELETE", "/api/v1/tasks/{task}", tasks_delete_handle},
    {"POST", "/api/v1/tasks/{task}/invoke", relay_handle},
    {"*", "/e/{endpoint...}", trigger_handle},
    {"POST", "/api/v1/nodes", nodes_register_handle},
    {"GET", "/api/v1/nodes", nodes_list_handle},
    {"GET", "/api/v1/nodes/{uuid}", nodes_get_handle},
    {"PUT", "/api/v1/nodes/{uuid}", nodes_update_handle},
    {"DELETE", "/api/v1/nodes/{uuid}", nodes_delete_handle},
    {"POST", "/api/v1/nodes/{uuid}/heartbeat", nodes_heartbeat_handle},
    {"PUT", "/api/v1/nodes/{uuid}/resource", nodes_put_resource_handle},
    {"GET", "/api/v1/nodes/{uuid}/resource", nodes_get_resource_handle},
    {"POST", "/api/v1/placement/invocations/place", placement_handle},
};

void routes_handle(struct http_exchange *x, void *ctx) {
    http_route_dispatch(x, routes, COUNT_OF(routes), ctx);
}
