// One JSON request to sms and its answer, bounded in bytes and time. Trying again is the caller's.
#include "spearlet/sms_client.h"

#include "base/mem.h"
#include "net/http_client.h"

enum { ANSWER_MAX = 2 * 1024 * 1024, CONNECT_TIMEOUT_MS = 2000, TOTAL_TIMEOUT_MS = 5000 };

struct sms_client {
    struct http_client *http;
    const char *scheme;
    char *address;
    const char *authorization; // NULL: none
};

struct sms_request {
    struct sms_client *client;
    struct buf body, answer;
    sms_answered *done;
    void *ctx;
};

int sms_client_new(struct loop *l, const char *sms_http_addr, const char *authorization, struct tls_credentials *tls,
                   struct sms_client **ret, struct err *e) {
    struct http_client *http;
    if (http_client_new(l, &http, e) < 0)
        return -1;
    struct sms_client *c = NEW(struct sms_client);
    http_client_use_tls(http, tls);
    c->http = http;
    c->scheme = tls ? "https" : "http";
    c->address = mem_strdup(sms_http_addr);
    c->authorization = authorization;
    *ret = c;
    return 0;
}

void sms_client_free(struct sms_client *c) {
    if (!c)
        return;
    http_client_free(c->http);
    free(c->address);
    free(c);
}

static bool on_data(void *ctx, struct span chunk) {
    struct sms_request *request = ctx;
    buf_append_span(&request->answer, chunk); // past the ceiling: buf.full, which on_done looks at
    return true;
}

static void give_answer(struct sms_request *request, int status) {
    struct json_doc *doc = NULL;
    if (!request->answer.full)
        json_parse(buf_span(&request->answer), &doc, NULL);
    request->done(request->ctx, status, doc ? json_root(doc) : NULL, NULL);
    json_free(doc);
}

static void on_done(void *ctx, int status, enum http_call_failure failure, const struct err *e) {
    struct sms_request *request = ctx;
    struct err why;
    if (failure == HTTP_CALL_OK) {
        give_answer(request, status);
    } else {
        err_set(&why, ERR_UNAVAILABLE, "sms at %s does not answer: %s", request->client->address,
                e ? e->text : "the connection broke");
        request->done(request->ctx, 0, NULL, &why);
    }
    buf_done(&request->body);
    buf_done(&request->answer);
    free(request);
}

void sms_client_request(struct sms_client *c, const char *method, const char *path, struct json_out *body,
                        sms_answered *done, void *ctx) {
    struct sms_request *request = NEW(struct sms_request);
    *request = (struct sms_request){.client = c, .done = done, .ctx = ctx};
    buf_init(&request->body, ANSWER_MAX);
    buf_init(&request->answer, ANSWER_MAX);
    if (body)
        json_out_print(body, false, &request->body);
    json_out_free(body);
    AUTO_FREE char *url = mem_printf("%s://%s%s", c->scheme, c->address, path);
    struct http_header headers[2];
    size_t count = 0;
    if (body)
        headers[count++] = (struct http_header){SPAN_LITERAL("Content-Type"), SPAN_LITERAL("application/json")};
    if (c->authorization)
        headers[count++] = (struct http_header){SPAN_LITERAL("Authorization"), span_of(c->authorization)};
    struct http_call_config config = {.method = method,
                                      .url = url,
                                      .headers = headers,
                                      .header_count = count,
                                      .body = buf_span(&request->body),
                                      .connect_timeout_ms = CONNECT_TIMEOUT_MS,
                                      .total_timeout_ms = TOTAL_TIMEOUT_MS,
                                      .data = on_data,
                                      .done = on_done,
                                      .ctx = request};
    http_call_start(c->http, &config);
}
