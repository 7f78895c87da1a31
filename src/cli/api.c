// HTTP to sms in the order a command needs it, with its errors made readable.
//
// The event loop stays underneath: api_call and api_wait run it until something is there, so `spear run` and `spear up`
// watch their child processes (supervisor.c) on the same loop. Nothing here prints.
#include "cli/api.h"

#include "base/clock.h"
#include "base/encode.h"
#include "base/mem.h"
#include "cli/output.h"
#include "net/http_fields.h"

#include <signal.h>
#include <stdio.h>

static void on_signal(uv_signal_t *watcher, int number) {
    struct api *api = watcher->data;
    api->cli->signal = number;
    api->signal_count++;
}

static void watch_signals(struct api *api) {
    static const int numbers[API_SIGNALS] = {SIGINT, SIGTERM, SIGHUP};
    for (int i = 0; i < API_SIGNALS; i++) {
        ASSERT(uv_signal_init(&api->loop.uv, &api->signals[i]) == 0);
        api->signals[i].data = api;
        uv_signal_start(&api->signals[i], on_signal, numbers[i]);
        uv_unref((uv_handle_t *)&api->signals[i]);
    }
}

static int read_tls(struct api *api, const struct cli *cli, struct err *e) {
    struct tls_files files = {.cert = cli->cert, .key = cli->key, .ca = cli->ca};
    return cli->ca || cli->cert ? tls_credentials_new(&files, false, &api->tls, e) : 0;
}

int api_init(struct api *api, struct cli *cli, const char *sms_addr, struct err *e) {
    memset(api, 0, sizeof *api);
    api->cli = cli;
    api->scheme = sms_addr && cli->https ? "https" : "http";
    if (sms_addr && cli->https && read_tls(api, cli, e) != 0)
        return -1;
    if (loop_init(&api->loop, e) != 0) {
        tls_credentials_free(api->tls);
        return -1;
    }
    if (http_client_new(&api->loop, &api->client, e) != 0) {
        loop_done(&api->loop);
        tls_credentials_free(api->tls);
        return -1;
    }
    http_client_use_tls(api->client, api->tls);
    api->sms_addr = mem_strdup(sms_addr ? sms_addr : "");
    ASSERT(uv_prepare_init(&api->loop.uv, &api->before_poll) == 0);
    api->before_poll.data = api;
    watch_signals(api);
    return 0;
}

void api_done(struct api *api) {
    for (int i = 0; i < API_SIGNALS; i++)
        uv_close((uv_handle_t *)&api->signals[i], NULL);
    uv_close((uv_handle_t *)&api->before_poll, NULL);
    http_client_free(api->client);
    loop_done(&api->loop);
    tls_credentials_free(api->tls);
    free(api->sms_addr);
}

// ---- waiting

struct api_wait {
    bool (*condition)(void *ctx);
    void *ctx;
    unsigned signals; // as many as had come before
    bool timed_out;
};

static void set_flag(void *flag) {
    *(bool *)flag = true;
}

static bool wait_is_over(const struct api *api) {
    const struct api_wait *w = api->waiting;
    return w->timed_out || api->signal_count != w->signals || w->condition(w->ctx);
}

// Asked before each time the loop goes to sleep, for a timer's callback may have made the condition true just now.
static void on_before_poll(uv_prepare_t *watcher) {
    struct api *api = watcher->data;
    if (wait_is_over(api))
        uv_stop(&api->loop.uv);
}

bool api_wait(struct api *api, uint64_t after_ms, bool (*condition)(void *ctx), void *ctx) {
    struct api_wait wait = {condition, ctx, api->signal_count, false};
    ASSERT(!api->waiting);
    api->waiting = &wait;
    struct loop_timer *timer = after_ms ? loop_timer_start(&api->loop, after_ms, set_flag, &wait.timed_out) : NULL;
    uv_prepare_start(&api->before_poll, on_before_poll); // also keeps a loop alive that has nothing else to do
    while (!wait_is_over(api))
        uv_run(&api->loop.uv, UV_RUN_DEFAULT);
    uv_prepare_stop(&api->before_poll);
    if (!wait.timed_out)
        loop_timer_cancel(timer);
    api->waiting = NULL;
    return condition(ctx);
}

