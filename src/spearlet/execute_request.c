// Reads the fields of POST /functions/execute, each with its own refusal. Next step: http_execute.c.
#include "spearlet/execute_request.h"

#include "spearlet/executions.h"

enum { FUNCTION_NAME_MAX = 1024, TIMEOUT_MAX_MS = 86400000 };

// 1…128 of [A-Za-z0-9._-]
static bool is_id(struct span id) {
    for (size_t i = 0; i < id.n; i++) {
        char c = id.p[i];
        bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
                  c == '-';
        if (!ok)
            return false;
    }
    return id.n >= 1 && id.n <= EXECUTION_ID_MAX;
}

static int read_mode(struct execute_request *r, json_val *root, struct err *e) {
    struct span mode = SPAN_LITERAL("sync");
    if (json_want_string(root, "mode", &mode, e) < 0)
        return -1;
    r->is_async = span_equal_text(mode, "async");
    if (!r->is_async && !span_equal_text(mode, "sync"))
        return err_set(e, ERR_UNPROCESSABLE, "field \"mode\" must be \"sync\" or \"async\", not \"%.*s\"",
                       SPAN_ARGS(span_slice(mode, 0, 100)));
    return 0;
}

static int read_id(json_val *root, const char *key, struct span *ret, struct err *e) {
    if (json_want_string(root, key, ret, e) < 0)
        return -1;
    if (ret->p && !is_id(*ret))
        return err_set(e, ERR_UNPROCESSABLE,
                       "field \"%s\" must be 1 to %d of the characters A-Z a-z 0-9 . _ -, not \"%.*s\"", key,
                       EXECUTION_ID_MAX, SPAN_ARGS(span_slice(*ret, 0, 100)));
    return 0;
}

static int read_input(struct execute_request *r, json_val *root, struct err *e) {
    if (json_want_string(root, "input", &r->input, e) < 0 ||
        json_want_string(root, "input_base64", &r->input_base64, e) < 0 ||
        json_want_string(root, "input_content_type", &r->content_type, e) < 0)
        return -1;
    if (r->input.p && r->input_base64.p)
        return err_set(e, ERR_UNPROCESSABLE, "fields \"input\" and \"input_base64\" exclude each other");
    return 0;
}

static int read_function(struct execute_request *r, json_val *root, struct err *e) {
    if (json_need_string(root, "task_id", &r->task_id, e) < 0 ||
        json_want_string(root, "function_name", &r->function_name, e) < 0 ||
        json_want_array(root, "params", &r->params, e) < 0)
        return -1;
    if (r->function_name.n > FUNCTION_NAME_MAX || span_find(r->function_name, '\0') < r->function_name.n)
        return err_set(e, ERR_UNPROCESSABLE, "field \"function_name\" is longer than %d bytes or has a NUL in it",
                       FUNCTION_NAME_MAX);
    return 0;
}

static int read_fields(struct execute_request *r, json_val *root, struct err *e) {
    if (read_function(r, root, e) < 0 || read_mode(r, root, e) < 0 || read_input(r, root, e) < 0 ||
        read_id(root, "invocation_id", &r->invocation_id, e) < 0 ||
        read_id(root, "execution_id", &r->execution_id, e) < 0 ||
        json_want_string(root, "session_id", &r->session_id, e) < 0 ||
        json_want_i64(root, "timeout_ms", 1, TIMEOUT_MAX_MS, &r->timeout_ms, e) < 0 ||
        json_want_bool(root, "force_new_instance", &r->fresh, e) < 0 ||
        json_want_bool(root, "include_log", &r->include_log, e) < 0 ||
        json_want_object(root, "headers", &r->headers, e) < 0 ||
        json_want_object(root, "environment", &r->environment, e) < 0 ||
        json_want_object(root, "metadata", &r->metadata, e) < 0)
        return -1;
    return 0;
}

int execute_request_read(json_val *root, struct execute_request *ret, struct err *e) {
    *ret = (struct execute_request){0};
    if (!json_is_object(root))
        return err_set(e, ERR_UNPROCESSABLE, "the request must be a JSON object");
    return read_fields(ret, root, e);
}
