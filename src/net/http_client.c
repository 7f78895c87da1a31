// The HTTP client: libcurl's multi interface driven by the loop, one easy handle a call.
//
// curl tells through callbacks which sockets and which timeout it wants watched; each event is handed to it, and calls
// that it reports as finished end here. What a caller does from inside a callback (resume, cancel, free) is marked and
// done when curl is off the stack, because curl does not bear being changed from its own callbacks. What is the same for
// every call, and TLS, is in http_client_curl.c.
#include "net/http_client.h"

#include "base/mem.h"
#include "net/http_answer_lines.h"
#include "net/http_client_curl.h"

#include <pthread.h>
#include <stdio.h>

enum {
    CONNECTIONS_KEPT = 64,
    IDLE_TICK_MS = 100,
    BUFFER_BYTES = 64 * 1024,
    HEADERS_BYTES = 64 * 1024,
    EXPECT_BYTES = 1024 * 1024 // a larger body is announced with Expect: 100-continue
};

struct http_client {
    struct loop *loop;
    struct tls_credentials *tls; // NULL: the system's authorities
    CURLM *multi;
    uv_timer_t timeout; // curl's
    uv_timer_t kick;    // marks wait
    uv_timer_t idle_tick;
    struct http_call *calls;
    int inside; // curl or a callback is on the stack
    bool dying, any_ended;
    int handles_open;
};

struct http_call {
    struct http_client *client;
    struct http_call *previous, *next;
    struct http_call_config config;
    CURL *easy;
    struct curl_slist *headers;
    struct tls_generation *tls;    // what curl was lent
    uint64_t moved_ms, body_taken; // when a byte last moved; bytes of the body that curl has had
    struct http_answer_lines lines;
    int paused;          // CURLPAUSE_ bits
    int resumed;         // the mark: such bits, which `paused` no longer holds, for curl to hear of
    bool added;          // curl knows of it
    bool sent;           // the request, or a part of it
    bool repeatable;     // sending it twice does no harm
    bool ended;          // `done` was called
    const char *refused; // why one of our callbacks stopped curl
    enum http_call_failure refused_as;
    char curl_text[CURL_ERROR_SIZE];
};

// ---- the end of a call

static void free_call(struct http_call *call) {
    struct http_client *c = call->client;
    if (call->previous)
        call->previous->next = call->next;
    else
        c->calls = call->next;
    if (call->next)
        call->next->previous = call->previous;
    curl_multi_remove_handle(c->multi, call->easy);
    curl_easy_cleanup(call->easy);
    curl_slist_free_all(call->headers);
    tls_generation_unref(call->tls);
    http_answer_lines_done(&call->lines);
    free((char *)(uintptr_t)call->config.method);
    free((char *)(uintptr_t)call->config.url);
    free(call);
}

static void enter(struct http_client *c);
static void leave(struct http_client *c);

static void end_call(struct http_call *call, enum http_call_failure failure, const struct err *e) {
    struct http_client *c = call->client;
    if (call->ended)
        return;
    call->ended = c->any_ended = true;
    enter(c);
    call->config.done(call->config.ctx, call->lines.status, failure, e);
    leave(c);
}

static void fail_call(struct http_call *call, enum http_call_failure failure, const char *why) {
    struct err e = {.kind = ERR_NONE};
    err_set(&e, failure == HTTP_CALL_STOPPED ? ERR_EXECUTION_TERMINATED : ERR_IO, "%s %s: %s", call->config.method,
            call->config.url, why);
    end_call(call, failure, &e);
}

static enum http_call_failure failure_of(const struct http_call *call, CURLcode result) {
    if (call->refused)
        return call->refused_as;
    switch (result) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        // A request that broke on a kept connection is tried anew by curl; then something was sent all the same.
        return call->sent ? HTTP_CALL_BROKEN : HTTP_CALL_CONNECT;
    case CURLE_OPERATION_TIMEDOUT:
        return call->sent ? HTTP_CALL_TIMEOUT : HTTP_CALL_CONNECT;
    default:
        return HTTP_CALL_BROKEN;
    }
}

