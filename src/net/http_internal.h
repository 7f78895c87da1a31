// The HTTP server's inside, shared by its files and by nobody else.
//
//   http_server.c      the listener, dealing connections out, drain, counters
//   http_clients.c     connections of each client address
//   http_shard.c       what a loop keeps for its connections: the timer, the list of those to look after, the date
//   http_connection.c  a connection's life: reading, its phases, deadlines, the end
//   http_deadline.c    how long a client may take, and what is slow
//   http_parser.c      bytes to a request head and to chunked body data (llhttp), and what is refused
//   http_exchange.c    what a handler asks about a request
//   http_body.c        the request's body on its way to the handler
//   http_response.c    the answer's head, whole answers
//   http_stream.c      answers written piece by piece
//   http_output.c      bytes and files on their way to the socket
//   http_transport.c   the socket: plain or TLS
//
// Two rules keep this simple. No callback is ever called from inside a function that a handler called: such a function
// leaves a mark, and http_connection_run, which alone calls handlers, looks at the marks. And only http_connection_run
// and the functions below it end or free a connection, so that an exchange stays valid until the handler returns.
#ifndef SPEAR_NET_HTTP_INTERNAL_H
#define SPEAR_NET_HTTP_INTERNAL_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "net/http_server.h"
#include "net/tls.h"

#include <netinet/in.h>
#include <stdatomic.h>
#include <sys/uio.h>

enum {
    HTTP_READ_BYTES = 64 * 1024,             // one read; also the most that is read ahead of what is wanted
    HTTP_FIELDS_MAX = 100,                   // fields of a header section
    HTTP_OUTPUT_HIGH_BYTES = 256 * 1024,     // more waits: a stream is asked to hold back
    HTTP_OUTPUT_LOW_BYTES = 64 * 1024,       // less waits: it may go on, and the next request may be read
    HTTP_DISCARD_BYTES = 64 * 1024,          // an unread body up to this is dropped to keep the connection
    HTTP_LINGER_BYTES = 16 * 1024 * 1024,    // what is dropped from a client that still sends after the last answer
    HTTP_LINGER_MS = 5 * 1000,               // and for how long
    HTTP_LINGER_QUIET_MS = 2000,             // and how long it may be silent meanwhile
    HTTP_CHUNK_EXTENSIONS_BYTES = 16 * 1024, // of one message
};

// ---- one loop's share of the server
struct http_shard {
    struct http_server *server;
    struct loop *loop;
    uv_timer_t tick;      // looks at the deadlines of all connections
    uv_prepare_t prepare; // before the loop waits: connections with a mark
    int handles_open;
    struct http_connection *first;
    struct http_connection *hand; // where the search for one that makes room goes on; NULL: at the first
    struct http_connection *marked_first, *marked_last;
    void (*drained)(struct http_shard *shard); // while draining: when no exchange is left
    uint64_t lent_bytes;                       // of all its connections' outputs
    char *scratch;                             // HTTP_READ_BYTES and a record: what was just read
    bool open;                                 // the handles are there; connections may come
    size_t running;                            // exchanges not yet answered, those whose client has gone included
    bool draining, closing;
    bool cut;            // closing without waiting for them
    bool closed;         // its handles are closed or closing
    int64_t date_second; // of `date`
    char date[HTTP_DATE_TEXT];
    _Atomic uint64_t requests_total, refused_total;
};

struct http_server {
    struct http_server_config config; // ceilings and timeouts, defaults filled in
    char *address;
    atomic_int references; // the owner's, each connection's, each open handle's
    _Atomic uint64_t connections_open, connections_total, refused_total;
    _Atomic uint64_t tls_failed_total, tls_reported_ms;
    struct http_clients *clients; // NULL: no limit per client
    // Loop 0 only:
    int listener;
    uv_poll_t accept_poll;
    struct loop_timer *accept_pause;
    size_t next_shard;
    struct loop_timer *drain_timer;
    size_t drain_waiting; // shards that have not reported yet
    enum { HTTP_DRAIN_NONE, HTTP_DRAIN_RUNNING, HTTP_DRAIN_CLOSING, HTTP_DRAIN_DONE } drain_state;
    void (*drain_done)(void *ctx);
    void *drain_ctx;
    size_t shard_count;
    struct http_shard shards[];
};

