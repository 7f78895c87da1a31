// An HTTP client on an event loop, through libcurl's multi interface. The only file that includes curl.
//
// A client belongs to one loop; connections to a host are kept and used again. A request streams in both directions
// with backpressure. Redirects are not followed, proxies and .netrc ignored, only http and https are spoken. A request that breaks
// on a kept connection before any answer is sent once more on a new one when its method is idempotent (RFC 9110 §9.2.2),
// and is HTTP_CALL_BROKEN otherwise, because it may have been acted on. Content-Length, Transfer-Encoding, Connection
// and Expect are the client's (a caller's are left out); bodies from 1 MiB on are announced with Expect: 100-continue.
//
// Any function here may be called from inside any callback.
#ifndef SPEAR_NET_HTTP_CLIENT_H
#define SPEAR_NET_HTTP_CLIENT_H

#include "base/loop.h"
#include "net/http_server.h"
#include "net/tls.h"

struct http_client;
struct http_call; // one request under way

int http_client_new(struct loop *l, struct http_client **ret, struct err *e);
// What https:// addresses are checked with and what we show them, as they are when a call begins; without it the system's
// authorities count. A client's credentials (tls.h), which outlive c. Before the first call.
void http_client_use_tls(struct http_client *c, struct tls_credentials *credentials);
// Cancels what is under way (their `done` gets ERR_EXECUTION_TERMINATED). Call on the loop's thread.
void http_client_free(struct http_client *c);

// Why a call failed, for the decision to try again.
enum http_call_failure {
    HTTP_CALL_OK,
    HTTP_CALL_CONNECT, // nothing was sent: name not found, refused, connect timeout, a certificate that is not accepted
    HTTP_CALL_TIMEOUT, // the total or idle timeout
    HTTP_CALL_BROKEN,  // reset, truncated, malformed answer
    HTTP_CALL_STOPPED, // cancelled, or the caller's `read` gave up or ended before read_length
};

struct http_call_config {
    const char *method;
    const char *url;                   // http://… or https://…; copied
    const struct http_header *headers; // copied
    size_t header_count;
    // The body: a span (kept by reference until done), or pulled from `read`.
    struct span body;
    // Fills p with up to n bytes: > 0 filled, 0 end, HTTP_CALL_PAUSE nothing now (http_call_resume_read later),
    // HTTP_CALL_ABORT.
    ssize_t (*read)(void *ctx, char *p, size_t n);
    int64_t read_length;         // of a pulled body; -1: chunked
    uint64_t connect_timeout_ms; // 0: 5 s
    uint64_t idle_timeout_ms;    // 0: none; gives up when no byte moved for so long
    uint64_t total_timeout_ms;   // 0: none
    size_t headers_max_bytes;    // 0: 64 KiB
    // The answer's status and headers, once. May be NULL. Spans are valid during the call.
    void (*head)(void *ctx, int status, const struct http_header *headers, size_t header_count);
    // The answer's body. True: taken. False: pause (the same bytes come again after http_call_resume). May be NULL
    // (dropped).
    bool (*data)(void *ctx, struct span chunk);
    // Exactly once, last; the call is gone afterwards. e is NULL on success, whatever the status.
    void (*done)(void *ctx, int status, enum http_call_failure failure, const struct err *e);
    void *ctx;
};
enum { HTTP_CALL_PAUSE = -1, HTTP_CALL_ABORT = -2 };

// Starts; all callbacks come later, from the loop. Never NULL.
struct http_call *http_call_start(struct http_client *c, const struct http_call_config *config);
void http_call_resume(struct http_call *call);      // take the answer's body again
void http_call_resume_read(struct http_call *call); // ask `read` again
// Ends it; done is called before this returns, with HTTP_CALL_STOPPED.
void http_call_cancel(struct http_call *call);

#endif