static void finish_call(struct http_call *call, CURLcode result) {
    if (result == CURLE_OK && !call->refused && !call->lines.delivered) {
        fail_call(call, HTTP_CALL_BROKEN, "the answer ended in its header section");
    } else if (result == CURLE_OK && !call->refused) {
        end_call(call, HTTP_CALL_OK, NULL);
    } else {
        char text[CURL_ERROR_SIZE + HTTP_CLIENT_CURL_WORDS];
        bool secure = strncmp(call->config.url, "https:", 6) == 0;
        snprintf(text, sizeof text, "%s", call->curl_text[0] ? call->curl_text : curl_easy_strerror(result));
        if (secure)
            http_client_curl_explain(result, text, sizeof text);
        fail_call(call, failure_of(call, result), call->refused ? call->refused : text);
    }
}

// ---- running curl

static void moved(struct http_call *call) {
    call->moved_ms = uv_now(&call->client->loop->uv);
}

static void destroy(struct http_client *c);

static void collect_finished(struct http_client *c) {
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(c->multi, &left)) != NULL) {
        struct http_call *call = NULL;
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode result = message->data.result; // the message goes with the handle
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &call);
        finish_call(call, result);
    }
}

static void sweep_ended(struct http_client *c) {
    c->any_ended = false;
    for (struct http_call *call = c->calls, *next; call; call = next) {
        next = call->next;
        if (call->ended)
            free_call(call);
    }
}

static void enter(struct http_client *c) {
    c->inside++;
}

static void leave(struct http_client *c) {
    if (c->inside == 1)
        collect_finished(c);
    if (--c->inside > 0)
        return;
    if (c->any_ended)
        sweep_ended(c);
    if (c->dying)
        destroy(c);
}

static void add_to_curl(struct http_call *call) {
    call->added = true;
    ASSERT(curl_multi_add_handle(call->client->multi, call->easy) == CURLM_OK);
}

static void run_mark(struct http_call *call) {
    if (!call->added)
        add_to_curl(call);
    if (!call->resumed)
        return;
    call->resumed = 0;
    moved(call);
    curl_easy_pause(call->easy, call->paused);
}

static void on_kick(uv_timer_t *timer) {
    struct http_client *c = timer->data;
    enter(c);
    for (struct http_call *call = c->calls; call; call = call->next)
        if (!call->ended)
            run_mark(call);
    leave(c);
}

static void kick(struct http_client *c) {
    if (!c->dying)
        uv_timer_start(&c->kick, on_kick, 0, 0);
}

static void run_curl(struct http_client *c, curl_socket_t fd, int flags) {
    int running;
    enter(c);
    curl_multi_socket_action(c->multi, fd, flags, &running);
    leave(c);
}

