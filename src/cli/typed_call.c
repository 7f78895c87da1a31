// Calling an export by name: sms places the call on a node, the node's POST /functions/execute takes the parameters.
//
// sms's relay carries a raw payload only; parameters and results are JSON. Calls of the default entry are invocation.c.
#include "cli/typed_call.h"

#include "base/encode.h"
#include "base/id.h"
#include "base/mem.h"

#include <stdio.h>

enum { ID_TEXT_MAX = 128, ANSWER_MARGIN_MS = 10000 };

static int post_json(struct api *api, const char *address, const char *path, struct json_out *out, uint64_t timeout_ms,
                     struct json_doc **ret_doc, struct err *e) {
    const struct http_header type = {SPAN_LITERAL("Content-Type"), SPAN_LITERAL("application/json")};
    struct buf body;
    buf_init(&body, API_BODY_MAX);
    int result = json_out_print(out, false, &body);
    if (result != 0)
        err_set(e, ERR_PAYLOAD_TOO_LARGE, "the call is larger than %d bytes", API_BODY_MAX);
    else
        result = api_json(api,
                          &(struct api_request){.method = "POST",
                                                .address = address,
                                                .path = path,
                                                .headers = &type,
                                                .header_count = 1,
                                                .body = buf_span(&body),
                                                .total_timeout_ms = timeout_ms},
                          ret_doc, e);
    buf_done(&body);
    return result;
}

static int find_task_id(struct api *api, const char *task, char ret_id[ID_TEXT_MAX], struct err *e) {
    struct json_doc *doc CLEANUP(json_free_pointer) = NULL;
    AUTO_FREE char *path = api_path("/api/v1/tasks/", task, "");
    if (api_json(api, &(struct api_request){.method = "GET", .path = path}, &doc, e) != 0)
        return -1;
    struct span id = json_string(json_get(json_root(doc), "task_id"));
    if (id.n == 0 || id.n >= ID_TEXT_MAX)
        return err_set(e, ERR_BAD_GATEWAY, "the answer for task \"%s\" lacks task_id", task);
    snprintf(ret_id, ID_TEXT_MAX, "%.*s", SPAN_ARGS(id));
    return 0;
}

static int read_candidate(json_val *candidate, char ret_address[API_FIELD_MAX], struct err *e) {
    struct span ip = json_string(json_get(candidate, "ip_address"));
    int64_t http_port = json_i64(json_get(candidate, "http_port")), port = json_i64(json_get(candidate, "port"));
    bool v6 = span_find(ip, ':') != ip.n;
    if (ip.n == 0 || ip.n > 255)
        return err_set(e, ERR_UNAVAILABLE, "no node is online");
    snprintf(ret_address, API_FIELD_MAX, "%s%.*s%s:%lld", v6 ? "[" : "", SPAN_ARGS(ip), v6 ? "]" : "",
             (long long)(http_port ? http_port : port));
    return 0;
}

static int place(struct api *api, const char *task_id, char ret_address[API_FIELD_MAX], struct err *e) {
    struct json_doc *doc CLEANUP(json_free_pointer) = NULL;
    char request_id[UUID_TEXT + 1];
    struct json_out *out = json_out_new();
    json_node *root = json_out_object(out);
    uuid_new(request_id);
    json_add_text(out, root, "request_id", request_id);
    json_add_text(out, root, "task_id", task_id);
    json_add_i64(out, root, "max_candidates", 1);
    int result = post_json(api, NULL, "/api/v1/placement/invocations/place", out, 0, &doc, e);
    json_out_free(out);
    if (result != 0)
        return -1;
    result = read_candidate(json_at(json_get(json_root(doc), "candidates"), 0), ret_address, e);
    if (result != 0)
        snprintf(api->hint, API_HINT_MAX, "see: spear nodes ls");
    return result;
}

static void add_headers(struct json_out *out, json_node *object, const struct args *flags) {
    size_t cursor = 0;
    for (const char *text; (text = args_each(flags, "header", &cursor));) {
        struct span all = span_of(text), name = span_slice(all, 0, span_find(all, ':'));
        json_add_string_at(out, object, name, span_trim(span_slice(all, name.n + 1, all.n)));
    }
}

static int execute(struct api *api, const struct invocation *i, const char *task_id, const char *node,
                   struct json_doc **ret_doc, struct err *e) {
    struct json_doc *params CLEANUP(json_free_pointer) = NULL;
    struct buf payload;
    if (i->params && json_parse(span_of(i->params), &params, e) != 0)
        return -1;
    struct json_out *out = json_out_new();
    json_node *root = json_out_object(out);
    json_add_text(out, root, "task_id", task_id);
    json_add_text(out, root, "function_name", i->function);
    if (params)
        json_add_value(out, root, "params", json_root(params));
    if (i->timeout_ms)
        json_add_i64(out, root, "timeout_ms", (int64_t)i->timeout_ms);
    add_headers(out, json_add_object(out, root, "headers"), i->flags);
    buf_init(&payload, API_BODY_MAX);
    base64_encode(i->payload, &payload);
    json_add_string(out, root, "input_base64", buf_span(&payload));
    buf_done(&payload);
    uint64_t timeout_ms = i->timeout_ms ? i->timeout_ms + ANSWER_MARGIN_MS : 0;
    int result = post_json(api, node, "/functions/execute", out, timeout_ms, ret_doc, e);
    json_out_free(out);
    return result;
}

static int read_answer(json_val *answer, struct invocation_result *result) {
    json_val *error = json_get(answer, "error"), *results = json_get(answer, "results");
    snprintf(result->reply.execution_id, API_FIELD_MAX, "%.*s",
             SPAN_ARGS(json_string(json_get(answer, "execution_id"))));
    (void)base64_decode(json_string(json_get(answer, "output_base64")), &result->output, NULL);
    if (!json_is_null(results))
        json_print(results, &result->results);
    if (json_bool(json_get(answer, "success")))
        return 0;
    struct span code = json_string(json_get(error, "code")), message = json_string(json_get(error, "message"));
    enum err_kind kind = err_kind_by_name(code);
    result->exit_code = (int)json_i64(json_get(answer, "exit_code"));
    return err_set(&result->error, kind ? kind : ERR_RUNTIME_ERROR, "%.*s", SPAN_ARGS(message));
}

int typed_call_run(struct api *api, const struct invocation *invocation, struct invocation_result *result) {
    struct json_doc *doc CLEANUP(json_free_pointer) = NULL;
    char task_id[ID_TEXT_MAX], *node = result->reply.node_addr;
    if (find_task_id(api, invocation->task, task_id, &result->error) != 0 ||
        place(api, task_id, node, &result->error) != 0 ||
        execute(api, invocation, task_id, node, &doc, &result->error) != 0)
        return -1;
    return read_answer(json_root(doc), result);
}
