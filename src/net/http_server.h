// An HTTP/1.1 server (RFC 9110, RFC 9112) on event loops: libuv watches the sockets, llhttp reads the messages.
//
// Threads: connections are dealt out to the loops in turn; a connection, its exchanges and every callback about them
// stay on one loop. Every function here that takes an exchange is called on that loop (http_exchange_loop).
//
// An exchange is one request and its answer. The handler gets it when the header section is whole and must answer it
// exactly once, now or later: http_respond, http_respond_owned, http_respond_file, or http_stream_start …
// http_stream_end (or _abort). The exchange lives until it is answered, also when the client has gone (answering is
// then harmless, and http_on_abort tells early). Once it is answered no callback about it comes any more, the body's
// included, and whoever answered must not touch it again. No callback is ever called from inside a function of this
// header. Requests that a client pipelines wait, unparsed, until the one before them is answered, so that answers keep
// their order and nothing piles up. A client that closes only its sending side still gets its answers.
//
// Refused with 400 and a closed connection, before any handler: more than one Content-Length or Host, none of Host
// (HTTP/1.1), Content-Length together with Transfer-Encoding, a transfer coding other than chunked, bad chunk sizes,
// obsolete line folding, NUL, bare CR or LF, blanks before a colon, CONNECT, a target that is not absolute-path,
// absolute-form or (OPTIONS) "*". Ceilings: 414, 431. Unknown method: 501; version other than 1.0 and 1.1: 505;
// expectation other than 100-continue: 417. All of these are problem+json. What goes wrong in a body when a handler has
// the exchange already (malformed chunks, cut off: 400; too slow: 408) is answered by the server in the handler's
// place, or cuts an answer that has begun; the handler still answers, to nobody.
#ifndef SPEAR_NET_HTTP_SERVER_H
#define SPEAR_NET_HTTP_SERVER_H

#include "base/arena.h"
#include "base/loop.h"
#include "base/span.h"

struct http_server;
struct http_exchange;

enum { HTTP_RATE_MIN_BYTES = 512 };

struct tls_credentials;

typedef void http_handler(struct http_exchange *x, void *ctx);

struct http_server_config {
    const char *address; // "host:port", "[::1]:80"; port 0 picks a free one
    int listener; // a listening TCP socket to serve instead, the server's from now on; 0: none (base/activation.h)
    http_handler *handler; // called once a request, on the connection's loop
    void *ctx;
    size_t target_max_bytes;  // 0: 8 KiB, above 414
    size_t headers_max_bytes; // 0: 32 KiB for the whole header section, above 431; at most 100 fields
    size_t arena_max_bytes;   // 0: 1 MiB of request-lifetime memory per exchange
    // 0: 10,000. One more takes the place of one that has been between requests for a second, or is answered 503 and closed.
    size_t connections_max;
    // Of one address (IPv6: one /64). 0: no limit; one more is answered 503 and closed.
    size_t connections_per_client_max;
    bool loopback_unlimited; // the limit per client does not count 127.0.0.0/8 and ::1
    // 0: 512 MiB of bodies given to http_respond_owned that their clients have not read: above it the client that has been
    // slow for longest is cut.
    uint64_t answers_max_bytes;
    uint64_t header_timeout_ms; // 0: 10 s from a request's first byte to the end of its header section
    // A client that is slower than HTTP_RATE_MIN_BYTES a second loses the time that it wastes from these two; what it
    // does in time fills them up again.
    uint64_t body_timeout_ms;  // 0: 30 s while the server wants body: 408 and close
    uint64_t write_timeout_ms; // 0: 60 s while an answer waits to be read by the client: cut
    uint64_t idle_timeout_ms;  // 0: 75 s between requests
    // A server's (tls.h); it outlives the server. NULL: plain HTTP. A handshake has header_timeout_ms.
    struct tls_credentials *tls;
    // May be NULL. On a connection's loop, at most once a second: a handshake failed. `why` is a sentence.
    void (*tls_failed)(void *ctx, const char *peer, const char *why);
};

// Binds and listens; the acceptor lives on loops[0], on whose thread (or before it runs) this is called. The loops'
// memory must outlive the server. ERR_IO names the address and why.
int http_server_start(const struct http_server_config *config, struct loop *const loops[], size_t loop_count,
                      struct http_server **ret, struct err *e);
// "127.0.0.1:43210", the address really bound.
const char *http_server_address(const struct http_server *s);
// Running exchanges end; every new one is answered 503 with Connection: close; idle connections close. Calls done(ctx)
// on loops[0] when none is left (those whose client has gone included) or after grace_ms, when the rest are cut: their
// exchanges must still be answered. By then nothing of the server is left on the loops. Call once, on loops[0].
void http_server_drain(struct http_server *s, uint64_t grace_ms, void (*done)(void *ctx), void *ctx);
// After the drain's done; without a drain it cuts what is open, by posts to the loops. NULL allowed. On loops[0].
void http_server_free(struct http_server *s);

struct http_server_stats {
    uint64_t connections_open, connections_total, requests_total, refused_total, tls_failed_total;
};
void http_server_stats(const struct http_server *s, struct http_server_stats *ret); // from any thread

// ---- the request; spans live as long as the exchange
struct http_header {
    struct span name, value;
};