static void on_timeout(uv_timer_t *timer) {
    run_curl(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

static int set_timeout(CURLM *multi, long timeout_ms, void *ctx) {
    (void)multi;
    struct http_client *c = ctx;
    if (c->dying || timeout_ms < 0)
        uv_timer_stop(&c->timeout);
    else
        uv_timer_start(&c->timeout, on_timeout, (uint64_t)timeout_ms, 0);
    return 0;
}

struct watch {
    uv_poll_t poll;
    struct http_client *client;
    curl_socket_t fd;
};

static void on_watch_closed(uv_handle_t *handle) {
    free(handle->data);
}

static void on_socket(uv_poll_t *poll, int status, int events) {
    struct watch *w = poll->data;
    int flags = status < 0 ? CURL_CSELECT_IN | CURL_CSELECT_ERR : 0;
    flags |= (events & UV_READABLE ? CURL_CSELECT_IN : 0) | (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0);
    run_curl(w->client, w->fd, flags);
}

static struct watch *watch_new(struct http_client *c, curl_socket_t fd) {
    struct watch *w = NEW(struct watch);
    w->client = c;
    w->fd = fd;
    w->poll.data = w;
    if (uv_poll_init_socket(&c->loop->uv, &w->poll, fd) < 0) {
        free(w);
        return NULL;
    }
    curl_multi_assign(c->multi, fd, w);
    return w;
}

static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *socket_ctx) {
    (void)easy;
    struct http_client *c = ctx;
    struct watch *w = socket_ctx;
    if (what == CURL_POLL_REMOVE) {
        if (w) {
            curl_multi_assign(c->multi, fd, NULL);
            uv_close((uv_handle_t *)&w->poll, on_watch_closed);
        }
        return 0;
    }
    w = w ? w : watch_new(c, fd);
    int events = (what != CURL_POLL_OUT ? UV_READABLE : 0) | (what != CURL_POLL_IN ? UV_WRITABLE : 0);
    return w && uv_poll_start(&w->poll, events, on_socket) == 0 ? 0 : -1;
}

// Looks at the calls that have an idle timeout, and sleeps when there is none.
static void on_idle_tick(uv_timer_t *timer) {
    struct http_client *c = timer->data;
    bool any = false;
    uint64_t now_ms = uv_now(&c->loop->uv);
    enter(c);
    for (struct http_call *call = c->calls; call; call = call->next) {
        uint64_t timeout_ms = call->config.idle_timeout_ms;
        if (!timeout_ms || call->ended)
            continue;
        any = true;
        if (call->paused) // our own side is slow, not the other
            call->moved_ms = now_ms;
        else if (now_ms - call->moved_ms >= timeout_ms)
            fail_call(call, call->sent ? HTTP_CALL_TIMEOUT : HTTP_CALL_CONNECT,
                      "nothing moved within the idle timeout");
    }
    if (!any && !c->dying)
        uv_timer_stop(timer);
    leave(c);
}

// ---- curl's callbacks of a call

static size_t refuse(struct http_call *call, enum http_call_failure failure, const char *why) {
    call->refused = why;
    call->refused_as = failure;
    return 0;
}

static size_t on_data(char *p, size_t size, size_t count, void *ctx) {
    struct http_call *call = ctx;
    size_t n = size * count;
    if (call->ended)
        return 0;
    moved(call);
    call->resumed &= ~CURLPAUSE_RECV; // a resume from inside `data` counts
    if (n == 0 || !call->config.data || call->config.data(call->config.ctx, span_make(p, n)))
        return call->ended ? 0 : n;
    if (!(call->resumed & CURLPAUSE_RECV))
        call->paused |= CURLPAUSE_RECV;
    return CURL_WRITEFUNC_PAUSE;
}

static void deliver_head(struct http_call *call) {
    size_t count;
    AUTO_FREE struct http_header *fields = http_answer_lines_fields(&call->lines, &count);
    if (call->config.head)
        call->config.head(call->config.ctx, call->lines.status, fields, count);
}

static size_t on_header(char *p, size_t size, size_t count, void *ctx) {
    struct http_call *call = ctx;
    if (call->ended)
        return 0;
    moved(call);
    switch (http_answer_lines_add(&call->lines, span_make(p, size * count))) {
    case HTTP_LINE_END:
        deliver_head(call);
        break;
    case HTTP_LINE_MALFORMED:
        return refuse(call, HTTP_CALL_BROKEN, "the answer has a malformed header section");
    case HTTP_LINE_TOO_LARGE:
        return refuse(call, HTTP_CALL_BROKEN, "the answer's header section is too large");
    case HTTP_LINE_MORE:
        break;
    }
    return call->ended ? 0 : size * count;
}

static size_t read_span(struct http_call *call, char *p, size_t n) {
    struct span part = span_slice(call->config.body, (size_t)call->body_taken, n);
    if (part.n)
        memcpy(p, part.p, part.n);
    call->body_taken += part.n;
    return part.n;
}

static size_t read_pulled(struct http_call *call, char *p, size_t n) {
    int64_t length = call->config.read_length;
    if (length >= 0 && (uint64_t)length - call->body_taken < n)
        n = (size_t)((uint64_t)length - call->body_taken);
    if (n == 0)
        return 0;
    call->resumed &= ~CURLPAUSE_SEND; // as in on_data
    ssize_t got = call->config.read(call->config.ctx, p, n);
    if (got == HTTP_CALL_PAUSE) {
        if (!(call->resumed & CURLPAUSE_SEND))
            call->paused |= CURLPAUSE_SEND;
        return CURL_READFUNC_PAUSE;
    }
    if (got < 0 || (got == 0 && length >= 0)) {
        refuse(call, HTTP_CALL_STOPPED, got < 0 ? "the caller gave up" : "the body ended before its length");
        return CURL_READFUNC_ABORT;
    }
    ASSERT((size_t)got <= n);
    call->body_taken += (uint64_t)got;
    return (size_t)got;
}

static size_t on_read(char *p, size_t size, size_t count, void *ctx) {
    struct http_call *call = ctx;
    moved(call);
    if (call->ended)
        return CURL_READFUNC_ABORT;
    size_t n = call->config.read ? read_pulled(call, p, size * count) : read_span(call, p, size * count);
    return call->ended ? CURL_READFUNC_ABORT : n;
}

// curl goes back to send a body again; one that was pulled is gone.
static int on_seek(void *ctx, curl_off_t offset, int origin) {
    struct http_call *call = ctx;
    if (origin != SEEK_SET || (call->config.read && (uint64_t)offset != call->body_taken))
        return CURL_SEEKFUNC_FAIL;
    call->body_taken = (uint64_t)offset;
    return CURL_SEEKFUNC_OK;
}

// Connected, and about to send. When it happens again curl is repeating a request that broke on a kept connection;
// whether the other side has acted on it nobody knows.
static int on_request(void *ctx, char *remote, char *local, int remote_port, int local_port) {
    (void)remote, (void)local, (void)remote_port, (void)local_port;
    struct http_call *call = ctx;
    if (call->sent && !call->repeatable) {
        refuse(call, HTTP_CALL_BROKEN, "the connection broke before an answer came");
        return CURL_PREREQFUNC_ABORT;
    }
    call->sent = true;
    moved(call);
    return CURL_PREREQFUNC_OK;
}

// ---- starting a call

static void add_line(struct http_call *call, const char *line) {
    struct curl_slist *list = curl_slist_append(call->headers, line);
    ASSERT(list);
    call->headers = list;
}

static void add_headers(struct http_call *call, const struct http_header *headers, size_t count) {
    bool accept = false;
    for (size_t i = 0; i < count; i++) {
        ASSERT(headers[i].name.n && http_field_value_ok(headers[i].name) && http_field_value_ok(headers[i].value));
        if (http_client_curl_owns(headers[i].name))
            continue;
        accept = accept || span_equal_nocase(headers[i].name, "accept");
        AUTO_FREE char *name = span_dup(headers[i].name);
        AUTO_FREE char *value = span_dup(headers[i].value);
        AUTO_FREE char *line = value[0] ? mem_printf("%s: %s", name, value) : mem_printf("%s;", name);
        add_line(call, line);
    }
    if (!accept)
        add_line(call, "Accept:"); // curl's own is left out
}

static bool is_one_of(const char *method, const char *list) {
    struct span rest = span_of(list), one;
    while (span_next(&rest, ' ', &one))
        if (span_equal_text(one, method))
            return true;
    return false;
}

static void set_body(struct http_call *call) {
    const struct http_call_config *config = &call->config;
    bool may_be_empty = !is_one_of(config->method, "POST PUT PATCH");
    if (strcmp(config->method, "HEAD") == 0)
        curl_easy_setopt(call->easy, CURLOPT_NOBODY, 1L);
    if (!config->read && config->body.n == 0 && may_be_empty)
        return;
    curl_easy_setopt(call->easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(call->easy, CURLOPT_READFUNCTION, on_read);
    curl_easy_setopt(call->easy, CURLOPT_READDATA, call);
    curl_easy_setopt(call->easy, CURLOPT_SEEKFUNCTION, on_seek);
    curl_easy_setopt(call->easy, CURLOPT_SEEKDATA, call);
    curl_off_t length = config->read ? (curl_off_t)config->read_length : (curl_off_t)config->body.n;
    curl_easy_setopt(call->easy, CURLOPT_INFILESIZE_LARGE, length);
    if (length < 0)
        add_line(call, "Transfer-Encoding: chunked");
    if (length < EXPECT_BYTES)
        add_line(call, "Expect:"); // curl would ask first for every body, which costs a round trip
}

static void set_tls(struct http_call *call) {
    if (call->client->tls)
        call->tls = tls_credentials_current(call->client->tls);
    http_client_curl_tls(call->easy, call->tls ? tls_generation_texts(call->tls) : NULL);
}

static void set_callbacks(struct http_call *call) {
    CURL *easy = call->easy;
    curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->curl_text);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_request);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, call);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)BUFFER_BYTES);
}

