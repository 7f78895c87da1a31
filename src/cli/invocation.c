// Invoking a task through sms's relay and reading what became of it.
//
// The relayed answer is the guest's output itself; log, exit code and the output of a guest that failed are in the
// execution's record, which the node keeps: the answer names the node and the execution.
#include "cli/invocation.h"

#include "base/encode.h"
#include "base/mem.h"
#include "cli/output.h"

#include <stdio.h>

enum { HEADERS_MAX = 64, HEADERS_OWN = 3, PARAMS_MAX = 16 * 1024, ANSWER_MARGIN_MS = 10000, RECORD_TIMEOUT_MS = 10000 };

struct header_list {
    struct http_header items[HEADERS_MAX];
    size_t count;
};

// ---- flags

static bool is_token(struct span name) {
    for (size_t i = 0; i < name.n; i++) {
        unsigned char c = (unsigned char)name.p[i];
        if (c <= 0x20 || c >= 0x7f || strchr("()<>@,;:\\\"/[]?={}", c))
            return false;
    }
    return name.n > 0;
}

static int add_header(struct header_list *list, const char *text, struct err *e) {
    struct span all = span_of(text), name = span_slice(all, 0, span_find(all, ':'));
    struct span value = span_trim(span_slice(all, name.n + 1, all.n));
    if (name.n == all.n || !is_token(name))
        return err_set(e, ERR_INVALID_CONFIGURATION, "--header %s: NAME:VALUE is wanted", text);
    if (!http_field_value_ok(value))
        return err_set(e, ERR_INVALID_CONFIGURATION, "--header %.*s: the value has control characters",
                       SPAN_ARGS(name));
    if (list->count == HEADERS_MAX)
        return err_set(e, ERR_INVALID_CONFIGURATION, "more than %d headers", HEADERS_MAX - HEADERS_OWN);
    list->items[list->count++] = (struct http_header){name, value};
    return 0;
}

static int add_flag_headers(struct header_list *list, const struct args *flags, struct err *e) {
    size_t cursor = 0;
    for (const char *text; (text = args_each(flags, "header", &cursor));)
        if (add_header(list, text, e) != 0)
            return -1;
    return 0;
}

int invocation_check_flags(const struct args *flags, struct err *e) {
    struct header_list list = {.count = HEADERS_OWN};
    struct json_doc *doc CLEANUP(json_free_pointer) = NULL;
    const char *params = args_text(flags, "params"), *function = args_text(flags, "function");
    if (params && json_parse(span_of(params), &doc, e) != 0) {
        err_wrap(e, "--params %s", params);
        if (e)
            e->kind = ERR_INVALID_CONFIGURATION;
        return -1;
    }
    if (params && !json_is_array(json_root(doc)))
        return err_set(e, ERR_INVALID_CONFIGURATION, "--params %s: a JSON array is wanted, such as '[2, 3]'", params);
    if (params && !function)
        return err_set(e, ERR_INVALID_CONFIGURATION, "--params needs --function NAME: the default entry takes none");
    if (function && (function[0] == '\0' || !http_field_value_ok(span_of(function))))
        return err_set(e, ERR_INVALID_CONFIGURATION, "--function \"%s\": an export's name is wanted", function);
    return add_flag_headers(&list, flags, e);
}

// ---- the call

// One line of JSON, as a header takes it.
static int compact_params(const char *params, struct buf *out, struct err *e) {
    struct json_doc *doc CLEANUP(json_free_pointer) = NULL;
    if (params && (json_parse(span_of(params), &doc, e) != 0))
        return -1;
    if (params && json_print(json_root(doc), out) != 0)
        return err_set(e, ERR_PAYLOAD_TOO_LARGE, "--params is longer than %d bytes; give large data as payload",
                       PARAMS_MAX);
    return 0;
}

static void add_own_headers(struct header_list *list, const struct invocation *i, struct span params,
                            char timeout_text[32]) {
    if (i->function)
        list->items[list->count++] = (struct http_header){SPAN_LITERAL("x-function"), span_of(i->function)};
    if (params.n)
        list->items[list->count++] = (struct http_header){SPAN_LITERAL("x-params"), params};
    if (!i->timeout_ms)
        return;
    snprintf(timeout_text, 32, "%llu", (unsigned long long)i->timeout_ms);
    list->items[list->count++] = (struct http_header){SPAN_LITERAL("x-timeout-ms"), span_of(timeout_text)};
}