struct loop *http_exchange_loop(const struct http_exchange *x);
struct arena *http_arena(struct http_exchange *x);      // freed with the exchange
struct span http_method(const struct http_exchange *x); // "GET"
bool http_method_is(const struct http_exchange *x, const char *method);
struct span http_target(const struct http_exchange *x); // as sent
struct span http_path(const struct http_exchange *x);   // the target's path, still percent-encoded
struct span http_query(const struct http_exchange *x);  // without '?', still encoded
// The decoded value of the first query parameter of that name ('+' is a blank, by the HTML form rule; a value with a
// bad escape comes as it was sent). False when absent.
bool http_query_value(struct http_exchange *x, const char *name, struct span *ret_value);
// The first field of that name (case ignored), or NULL. Values have no blanks at their ends.
const struct http_header *http_header(const struct http_exchange *x, const char *name);
struct span http_header_value(const struct http_exchange *x, const char *name); // empty when absent
const struct http_header *http_headers(const struct http_exchange *x, size_t *ret_count);
bool http_has_body(const struct http_exchange *x);
int64_t http_content_length(const struct http_exchange *x); // -1: chunked; 0: no body
const char *http_peer_address(struct http_exchange *x);     // "127.0.0.1:50000"
// The program's own pointer that travels with the exchange: in sms and spearlet who asks (their auth.h).
void http_set_user(struct http_exchange *x, void *user);
void *http_user(const struct http_exchange *x);
// fn(ctx) once, if the client goes before the handler has answered (a reset, a failed write, a timeout; an end of input
// is none of these). It comes after the body's end(HTTP_BODY_ABORTED), unless that has answered. NULL takes it back.
void http_on_abort(struct http_exchange *x, void (*fn)(void *ctx), void *ctx);
// From now on the end of input counts as going: for an answer that may be silent for long, where a client that has closed
// would not be noticed before the next write. Whoever only half-closes gets no more of it then.
void http_abort_on_end(struct http_exchange *x);

// ---- the request's body
enum http_body_end {
    HTTP_BODY_COMPLETE,
    HTTP_BODY_ABORTED,  // the client went, was too slow, or sent a malformed body; the answer will not be seen by all
    HTTP_BODY_TOO_LARGE // more than max_bytes announced or received; nothing after it is read
};
struct http_body_sink {
    // Takes a chunk (valid during the call). Return false to pause: nothing more comes until http_body_resume, which
    // may also be called in here already.
    bool (*data)(void *ctx, struct span chunk);
    // Once, last, unless the exchange is answered first. Never called while paused, except for HTTP_BODY_ABORTED.
    void (*end)(void *ctx, enum http_body_end how);
};
// Starts reading (answers "Expect: 100-continue" with 100 first). Call once; an exchange without body gets its end,
// too. What is not read before the answer is dropped: up to 64 KiB that are announced keep the connection, otherwise it
// closes after the answer, a little being read until then so that the client sees the answer.
void http_body_read(struct http_exchange *x, uint64_t max_bytes, const struct http_body_sink *sink, void *ctx);
void http_body_resume(struct http_exchange *x);
// Gathers the whole body and calls fn with it (valid as long as the exchange, NUL-terminated). A body that is too
// large, cut off or malformed is answered here (413, 400) and fn is not called.
void http_body_collect(struct http_exchange *x, size_t max_bytes,
                       void (*fn)(struct http_exchange *x, struct span body, void *ctx), void *ctx);

// ---- the answer. Date, Content-Length or Transfer-Encoding, and Connection are the server's (a caller's are left
// out); the rest is the caller's. For HEAD the body is left out and its length kept. Header values with CR, LF or NUL
// are an assertion: check what comes from outside with http_field_value_ok first.
bool http_field_value_ok(struct span value);
// "Not Found" for 404 (RFC 9110 §15); empty for a status of which nobody here knows.
struct span http_status_phrase(int status);
// Headers and body are copied.
void http_respond(struct http_exchange *x, int status, const struct http_header *headers, size_t header_count,
                  struct span body);
// The body is not copied: release(body) is called when it has been written or dropped, perhaps in here already.
void http_respond_owned(struct http_exchange *x, int status, const struct http_header *headers, size_t header_count,
                        char *body, size_t body_bytes, void (*release)(void *body));
// Sends [offset, offset + length) of fd with sendfile on the thread pool (a small part that is in memory already: at
// once); takes fd and closes it. A file that is shorter than that cuts the connection.
void http_respond_file(struct http_exchange *x, int status, const struct http_header *headers, size_t header_count,
                       int fd, uint64_t offset, uint64_t length);
// content_length -1 gives chunked coding (or a close, for HTTP/1.0).
void http_stream_start(struct http_exchange *x, int status, const struct http_header *headers, size_t header_count,
                       int64_t content_length);
// Copies and sends. False when more than 256 KiB wait: hold back until drain(ctx). Data is accepted all the same. When
// the client has gone, drain is called once more and everything is taken and dropped. More than content_length cuts.
bool http_stream_write(struct http_exchange *x, struct span chunk);
void http_stream_on_drain(struct http_exchange *x, void (*drain)(void *ctx), void *ctx);
void http_stream_end(struct http_exchange *x); // less than content_length: cuts, as abort does
// The rest will not come: cuts the connection so that the client notices.
void http_stream_abort(struct http_exchange *x);

#endif
