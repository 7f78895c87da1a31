// Every route of sms in one table (contract section 3), with the scopes that a token needs for it. Next step: the handler's own file.
#include "sms/routes.h"

#include "base/mem.h"
#include "sms/audit.h"
#include "sms/auth.h"
#include "sms/files_api.h"
#include "sms/health.h"
#include "sms/nodes_api.h"
#include "sms/placement.h"
#include "sms/relay.h"
#include "sms/tasks_api.h"
#include "sms/tokens_api.h"
#include "sms/upload.h"

// What reads files and tasks also serves who deploys them, and a node that is to run them.
enum { READS = SCOPE_READ | SCOPE_DEPLOY, FETCHES = READS | SCOPE_NODE };

static const struct http_route routes[] = {
    {"GET", "/health", health_handle, AUTH_OPEN},
    {"GET", "/metrics", metrics_handle, SCOPE_READ},
    {"POST", "/api/v1/files", upload_handle, SCOPE_DEPLOY},
    {"GET", "/api/v1/files", files_list_handle, READS},
    {"GET", "/api/v1/files/{id}", files_get_handle, FETCHES},
    {"GET", "/api/v1/files/{id}/meta", files_meta_handle, READS},
    {"DELETE", "/api/v1/files/{id}", files_delete_handle, SCOPE_DEPLOY},
    {"POST", "/api/v1/tasks", tasks_register_handle, SCOPE_DEPLOY},
    {"GET", "/api/v1/tasks", tasks_list_handle, READS},
    {"GET", "/api/v1/tasks/{task}", tasks_get_handle, FETCHES},
    {"DELETE", "/api/v1/tasks/{task}", tasks_delete_handle, SCOPE_DEPLOY},
    {"POST", "/api/v1/tasks/{task}/invoke", relay_handle, SCOPE_INVOKE},
    {"*", "/e/{endpoint...}", trigger_handle, AUTH_LATER}, // a task may be public
    {"POST", "/api/v1/nodes", nodes_register_handle, SCOPE_NODE},
    {"GET", "/api/v1/nodes", nodes_list_handle, SCOPE_READ},
    {"GET", "/api/v1/nodes/{uuid}", nodes_get_handle, SCOPE_READ | SCOPE_NODE},
    // A node's token may do these for the node that it registered.
    {"PUT", "/api/v1/nodes/{uuid}", nodes_update_handle, SCOPE_NODE},
    {"DELETE", "/api/v1/nodes/{uuid}", nodes_delete_handle, SCOPE_NODE},
    {"POST", "/api/v1/nodes/{uuid}/heartbeat", nodes_heartbeat_handle, SCOPE_NODE},
    {"PUT", "/api/v1/nodes/{uuid}/resource", nodes_put_resource_handle, SCOPE_NODE},
    {"GET", "/api/v1/nodes/{uuid}/resource", nodes_get_resource_handle, SCOPE_READ | SCOPE_NODE},
    {"POST", "/api/v1/placement/invocations/place", placement_handle, SCOPE_INVOKE},
    {"POST", "/api/v1/tokens", tokens_create_handle, SCOPE_ADMIN},
    {"GET", "/api/v1/tokens", tokens_list_handle, SCOPE_ADMIN},
    {"DELETE", "/api/v1/tokens/{token}", tokens_revoke_handle, SCOPE_ADMIN},
    {"POST", "/api/v1/tokens/verify", tokens_verify_handle, SCOPE_NODE},
    {"GET", "/api/v1/audit", audit_list_handle, SCOPE_ADMIN},
};

void routes_handle(struct http_exchange *x, void *ctx) {
    http_route_dispatch(x, routes, COUNT_OF(routes), auth_enter, ctx);
}