// ---- one call

struct pending {
    struct api *api;
    const struct api_request *request;
    struct api_reply *reply;
    struct http_call *call;
    enum http_call_failure failure;
    struct err error;
    bool ended, refused;
};

static bool is_success(int status) {
    return status >= 200 && status < 300;
}

static void keep_header(const struct http_header *h, const char *name, char text[API_FIELD_MAX]) {
    if (span_equal_nocase(h->name, name) && h->value.n < API_FIELD_MAX)
        snprintf(text, API_FIELD_MAX, "%.*s", SPAN_ARGS(h->value));
}

static void on_head(void *ctx, int status, const struct http_header *headers, size_t count) {
    struct pending *p = ctx;
    p->reply->status = status;
    for (size_t i = 0; i < count; i++) {
        keep_header(&headers[i], "x-execution-id", p->reply->execution_id);
        keep_header(&headers[i], "x-node-http-addr", p->reply->node_addr);
        keep_header(&headers[i], "repr-digest", p->reply->repr_digest);
        keep_header(&headers[i], "content-type", p->reply->content_type);
    }
    if (is_success(status) && p->request->head)
        p->request->head(p->request->ctx, headers, count);
}

static bool on_data(void *ctx, struct span chunk) {
    struct pending *p = ctx;
    bool streams = is_success(p->reply->status) && p->request->data;
    if (p->refused)
        return true; // the call is about to be cancelled
    if (streams ? !p->request->data(p->request->ctx, chunk) : buf_append_span(&p->reply->body, chunk) != 0)
        p->refused = true;
    return true;
}

static ssize_t on_read(void *ctx, char *p, size_t n) {
    struct pending *pending = ctx;
    return pending->request->read(pending->request->ctx, p, n);
}

static void on_done(void *ctx, int status, enum http_call_failure failure, const struct err *e) {
    struct pending *p = ctx;
    p->ended = true;
    p->failure = failure;
    if (status)
        p->reply->status = status;
    if (e)
        p->error = *e;
}

static bool call_is_over(void *ctx) {
    struct pending *p = ctx;
    return p->ended || p->refused;
}

// The caller's, and our token unless the caller gives an Authorization of his own (spear invoke --header).
static size_t add_headers(struct http_header *to, const struct api_request *r, const char *authorization) {
    size_t count = 0;
    bool has_own = false;
    for (; count < r->header_count; count++) {
        to[count] = r->headers[count];
        has_own = has_own || span_equal_nocase(to[count].name, "authorization");
    }
    if (authorization && !has_own)
        to[count++] = (struct http_header){SPAN_LITERAL("Authorization"), span_of(authorization)};
    return count;
}

static void start_call(struct pending *p) {
    const struct api_request *r = p->request;
    AUTO_FREE char *url = mem_printf("%s://%s%s", p->api->scheme, r->address ? r->address : p->api->sms_addr, r->path);
    AUTO_FREE char *authorization = p->api->cli->token ? mem_printf("Bearer %s", p->api->cli->token) : NULL;
    struct http_header *headers = mem_calloc(r->header_count + 1, sizeof *headers);
    size_t count = add_headers(headers, r, authorization);
    p->call = http_call_start(p->api->client, &(struct http_call_config){.method = r->method,
                                                                         .url = url,
                                                                         .headers = headers,
                                                                         .header_count = count,
                                                                         .body = r->body,
                                                                         .read = r->read ? on_read : NULL,
                                                                         .read_length = r->read_length,
                                                                         .total_timeout_ms = r->total_timeout_ms,
                                                                         .idle_timeout_ms = r->idle_timeout_ms,
                                                                         .head = on_head,
                                                                         .data = on_data,
                                                                         .done = on_done,
                                                                         .ctx = p});
    free(headers);
}

// ---- errors