static struct http_call *call_new(struct http_client *c, const struct http_call_config *config) {
    struct http_call *call = NEW(struct http_call);
    call->client = c;
    call->config = *config;
    call->config.method = mem_strdup(config->method);
    call->config.url = mem_strdup(config->url);
    call->config.headers = NULL; // copied into `headers`
    call->repeatable = is_one_of(config->method, "GET HEAD OPTIONS PUT DELETE");
    http_answer_lines_init(&call->lines, config->headers_max_bytes ? config->headers_max_bytes : HEADERS_BYTES);
    call->easy = curl_easy_init();
    ASSERT(call->easy);
    call->next = c->calls;
    if (call->next)
        call->next->previous = call;
    c->calls = call;
    return call;
}

struct http_call *http_call_start(struct http_client *c, const struct http_call_config *config) {
    ASSERT(!c->dying && config->done);
    struct http_call *call = call_new(c, config);
    http_client_curl_restrict(call->easy);
    http_client_curl_times(call->easy, config);
    if (strncmp(call->config.url, "https:", 6) == 0)
        set_tls(call);
    set_callbacks(call);
    curl_easy_setopt(call->easy, CURLOPT_URL, call->config.url);
    add_headers(call, config->headers, config->header_count);
    set_body(call);
    if (strcmp(config->method, "HEAD") != 0)
        curl_easy_setopt(call->easy, CURLOPT_CUSTOMREQUEST, call->config.method);
    curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->headers);
    moved(call);
    if (config->idle_timeout_ms && !uv_is_active((uv_handle_t *)&c->idle_tick))
        uv_timer_start(&c->idle_tick, on_idle_tick, IDLE_TICK_MS, IDLE_TICK_MS);
    if (c->inside)
        kick(c); // curl does not take it from inside its callbacks
    else
        add_to_curl(call);
    return call;
}

