// A task: a name for a module with its arguments, environment and limits. Shared by sms (registers it) and spearlet
// (runs it).
//
// Immutable once made; shared by reference count (atomic), so any thread may hold one.
#ifndef SPEAR_MODEL_TASK_H
#define SPEAR_MODEL_TASK_H

#include "base/json.h"
#include "model/task_limits.h"

struct task_pair {
    char *key, *value;
};
struct task_map {
    struct task_pair *pairs;
    size_t count;
};

enum { TASK_NAME_MAX = 255, TASK_LIST_MAX = 256, TASK_BODY_MAX = 1024 * 1024, TASK_ENDPOINT_SEGMENTS_MAX = 32 };

struct task {
    char *task_id; // "" in a registration not yet stored
    char *name, *description, *version, *endpoint, *node_uuid;
    char *priority;                        // low, normal, high, urgent
    char *status;                          // registered, active, inactive, …
    int64_t registered_at, last_heartbeat; // unix seconds
    char **capabilities;
    size_t capability_count;
    struct task_map metadata, config;
    struct task_limits limits; // from config
    struct {
        char *type, *uri, *name, *checksum_sha256; // checksum "" when none
        char **args;
        size_t arg_count;
        struct task_map env;
    } executable;
    unsigned references;
};

// Reads a registration (POST /api/v1/tasks) and checks everything that can be checked without the store: required
// fields, types, name (1…255 bytes, no control characters, no '/', not "." or ".."), priority (normal when absent),
// endpoint (at most TASK_ENDPOINT_SEGMENTS_MAX segments of [A-Za-z0-9._~-] between single slashes, or empty), executable.type (wasm; the known others
// ERR_NOT_SUPPORTED), uri, checksum form (kept in lower case), every config key. At most TASK_LIST_MAX entries a list or
// map, no NUL anywhere. Members that are unknown are ignored; task_id, status and the times are set by the store.
// executable.name, which is the guest's argv[0], is the task's name when absent or empty.
// ERR_UNPROCESSABLE naming the field, or ERR_INVALID_CONFIGURATION for config, uri.
int task_from_registration(json_val *body, struct task **ret, struct err *e);
// Reads the form that task_to_json writes (from the store, or by spearlet from sms), with the same checks; task_id is
// required here.
int task_from_json(json_val *object, struct task **ret, struct err *e);
// Adds all members to the object; `limits` are there as the config they came from.
void task_to_json(const struct task *t, struct json_out *out, json_node *object);
struct task *task_ref(struct task *t);
void task_unref(struct task *t); // NULL allowed

#endif