static enum err_kind kind_of_status(int status) {
    switch (status) {
    case 401:
        return ERR_UNAUTHORIZED;
    case 403:
        return ERR_FORBIDDEN;
    case 404:
        return ERR_NOT_FOUND;
    case 409:
        return ERR_CONFLICT;
    case 413:
        return ERR_PAYLOAD_TOO_LARGE;
    case 422:
        return ERR_UNPROCESSABLE;
    case 502:
        return ERR_BAD_GATEWAY;
    case 503:
        return ERR_UNAVAILABLE;
    case 504:
        return ERR_EXECUTION_TIMEOUT;
    default:
        return status < 500 ? ERR_INVALID_REQUEST : ERR_INTERNAL;
    }
}

static int problem_error(const struct pending *p, struct err *e) {
    struct json_doc *doc CLEANUP(json_free_pointer) = NULL;
    json_val *root = json_parse(buf_span(&p->reply->body), &doc, NULL) == 0 ? json_root(doc) : NULL;
    enum err_kind kind = err_kind_by_name(json_string(json_get(root, "kind")));
    struct span detail = json_string(json_get(root, "detail"));
    if (!kind)
        kind = err_kind_by_code(json_string(json_get(root, "error")));
    if (!kind)
        kind = kind_of_status(p->reply->status);
    if (!detail.n)
        detail = json_string(json_get(root, "message"));
    if (detail.n)
        return err_set(e, kind, "%.*s", SPAN_ARGS(detail));
    struct span body = span_slice(buf_span(&p->reply->body), 0, 200);
    return err_set(e, kind, "%s %s was answered %d: %.*s", p->request->method, p->request->path, p->reply->status,
                   SPAN_ARGS(body));
}

// What curl says, without the method and url that stand before it.
static const char *reason_of(const struct pending *p) {
    const char *found = strstr(p->error.text, p->request->path);
    size_t length = found ? strlen(p->request->path) : 0;
    return found && strncmp(found + length, ": ", 2) == 0 ? found + length + 2 : p->error.text;
}

static int transport_error(const struct pending *p, struct err *e) {
    const char *address = p->request->address ? p->request->address : p->api->sms_addr;
    const char *who = p->request->address ? "the node" : "sms";
    switch (p->failure) {
    case HTTP_CALL_CONNECT:
        snprintf(p->api->hint, API_HINT_MAX, "%s",
                 p->request->address ? "is that node still running? see: spear nodes ls"
                                     : "start it with: spear up; or name another one with --sms-addr HOST:PORT");
        return err_set(e, ERR_UNAVAILABLE, "cannot reach %s at %s: %s", who, address, reason_of(p));
    case HTTP_CALL_TIMEOUT:
        return err_set(e, ERR_EXECUTION_TIMEOUT, "%s at %s did not answer in time: %s", who, address, reason_of(p));
    default:
        return err_set(e, ERR_BAD_GATEWAY, "the connection to %s at %s broke: %s", who, address, reason_of(p));
    }
}

// The next step, by kind, for what a server refused.
static void set_hint(struct api *api, enum err_kind kind) {
    const char *hint = "";
    if (kind == ERR_TASK_NOT_FOUND)
        hint = "see: spear tasks ls";
    else if (kind == ERR_FILE_NOT_FOUND)
        hint = "see: spear files ls";
    else if (kind == ERR_NODE_NOT_FOUND || kind == ERR_UNAVAILABLE)
        hint = "see: spear nodes ls";
    else if (kind == ERR_RUNTIME_ERROR)
        hint = "what the guest wrote until then is above";
    else if (kind == ERR_EXECUTION_TIMEOUT)
        hint = "give it more time with --timeout, or the task with --config limit.time_ms=N";
    else if (kind == ERR_NOT_SUPPORTED)
        hint = "this build runs no guests; build SPEAR with -Dwasmedge=enabled";
    else if (kind == ERR_UNAUTHORIZED)
        hint = api->cli->token
                   ? "take another token; who has scope admin makes one with: spear token create"
                   : "give a token: --token-file FILE, or $SPEAR_TOKEN; who has scope admin makes one with: "
                     "spear token create";
    else if (kind == ERR_FORBIDDEN)
        hint = "who has scope admin makes a token that may: spear token create NAME --scope SCOPE";
    else if (kind == ERR_PAYLOAD_TOO_LARGE)
        hint = "start sms with a larger --max-upload-bytes, or raise limit.payload_bytes of the task";
    snprintf(api->hint, API_HINT_MAX, "%s", hint);
}

