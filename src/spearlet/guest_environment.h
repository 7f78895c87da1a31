// The environment a guest gets: "KEY=value" texts, where a later one replaces an earlier one of the same key.
#ifndef SPEAR_SPEARLET_GUEST_ENVIRONMENT_H
#define SPEAR_SPEARLET_GUEST_ENVIRONMENT_H

#include "base/arena.h"
#include "base/json.h"
#include "model/task.h"
#include "net/http_server.h"
#include "spearlet/function_call.h"

enum { GUEST_ENVIRONMENT_MAX = 1024 };

struct guest_environment {
    struct arena *arena; // holds everything; not owned
    const char **entries;
    size_t count;
    bool with_authorization; // http.authorization of the task
};

void guest_environment_init(struct guest_environment *env, struct arena *arena);
// ERR_UNPROCESSABLE for a key that is empty or has '=', or a NUL in key or value; ERR_INVALID_REQUEST when there are more
// than GUEST_ENVIRONMENT_MAX or the arena is full.
int guest_environment_set(struct guest_environment *env, struct span key, struct span value, struct err *e);
// Its executable.env.
int guest_environment_add_task(struct guest_environment *env, const struct task *task, struct err *e);
// Members of a JSON object whose values are strings; `field` names it in errors.
int guest_environment_add_object(struct guest_environment *env, json_val *object, const char *field, struct err *e);
// Header fields as HTTP_<NAME> from a JSON object, by the rules below.
int guest_environment_add_headers(struct guest_environment *env, json_val *object, struct err *e);
// A raw request: REQUEST_METHOD, CONTENT_TYPE, CONTENT_LENGTH, QUERY_STRING and HTTP_<NAME> for its header fields (RFC 3875
// §4.1). Left out: credentials (Proxy-Authorization; Authorization
// unless the task has http.authorization=true, and never with a token of ours in it), what sms shows us, Proxy (it would become HTTP_PROXY), fields about the
// connection, and names with '_', which would hide those with '-'. Fields of one name are joined with ", " (Cookie: "; ").
int guest_environment_add_request(struct guest_environment *env, const struct http_exchange *x, size_t payload_bytes,
                                  struct err *e);
// Adds SPEAR_TASK_ID, SPEAR_EXECUTION_ID and SPEAR_INVOCATION_ID, and makes it the call's environment.
int guest_environment_give(struct guest_environment *env, struct function_call *call, struct err *e);

#endif