static void resume(struct http_call *call, int bit) {
    if (call->ended)
        return;
    call->paused &= ~bit;
    call->resumed |= bit;
    kick(call->client);
}

void http_call_resume(struct http_call *call) {
    resume(call, CURLPAUSE_RECV);
}

void http_call_resume_read(struct http_call *call) {
    resume(call, CURLPAUSE_SEND);
}

void http_call_cancel(struct http_call *call) {
    fail_call(call, HTTP_CALL_STOPPED, "cancelled");
}

// ---- the client

static void init_curl(void) {
    ASSERT(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
}

static void init_timer(struct http_client *c, uv_timer_t *timer) {
    ASSERT(uv_timer_init(&c->loop->uv, timer) == 0);
    timer->data = c;
    c->handles_open++;
}

int http_client_new(struct loop *l, struct http_client **ret, struct err *e) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_curl);
    CURLM *multi = curl_multi_init();
    if (!multi)
        return err_set(e, ERR_INTERNAL, "the HTTP client could not be made");
    struct http_client *c = NEW(struct http_client);
    c->loop = l;
    c->multi = multi;
    init_timer(c, &c->timeout);
    init_timer(c, &c->kick);
    init_timer(c, &c->idle_tick);
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, c);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, set_timeout);
    curl_multi_setopt(multi, CURLMOPT_TIMERDATA, c);
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_KEPT);
    *ret = c;
    return 0;
}

void http_client_use_tls(struct http_client *c, struct tls_credentials *credentials) {
    c->tls = credentials;
}

static void on_timer_closed(uv_handle_t *handle) {
    struct http_client *c = handle->data;
    if (--c->handles_open == 0)
        free(c);
}

static void destroy(struct http_client *c) {
    curl_multi_cleanup(c->multi);
    uv_close((uv_handle_t *)&c->timeout, on_timer_closed);
    uv_close((uv_handle_t *)&c->kick, on_timer_closed);
    uv_close((uv_handle_t *)&c->idle_tick, on_timer_closed);
}

void http_client_free(struct http_client *c) {
    if (!c || c->dying)
        return;
    enter(c);
    for (struct http_call *call = c->calls; call; call = call->next)
        http_call_cancel(call);
    c->dying = true;
    leave(c);
}
