// From a module file to a registered task: the body of the registration is put together here.
//
// What a key of --config may hold is model/task_limits.c's business, which sms asks too.
#include "cli/deployment.h"

#include "base/mem.h"
#include "model/task_limits.h"

#include <stdio.h>

enum { REGISTRATION_MAX = 1024 * 1024 };

static int split_pair(const char *flag, const char *text, struct span *ret_key, struct span *ret_value, struct err *e) {
    struct span all = span_of(text);
    size_t equals = span_find(all, '=');
    if (equals == 0 || equals == all.n)
        return err_set(e, ERR_INVALID_CONFIGURATION, "--%s %s: KEY=VALUE is wanted", flag, text);
    *ret_key = span_slice(all, 0, equals);
    *ret_value = span_slice(all, equals + 1, all.n);
    return 0;
}

int deployment_check_flags(const struct args *flags, struct err *e) {
    struct task_limits limits;
    struct span key = {0}, value = {0};
    size_t cursor = 0;
    const char *text;
    task_limits_default(&limits);
    while ((text = args_each(flags, "env", &cursor)))
        if (split_pair("env", text, &key, &value, e) != 0)
            return -1;
    cursor = 0;
    while ((text = args_each(flags, "config", &cursor)))
        if (split_pair("config", text, &key, &value, e) != 0 || task_limits_set(&limits, key, value, e) != 0)
            return -1;
    return 0;
}

// Later values of a key win: a JSON object must not name one twice.
static void add_pairs(struct json_out *out, json_node *map, const struct args *flags, const char *flag) {
    struct span key = {0}, value = {0}, later = {0}, ignored;
    size_t cursor = 0;
    for (const char *text; (text = args_each(flags, flag, &cursor));) {
        size_t ahead = cursor;
        bool repeated = false;
        split_pair(flag, text, &key, &value, NULL);
        for (const char *next; (next = args_each(flags, flag, &ahead));)
            repeated = repeated || (split_pair(flag, next, &later, &ignored, NULL) == 0 && span_equal(later, key));
        if (!repeated)
            json_add_string_at(out, map, key, value);
    }
}

static bool names_key(const struct args *flags, const char *key) {
    struct span found = {0}, value;
    size_t cursor = 0;
    for (const char *text; (text = args_each(flags, "config", &cursor));)
        if (split_pair("config", text, &found, &value, NULL) == 0 && span_equal_text(found, key))
            return true;
    return false;
}

static void add_limit(struct json_out *out, json_node *config, const struct args *flags, const char *key,
                      uint64_t value) {
    char text[32];
    if (!value || names_key(flags, key))
        return;
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    json_add_text(out, config, key, text);
}

static void add_executable(struct json_out *out, json_node *executable, const struct deployment *d,
                           const struct uploaded *file) {
    size_t cursor = 0;
    json_add_text(out, executable, "type", "wasm");
    json_add_text(out, executable, "uri", file->uri);
    json_add_text(out, executable, "name", d->module->name);
    json_add_text(out, executable, "checksum_sha256", file->sha256);
    json_node *args = json_add_array(out, executable, "args");
    for (const char *arg; (arg = args_each(d->flags, "arg", &cursor));)
        json_push_string(out, args, span_of(arg));
    for (size_t i = 0; i < d->guest_arg_count; i++)
        json_push_string(out, args, span_of(d->guest_args[i]));
    add_pairs(out, json_add_object(out, executable, "env"), d->flags, "env");
}

static int make_body(const struct deployment *d, const struct uploaded *file, struct buf *body, struct err *e) {
    struct json_out *out = json_out_new();
    json_node *root = json_out_object(out);
    json_add_text(out, root, "name", d->task_name);
    json_add_text(out, root, "version", d->version);
    json_add_text(out, root, "priority", d->priority);
    json_add_text(out, root, "endpoint", d->endpoint);
    json_push_string(out, json_add_array(out, root, "capabilities"), SPAN_LITERAL("wasm"));
    json_node *config = json_add_object(out, root, "config");
    add_limit(out, config, d->flags, "limit.time_ms", d->time_ms);
    add_limit(out, config, d->flags, "limit.payload_bytes", d->payload_bytes);
    add_pairs(out, config, d->flags, "config");
    add_executable(out, json_add_object(out, root, "executable"), d, file);
    int result = json_out_print(out, false, body);
    json_out_free(out);
    return result == 0 ? 0
                       : err_set(e, ERR_PAYLOAD_TOO_LARGE,
                                 "the registration with its arguments and environment is "
                                 "larger than %d bytes",
                                 REGISTRATION_MAX);
}

static int register_task(struct api *api, struct span body, struct deployed *ret, struct err *e) {
    const struct http_header type = {SPAN_LITERAL("Content-Type"), SPAN_LITERAL("application/json")};
    struct json_doc *doc CLEANUP(json_free_pointer) = NULL;
    struct api_request request = {
        .method = "POST", .path = "/api/v1/tasks", .headers = &type, .header_count = 1, .body = body};
    if (api_json(api, &request, &doc, e) != 0)
        return -1;
    struct span id = json_string(json_get(json_root(doc), "task_id"));
    if (id.n == 0 || id.n >= sizeof ret->task_id)
        return err_set(e, ERR_BAD_GATEWAY, "the answer to the registration lacks task_id");
    snprintf(ret->task_id, sizeof ret->task_id, "%.*s", SPAN_ARGS(id));
    return 0;
}

static void remove_file(struct api *api, const char *id) {
    struct api_reply reply;
    char hint[API_HINT_MAX];
    AUTO_FREE char *path = api_path("/api/v1/files/", id, "");
    memcpy(hint, api->hint, sizeof hint); // the hint of what failed before stays
    (void)api_call(api, &(struct api_request){.method = "DELETE", .path = path}, &reply, NULL);
    api_reply_done(&reply);
    memcpy(api->hint, hint, sizeof hint);
}

int deployment_make(struct api *api, const struct deployment *d, struct deployed *ret, struct err *e) {
    struct deployed made;
    struct upload upload = {.fd = d->module->fd,
                            .size_bytes = d->module->size_bytes,
                            .sha256 = d->module->sha256,
                            .name = d->module->name,
                            .content_type = "application/wasm"};
    struct buf body;
    if (transfer_upload(api, &upload, &made.file, e) != 0)
        return -1;
    buf_init(&body, REGISTRATION_MAX);
    int result = make_body(d, &made.file, &body, e);
    if (result == 0)
        result = register_task(api, buf_span(&body), &made, e);
    buf_done(&body);
    if (result != 0)
        remove_file(api, made.file.id);
    else
        *ret = made;
    return result;
}