static int call_with_params(struct api *api, const struct invocation *i, struct span params,
                            struct invocation_result *result) {
    char timeout_text[32];
    struct header_list list = {.count = 0};
    AUTO_FREE char *path = api_path("/api/v1/tasks/", i->task, "/invoke");
    add_own_headers(&list, i, params, timeout_text);
    if (add_flag_headers(&list, i->flags, &result->error) != 0)
        return -1;
    return api_call(api,
                    &(struct api_request){.method = "POST",
                                          .path = path,
                                          .headers = list.items,
                                          .header_count = list.count,
                                          .body = i->payload,
                                          .total_timeout_ms = i->timeout_ms ? i->timeout_ms + ANSWER_MARGIN_MS : 0},
                    &result->reply, &result->error);
}

static int call_task(struct api *api, const struct invocation *i, struct invocation_result *result) {
    struct buf params;
    buf_init(&params, PARAMS_MAX);
    int outcome = compact_params(i->params, &params, &result->error);
    if (outcome == 0)
        outcome = call_with_params(api, i, buf_span(&params), result);
    buf_done(&params);
    return outcome;
}

// The answer of a named export that printed nothing is its results; else they are in the record.
static void take_answer(const struct invocation *i, struct invocation_result *result) {
    struct span body = buf_span(&result->reply.body);
    bool typed = i->function && span_starts_with(span_of(result->reply.content_type), "application/json") &&
                 span_starts_with(body, "[");
    buf_append_span(typed ? &result->results : &result->output, body);
}

// ---- the record

static void read_record(struct invocation_result *result, json_val *record) {
    struct span log = json_string(json_get(record, "log"));
    buf_append_span(&result->log, log);
    result->log_cut = json_bool(json_get(record, "log_truncated"));
    json_val *results = json_get(record, "results");
    if (result->results.n == 0 && !json_is_null(results))
        json_print(results, &result->results);
    if (result->error.kind == ERR_NONE)
        return; // the answer had the output itself
    (void)base64_decode(json_string(json_get(record, "output_base64")), &result->output, NULL);
}

// A record that cannot be had is no failure of its own: the invocation's outcome is known.
static void fetch_record(struct api *api, struct invocation_result *result) {
    struct json_doc *doc CLEANUP(json_free_pointer) = NULL;
    struct api_reply reply;
    char hint[API_HINT_MAX];
    AUTO_FREE char *path = api_path("/functions/executions/", result->reply.execution_id, "?include_output=true");
    memcpy(hint, api->hint, sizeof hint);
    int got = api_call(
        api,
        &(struct api_request){
            .method = "GET", .address = result->reply.node_addr, .path = path, .total_timeout_ms = RECORD_TIMEOUT_MS},
        &reply, NULL);
    memcpy(api->hint, hint, sizeof hint);
    if (got == 0 && json_parse(buf_span(&reply.body), &doc, NULL) == 0) {
        read_record(result, json_root(doc));
        buf_append_span(&result->record, buf_span(&reply.body));
    }
    api_reply_done(&reply);
}

// The problem's exit_code: the guest ended by itself with that code. Traps and limits carry none, or 0.
static void read_exit_code(struct invocation_result *result) {
    struct json_doc *doc CLEANUP(json_free_pointer) = NULL;
    if (json_parse(buf_span(&result->reply.body), &doc, NULL) != 0)
        return;
    json_val *code = json_get(json_root(doc), "exit_code");
    if (json_is_integer(code))
        result->exit_code = (int)json_i64(code);
}

int invocation_run(struct api *api, const struct invocation *invocation, struct invocation_result *result) {
    memset(result, 0, sizeof *result);
    buf_init(&result->reply.body, API_BODY_MAX);
    buf_init(&result->output, API_BODY_MAX);
    buf_init(&result->log, API_BODY_MAX);
    buf_init(&result->record, API_BODY_MAX);
    buf_init(&result->results, API_BODY_MAX);
    int outcome = call_task(api, invocation, result);
    if (outcome != 0)
        read_exit_code(result);
    else
        take_answer(invocation, result);
    if ((outcome != 0 || invocation->want_record || invocation->function) && result->reply.execution_id[0] &&
        result->reply.node_addr[0])
        fetch_record(api, result);
    return outcome;
}

void invocation_result_done(struct invocation_result *result) {
    api_reply_done(&result->reply);
    buf_done(&result->output);
    buf_done(&result->log);
    buf_done(&result->record);
    buf_done(&result->results);
}

void invocation_warn_of_loss(const struct cli *cli, const struct invocation_result *result) {
    if (result->output_omitted)
        output_warning(cli, "the guest failed after it had written more output than its node keeps; it is lost");
    if (result->log_cut)
        output_warning(cli, "the guest wrote more to stderr than limit.log_bytes; the rest is lost");
}

int invocation_exit_code(const struct invocation_result *result) {
    int code = result->exit_code;
    if (code)
        return code > 0 && code < 256 ? code : CLI_EXIT_OTHER;
    int by_kind = err_kind_info(result->error.kind)->exit_code;
    return result->error.kind == ERR_NONE ? 0 : by_kind ? by_kind : CLI_EXIT_OTHER;
}