// ---- what waits to be written
struct http_output {
    char *p; // bytes [start, end)
    size_t start, end, capacity;
    // After them at most one of: a body that its owner lent, or a part of a file.
    char *lent;
    size_t lent_sent, lent_bytes;
    void (*release)(void *body);
    int file;
    uint64_t file_offset, file_left;
    bool file_busy;      // a thread of the pool is sending
    ssize_t file_result; // what it sent
    int file_error;      // why it stopped early, or 0
    uv_work_t file_work;
    char *file_piece; // TLS: what the thread has read
    bool blocked;     // the socket took no more
};

// ---- one request and its answer
enum http_body_state {
    HTTP_BODY_UNASKED,
    HTTP_BODY_ASKED, // http_body_read was called, nothing has happened yet
    HTTP_BODY_READING,
    HTTP_BODY_PAUSED,  // the sink said no
    HTTP_BODY_DROPPED, // answered without it: the little that is left is thrown away
    HTTP_BODY_ENDED    // the sink has had its end, or never will
};
enum http_answer_state { HTTP_ANSWER_NONE, HTTP_ANSWER_STREAMING, HTTP_ANSWER_DONE };

struct http_cleanup { // in the exchange's arena
    struct http_cleanup *next;
    bool on_heap;
    void (*fn)(void *arg);
    void *arg;
};

struct http_exchange {
    struct arena arena;
    struct span method, target, path, query;
    size_t header_count;
    int64_t content_length; // -1: chunked
    void *user;
    const void *route; // of http_router.c: the path parameters
    struct http_cleanup *cleanups;
    bool running; // a handler has it and has not answered yet
    bool is_head, http10;
    bool keep_alive;
    bool expects_continue; // and has not got it yet
    bool dropped;          // nobody will see the answer: it is thrown away

    enum http_body_state body;
    bool body_complete; // every byte of it has been read
    bool body_resumed;  // http_body_resume was called inside the sink
    uint64_t body_left; // with a length
    uint64_t body_seen, body_max;
    struct http_body_sink sink;
    void *sink_ctx;
    struct buf collected;
    void (*collect)(struct http_exchange *x, struct span body, void *ctx);
    void *collect_ctx;

    enum http_answer_state answer;
    bool answer_chunked, answer_bodyless;
    int64_t answer_left; // bytes promised by Content-Length and not written yet; -1: not promised
    bool answer_held;    // http_stream_write said false
    void (*drain)(void *ctx);
    void *drain_ctx;
    void (*abort)(void *ctx);
    void *abort_ctx;
    bool abort_on_end; // the end of input counts as going
};

// ---- one connection
enum http_phase {
    HTTP_PHASE_IDLE,      // between requests
    HTTP_PHASE_HEAD,      // a request's head is coming
    HTTP_PHASE_EXCHANGE,  // a request is with its handler, or its answer is on its way
    HTTP_PHASE_FLUSH,     // the last answer is on its way
    HTTP_PHASE_LINGER,    // everything was sent; what the client still sends is dropped until it closes
    HTTP_PHASE_HANDSHAKE, // of TLS, before everything else
    HTTP_PHASE_GONE       // the socket is closed; the exchange may still be running
};

// Why a request is refused before it reaches a handler.
struct http_refusal {
    int status;
    enum err_kind kind;
    const char *why;
};

struct http_request_memory { // only while a request is there
    struct http_header headers[HTTP_FIELDS_MAX];
    size_t used_bytes, size_bytes;
    char text[];
};