static int judge(struct pending *p, struct err *e) {
    if (p->api->cli->signal)
        return err_set(e, ERR_EXECUTION_TERMINATED, "interrupted");
    if (p->refused && !p->request->data)
        return err_set(e, ERR_BAD_GATEWAY, "an answer of more than %d bytes", API_BODY_MAX);
    if (p->refused)
        return err_set(e, ERR_EXECUTION_TERMINATED, "the transfer was stopped");
    if (p->failure != HTTP_CALL_OK)
        return transport_error(p, e);
    if (is_success(p->reply->status))
        return 0;
    struct err problem;
    problem_error(p, &problem);
    set_hint(p->api, problem.kind);
    return err_set(e, problem.kind, "%s", problem.text);
}

int api_call(struct api *api, const struct api_request *request, struct api_reply *reply, struct err *e) {
    struct pending p = {.api = api, .request = request, .reply = reply};
    memset(reply, 0, sizeof *reply);
    buf_init(&reply->body, API_BODY_MAX);
    api->hint[0] = '\0';
    if (api->cli->signal)
        return err_set(e, ERR_EXECUTION_TERMINATED, "interrupted");
    start_call(&p);
    api_wait(api, 0, call_is_over, &p);
    if (!p.ended)
        http_call_cancel(p.call);
    return judge(&p, e);
}

void api_reply_done(struct api_reply *reply) {
    buf_done(&reply->body);
}

int api_json(struct api *api, const struct api_request *request, struct json_doc **ret_doc, struct err *e) {
    struct api_reply reply;
    struct json_doc *doc = NULL;
    int result = api_call(api, request, &reply, e);
    if (result == 0)
        result = json_parse(buf_span(&reply.body), &doc, e);
    if (result == 0 && !json_is_object(json_root(doc)))
        result = err_set(e, ERR_BAD_GATEWAY, "%s %s: the answer is no JSON object; does SPEAR's sms serve at %s?",
                         request->method, request->path, api->sms_addr);
    api_reply_done(&reply);
    if (result == 0)
        *ret_doc = TAKE(doc);
    json_free(doc);
    return result;
}

int api_print(struct api *api, const struct api_request *request, struct err *e) {
    struct api_reply reply;
    int result = api_call(api, request, &reply, e);
    if (result == 0) {
        output_json_line(buf_span(&reply.body));
    }
    api_reply_done(&reply);
    return result;
}

// ---- paths and addresses

char *api_path(const char *before, const char *segment, const char *after) {
    struct buf path;
    size_t n;
    buf_init(&path, API_PATH_MAX);
    buf_append_text(&path, before);
    percent_encode(span_of(segment), "", &path);
    buf_append_text(&path, after);
    return buf_take(&path, &n);
}

char *api_reachable(const char *address) {
    struct span host;
    uint16_t port;
    if (!http_split_address(span_of(address), &host, &port))
        return mem_strdup(address);
    if (span_equal_text(host, "0.0.0.0"))
        return mem_printf("127.0.0.1:%u", (unsigned)port);
    if (span_equal_text(host, "::"))
        return mem_printf("[::1]:%u", (unsigned)port);
    return mem_strdup(address);
}

// ---- lists

int api_list(struct api *api, const struct api_list *list, int (*row)(void *ctx, struct span key, json_val *value),
             void *ctx, uint64_t *ret_total, struct err *e) {
    for (uint64_t offset = list->offset;;) {
        AUTO_FREE char *path = mem_printf("%s?limit=%llu&offset=%llu%s", list->path, (unsigned long long)list->limit,
                                          (unsigned long long)offset, list->query);
        struct json_doc *doc CLEANUP(json_free_pointer) = NULL;
        if (api_json(api, &(struct api_request){.method = "GET", .path = path}, &doc, e) != 0)
            return -1;
        json_val *rows = json_get(json_root(doc), list->member);
        *ret_total = (uint64_t)json_i64(json_get(json_root(doc), "total_count"));
        json_each(rows, row, ctx);
        offset += json_count(rows);
        if (!list->all || json_count(rows) == 0 || offset >= *ret_total)
            return 0;
    }
}
