// Calls to sms, one after the other: each runs the loop until its answer is there.
//
// An answer that is an error (application/problem+json) becomes a struct err of the kind it names; a server that cannot be
// reached becomes ERR_UNAVAILABLE. SIGINT, SIGTERM and SIGHUP end the call under way: api->cli->signal is set, the call
// fails with ERR_EXECUTION_TERMINATED and the command unwinds as after any error, so that it can clean up.
#ifndef SPEAR_CLI_API_H
#define SPEAR_CLI_API_H

#include "base/json.h"
#include "cli/cli.h"
#include "net/http_client.h"

enum {
    API_SIGNALS = 3,
    API_HINT_MAX = 256,
    API_BODY_MAX = 512 * 1024 * 1024,
    API_FIELD_MAX = 300,
    API_PATH_MAX = 64 * 1024
};

struct api {
    struct cli *cli;
    struct loop loop;
    struct http_client *client;
    struct tls_credentials *tls; // NULL: none given
    const char *scheme;          // "http" or "https", of sms and of the nodes it names
    char *sms_addr;
    uv_signal_t signals[API_SIGNALS];
    uv_prepare_t before_poll; // ends api_wait
    struct api_wait *waiting;
    unsigned signal_count;   // how often a signal came
    char hint[API_HINT_MAX]; // the next step after the last failure, "" when there is none
};

struct api_request {
    const char *method;
    const char *address; // host:port; NULL: sms
    const char *path;    // with its query, encoded
    const struct http_header *headers;
    size_t header_count;
    struct span body;
    ssize_t (*read)(void *ctx, char *p, size_t n); // instead of body, as in http_client.h
    int64_t read_length;
    // Takes the body of a 2xx answer of `status` as it comes; false ends the call. NULL: it is gathered in the reply.
    bool (*data)(void *ctx, struct span chunk);
    void (*head)(void *ctx, const struct http_header *headers, size_t header_count); // of a 2xx answer; may be NULL
    void *ctx;
    uint64_t total_timeout_ms, idle_timeout_ms; // 0: none
};

struct api_reply {
    int status; // 0 when there was no answer
    struct buf body;
    char execution_id[API_FIELD_MAX], node_addr[API_FIELD_MAX]; // x-execution-id, x-node-http-addr, or ""
    char repr_digest[API_FIELD_MAX], content_type[API_FIELD_MAX];
};

// `sms_addr` is the command line's, or NULL: one that is started here, without TLS.
int api_init(struct api *api, struct cli *cli, const char *sms_addr, struct err *e);
void api_done(struct api *api);

// Fills the reply in any case (free with api_reply_done). 0 for a 2xx answer.
int api_call(struct api *api, const struct api_request *request, struct api_reply *reply, struct err *e);
void api_reply_done(struct api_reply *reply);
// A call whose answer is a JSON object.
int api_json(struct api *api, const struct api_request *request, struct json_doc **ret_doc, struct err *e);
// Prints the answer's body as it is.
int api_print(struct api *api, const struct api_request *request, struct err *e);

// Runs the loop until condition(ctx), or a signal comes, or after_ms (0: no limit). True when the condition holds then.
bool api_wait(struct api *api, uint64_t after_ms, bool (*condition)(void *ctx), void *ctx);
// "/api/v1/files/" and an encoded segment, and what follows; on the heap.
char *api_path(const char *before, const char *segment, const char *after);
// The address under which a server that listens there is reached from here: 0.0.0.0 becomes 127.0.0.1; on the heap.
char *api_reachable(const char *address);

// Follows the pages of a list (GET path?…&limit&offset) and calls row(ctx, object) for each member of `list`.
struct api_list {
    const char *path, *member; // "/api/v1/files", "files"
    const char *query;         // "&q=…", encoded, or ""
    uint64_t limit, offset;
    bool all; // all pages from offset
};
enum { API_PAGE = 100 };
int api_list(struct api *api, const struct api_list *list, int (*row)(void *ctx, struct span key, json_val *value),
             void *ctx, uint64_t *ret_total, struct err *e);

#endif