struct http_connection {
    struct http_exchange x;
    struct http_shard *shard;
    struct http_connection *previous, *next; // of the shard
    struct http_connection *next_marked;
    uv_poll_t poll;
    int fd;
    struct tls_session *tls; // NULL: plain
    int polled;              // events asked of poll
    enum http_phase phase;
    bool marked, eof, poll_closed;
    bool broken;       // the socket is of no use any more: cut when control is back
    bool reset_on_cut; // so that a client that reads until the end notices
    bool overruling;   // the answer being written is the server's own, not the handler's
    int depth;         // http_connection_run is on the stack, or a post is under way: do not free
    struct http_output out;
    struct buf pending; // read and not yet wanted, from pending_used on
    size_t pending_used;
    uint64_t read_deadline_ms, write_deadline_ms, quiet_since_ms; // uv_now; 0: none
    uint64_t read_left_ms;                                        // of body_timeout_ms, while no body is wanted; 0: all
    int write_queued_bytes;                                       // in the socket when progress was last seen
    uint64_t linger_until_ms;
    size_t linger_bytes;
    // parsing
    struct http_parser *parser; // llhttp's; http_parser.c knows it
    struct http_request_memory *memory;
    size_t head_bytes, chunk_bytes, trailer_bytes; // read of each
    size_t chunk_extension_bytes;
    unsigned leading_bytes; // of the empty line that may stand before a request
    char first_byte;        // of the request
    char last_byte;         // of its first line, as far as it came
    bool parser_line_done, parser_in_value, parser_version_done, parser_head_done, parser_body_done;
    struct http_refusal refusal;
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } peer;
};

static inline struct http_connection *http_connection_of(const struct http_exchange *x) {
    return CONTAINER_OF((struct http_exchange *)(uintptr_t)x, struct http_connection, x);
}

static inline uint64_t http_connection_now_ms(const struct http_connection *c) {
    return uv_now(&c->shard->loop->uv);
}

// http_clients.c: from any thread
struct http_clients *http_clients_new(bool loopback_unlimited);
void http_clients_free(struct http_clients *clients);                                 // NULL allowed
size_t http_clients_enter(struct http_clients *clients, const struct sockaddr *peer); // how many it had; 0: not counted
void http_clients_leave(struct http_clients *clients, const struct sockaddr *peer);

// http_shard.c
void http_shard_open(struct http_shard *shard); // on its loop; again is harmless
void http_shard_add(struct http_connection *c);
void http_shard_remove(struct http_connection *c);
void http_shard_mark(struct http_connection *c); // http_connection_run before the loop waits again
void http_shard_unmark(struct http_connection *c);
void http_shard_drain(struct http_shard *shard);           // refuse new exchanges, call `drained` when none is left
void http_shard_close(struct http_shard *shard, bool cut); // idle connections, or all; then its handles, then `drained`
const char *http_shard_date(struct http_shard *shard);
void http_shard_refused(struct http_shard *shard);
// Hangs up a connection that has been between requests for a while. False when a short search found none.
bool http_shard_make_room(struct http_shard *shard);
// n bytes more are lent to its outputs; marks who has been slow for longest to be cut when that is too much.
void http_shard_lent(struct http_shard *shard, size_t n);

// http_server.c
void http_server_ref(struct http_server *s);
void http_server_unref(struct http_server *s);
void http_server_gone(struct http_server *s, const struct sockaddr *peer); // a connection that was counted

// http_connection.c
// `refusal` NULL: it may send requests; else it is told why not.
void http_connection_new(struct http_shard *shard, int fd, const struct sockaddr *peer, socklen_t peer_bytes,
                         const char *refusal);
// Does everything that can be done now; [p, p + n) was just read. False when the connection is gone by then.
bool http_connection_run(struct http_connection *c, const char *p, size_t n);
void http_connection_cut(struct http_connection *c); // closes the socket now and tells the exchange
bool http_connection_wants_bytes(const struct http_connection *c);
void http_connection_trim(struct http_connection *c); // gives memory back
bool http_connection_is_quiet(const struct http_connection *c);
bool http_connection_hang_up(struct http_connection *c); // a quiet one, unless a request has just arrived
// After a handler's call changed something: leaves a mark; or writes as well.
void http_connection_mark(struct http_connection *c);
void http_connection_touched(struct http_connection *c);
// Frees it when the socket is closed, the exchange answered and nobody on the stack needs it.
void http_connection_release(struct http_connection *c);
// The client has gone and a handler asks for something that will not come: tells it so from the loop.
void http_connection_tell_later(struct http_connection *c);
// Answers a request that will not reach a handler.
void http_connection_refuse(struct http_connection *c, struct http_refusal refusal);
// The same when a handler has it: the handler's answer will be dropped.
void http_connection_overrule(struct http_connection *c, struct http_refusal refusal);

// http_transport.c
bool http_transport_open(struct http_connection *c); // false: no memory for TLS
// As recv and send, but that a TLS read has room for wanted + TLS_RECORD_BYTES.
ssize_t http_transport_receive(struct http_connection *c, char *p, size_t wanted);
ssize_t http_transport_send(struct http_connection *c, struct iovec *parts, size_t count, int flags);
bool http_transport_read_waits(const struct http_connection *c); // to be tried again when the socket is writable
bool http_transport_end(struct http_connection *c);              // says farewell; false: again when it is writable
void http_transport_close(struct http_connection *c);            // before the socket is closed
// Goes on with it. After TLS_FAILED the connection is broken, or was told why (by an alert, or in plain HTTP) and lingers.
enum tls_progress http_transport_handshake(struct http_connection *c);

// http_deadline.c
void http_deadline_tick(struct http_connection *c, uint64_t now_ms);
void http_deadline_read(struct http_connection *c, size_t n); // n bytes came, perhaps none, in an exchange
void http_deadline_write_blocked(struct http_connection *c);
void http_deadline_wrote(struct http_connection *c, size_t n);
void http_deadline_linger(struct http_connection *c, size_t n); // n bytes were dropped after the last answer

// http_parser.c
enum http_parsed { HTTP_PARSED_MORE, HTTP_PARSED_DONE, HTTP_PARSED_REFUSED };
void http_parser_new(struct http_connection *c);
void http_parser_free(struct http_connection *c);
void http_parser_reset(struct http_connection *c); // for the next request
enum http_parsed http_parser_head(struct http_connection *c, const char *p, size_t n, size_t *ret_used);
enum http_parsed http_parser_chunks(struct http_connection *c, const char *p, size_t n, size_t *ret_used);
// Checks what llhttp leaves open and fills the exchange; false with c->refusal set.
bool http_parser_check(struct http_connection *c);

// http_body.c
// Bytes of the message to the sink; returns how many were used.
size_t http_body_take(struct http_connection *c, const char *p, size_t n);
bool http_body_deliver(struct http_exchange *x, struct span data); // false: no more for now
bool http_body_settle(struct http_exchange *x);                    // does what is due without new bytes; true: did
void http_body_lost(struct http_exchange *x); // the rest will not come: tells the sink, if one waits
// What is left is little and surely coming: worth reading to keep the connection.
bool http_body_can_be_dropped(const struct http_exchange *x);

// http_exchange.c
void http_exchange_reset(struct http_exchange *x); // frees what the request had
// fn(arg) when the exchange's memory goes.
void http_exchange_defer(struct http_exchange *x, void (*fn)(void *arg), void *arg);

// http_output.c
void http_output_init(struct http_output *out);
void http_output_done(struct http_output *out);               // drops what waits
void http_output_trim(struct http_output *out);               // gives memory back when nothing waits
char *http_output_reserve(struct http_output *out, size_t n); // room at the end; then add to `end`
void http_output_append(struct http_output *out, struct span bytes);
// Writes the parts now as far as the socket takes them, and keeps the rest.
void http_output_write(struct http_connection *c, const struct span parts[], size_t count);
void http_output_lend(struct http_output *out, char *body, size_t n, void (*release)(void *body));
void http_output_file(struct http_output *out, int fd, uint64_t offset, uint64_t length);
// Bytes that wait, the file's excluded.
size_t http_output_waiting(const struct http_output *out);
bool http_output_is_empty(const struct http_output *out);
// Writes what the socket takes; sets c->broken when it takes nothing any more.
void http_output_flush(struct http_connection *c);

// http_response.c
struct http_answer_head {
    int status;
    const struct http_header *headers;
    size_t header_count;
    int64_t length; // -1: not known
    bool whole;     // nothing of the request's body will be read after this answer
};
// Appends the head; decides about the connection and the body's framing.
void http_response_head(struct http_exchange *x, const struct http_answer_head *head);
// The handler has answered: the last thing a function that answers does.
void http_response_done(struct http_exchange *x);
void http_response_continue(struct http_exchange *x); // 100

#endif
