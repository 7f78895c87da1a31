// A connection's life: its phases, reading, refusals, the end.
//
// http_connection_run is the engine: it takes what was read, settles what is due, writes, and asks the loop for what it
// waits for next. Everything that calls a handler hangs below it. Parsing is http_parser.c, the body http_body.c,
// writing http_output.c, what
// is too slow http_deadline.c.
#include "net/http_internal.h"
#include "net/problem.h"

#include <errno.h>
#include <unistd.h>

enum {
    READS_A_TURN = 4,
    DRAINS_A_TURN = 16,
    DROPS_A_TURN = 8,
    DROPPED_BYTES = 1024 * 1024 // at most by one call
};

// ---- the end

static void destroy(struct http_connection *c) {
    http_exchange_reset(&c->x);
    arena_done(&c->x.arena);
    buf_done(&c->x.collected);
    buf_done(&c->pending);
    http_output_done(&c->out);
    free(c->memory);
    http_parser_free(c);
    http_server_unref(c->shard->server);
    free(c);
}

void http_connection_release(struct http_connection *c) {
    if (c->phase == HTTP_PHASE_GONE && c->poll_closed && !c->x.running && !c->out.file_busy && c->depth == 0)
        destroy(c);
}

static void on_poll_closed(uv_handle_t *handle) {
    struct http_connection *c = handle->data;
    c->poll_closed = true;
    http_connection_release(c);
}

// The handler hears of the loss once by each way it asked for.
static void tell_lost(struct http_exchange *x) {
    x->dropped = true;
    http_body_lost(x);
    if (x->running && x->abort) {
        void (*fn)(void *) = TAKE(x->abort);
        fn(x->abort_ctx);
    }
    if (x->running && x->answer_held && x->drain) {
        x->answer_held = false;
        x->drain(x->drain_ctx);
    }
}

static void tell_posted(void *arg) {
    struct http_connection *c = arg;
    if (c->x.running)
        tell_lost(&c->x);
    c->depth--;
    http_connection_release(c);
}

void http_connection_tell_later(struct http_connection *c) {
    c->depth++;
    if (!loop_post(c->shard->loop, tell_posted, c))
        c->depth--;
}

static void close_socket(struct http_connection *c) {
    struct linger none = {.l_onoff = 1};
    if (c->reset_on_cut)
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    http_transport_close(c);
    uv_close((uv_handle_t *)&c->poll, on_poll_closed);
    if (c->out.file_busy)
        shutdown(c->fd, SHUT_RDWR); // closed when the thread is done with it
    else
        close(TAKE_FD(c->fd));
}

void http_connection_cut(struct http_connection *c) {
    if (c->phase == HTTP_PHASE_GONE)
        return;
    c->phase = HTTP_PHASE_GONE;
    http_shard_remove(c);
    close_socket(c);
    http_output_done(&c->out);
    http_server_gone(c->shard->server, &c->peer.any);
    c->depth++;
    if (c->x.running && !c->x.dropped)
        tell_lost(&c->x);
    c->depth--;
    http_connection_release(c);
}

// Everything is written. Closing while the client still sends would reset the connection and could cost it the answer.
// False: not yet.
static bool leave(struct http_connection *c) {
    char next;
    if (!http_transport_end(c))
        return false;
    bool sending = !c->x.body_complete || c->pending.n || recv(c->fd, &next, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
    if (c->eof || !sending || shutdown(c->fd, SHUT_WR) < 0) {
        http_connection_cut(c);
        return true;
    }
    c->phase = HTTP_PHASE_LINGER;
    http_deadline_linger(c, 0);
    return true;
}

// ---- refusing

static void write_problem(struct http_exchange *x, struct http_refusal refusal) {
    const struct http_header retry_after = {SPAN_LITERAL("Retry-After"), SPAN_LITERAL("1")};
    struct err e = {.kind = ERR_NONE};
    err_set(&e, refusal.kind, "%s", refusal.why);
    x->keep_alive = false;
    http_problem_full(x, refusal.status, &e, &retry_after, refusal.status == 503 ? 1 : 0, NULL, NULL);
}

void http_connection_refuse(struct http_connection *c, struct http_refusal refusal) {
    http_shard_refused(c->shard);
    c->phase = HTTP_PHASE_EXCHANGE;
    c->read_deadline_ms = 0;
    c->x.running = true;
    c->shard->running++;
    c->x.body = HTTP_BODY_ENDED;
    write_problem(&c->x, refusal);
}

void http_connection_overrule(struct http_connection *c, struct http_refusal refusal) {
    http_shard_refused(c->shard);
    c->read_deadline_ms = 0;
    if (c->x.answer != HTTP_ANSWER_NONE) {
        c->broken = true;
        return;
    }
    c->overruling = true;
    write_problem(&c->x, refusal);
    c->overruling = false;
    c->x.answer = HTTP_ANSWER_NONE;
    c->phase = HTTP_PHASE_FLUSH;
    if (c->x.running)
        tell_lost(&c->x);
}

// ---- one request after the other

static void begin_exchange(struct http_connection *c) {
    struct http_shard *shard = c->shard;
    c->read_deadline_ms = 0;
    if (!http_parser_check(c)) {
        http_connection_refuse(c, c->refusal);
        return;
    }
    if (shard->draining) {
        http_connection_refuse(c, (struct http_refusal){503, ERR_UNAVAILABLE, "the server is shutting down"});
        return;
    }
    atomic_fetch_add_explicit(&shard->requests_total, 1, memory_order_relaxed);
    c->phase = HTTP_PHASE_EXCHANGE;
    c->read_left_ms = 0;
    c->x.running = true;
    shard->running++;
    shard->server->config.handler(&c->x, shard->server->config.ctx);
}

static void finish_exchange(struct http_connection *c) {
    if (!c->x.keep_alive || !c->x.body_complete) {
        c->phase = HTTP_PHASE_FLUSH;
        c->read_deadline_ms = 0;
        return;
    }
    http_exchange_reset(&c->x);
    http_parser_reset(c);
    c->phase = HTTP_PHASE_IDLE;
    c->quiet_since_ms = http_connection_now_ms(c);
    c->read_deadline_ms = c->quiet_since_ms + c->shard->server->config.idle_timeout_ms;
}

static struct http_request_memory *new_memory(const struct http_server_config *config) {
    size_t size_bytes = config->target_max_bytes + config->headers_max_bytes;
    struct http_request_memory *memory = mem_alloc(sizeof *memory + size_bytes);
    memory->size_bytes = size_bytes;
    memory->used_bytes = 0;
    return memory;
}

static size_t take_head(struct http_connection *c, const char *p, size_t n) {
    const struct http_server_config *config = &c->shard->server->config;
    if (!c->memory)
        c->memory = new_memory(config);
    size_t used = 0;
    switch (http_parser_head(c, p, n, &used)) {
    case HTTP_PARSED_MORE:
        if (c->phase == HTTP_PHASE_IDLE && c->head_bytes) {
            c->phase = HTTP_PHASE_HEAD;
            c->read_deadline_ms = http_connection_now_ms(c) + config->header_timeout_ms;
        }
        break;
    case HTTP_PARSED_DONE:
        begin_exchange(c);
        break;
    case HTTP_PARSED_REFUSED:
        http_connection_refuse(c, c->refusal);
    }
    return used;
}

bool http_connection_wants_bytes(const struct http_connection *c) {
    switch (c->phase) {
    case HTTP_PHASE_EXCHANGE:
        return (c->x.body == HTTP_BODY_READING || c->x.body == HTTP_BODY_DROPPED) && !c->x.body_complete;
    case HTTP_PHASE_GONE:
        return false;
    default:
        return true;
    }
}

static size_t take(struct http_connection *c, const char *p, size_t n) {
    if (c->phase == HTTP_PHASE_IDLE || c->phase == HTTP_PHASE_HEAD)
        return take_head(c, p, n);
    if (c->phase == HTTP_PHASE_EXCHANGE)
        return http_body_take(c, p, n);
    return n; // after the last request
}

// What was read ahead comes first.
static bool take_some(struct http_connection *c, const char *p, size_t n, size_t *used) {
    if (!http_connection_wants_bytes(c))
        return false;
    size_t waiting = c->pending.n - c->pending_used;
    if (waiting) {
        c->pending_used += take(c, c->pending.p + c->pending_used, waiting);
        if (c->pending_used == c->pending.n) {
            c->pending_used = 0;
            buf_reset(&c->pending);
        }
        return true;
    }
    if (*used == n)
        return false;
    *used += take(c, p + *used, n - *used);
    return true;
}

// An answered exchange ends when the request's body is out of the way and the client has taken most of the answer.
static bool settle_answered(struct http_connection *c) {
    struct http_exchange *x = &c->x;
    if (!x->body_complete && x->keep_alive && x->body != HTTP_BODY_DROPPED) {
        x->keep_alive = http_body_can_be_dropped(x);
        x->body = HTTP_BODY_DROPPED;
        return true;
    }
    if (x->keep_alive && !x->body_complete)
        return false;
    bool much = http_output_waiting(&c->out) > HTTP_OUTPUT_LOW_BYTES || c->out.lent || c->out.file >= 0;
    if (x->keep_alive && much)
        return false;
    finish_exchange(c);
    return true;
}

// Does one thing that is due without new bytes; false when there is none.
static bool settle(struct http_connection *c) {
    if (c->phase == HTTP_PHASE_GONE)
        return false;
    if (c->broken) {
        http_connection_cut(c);
        return false;
    }
    if (c->phase == HTTP_PHASE_EXCHANGE)
        return c->x.answer == HTTP_ANSWER_DONE ? settle_answered(c) : http_body_settle(&c->x);
    return c->phase == HTTP_PHASE_FLUSH && http_output_is_empty(&c->out) && !c->out.blocked && leave(c);
}

// The client sends no more. Whoever only half-closed still gets the answer to what was whole.
static bool settle_end_of_input(struct http_connection *c) {
    struct http_exchange *x = &c->x;
    switch (c->phase) {
    case HTTP_PHASE_IDLE:
    case HTTP_PHASE_HEAD:
        c->phase = HTTP_PHASE_FLUSH;
        return true;
    case HTTP_PHASE_EXCHANGE:
        if (x->abort_on_end && x->running && x->body_complete) {
            http_connection_cut(c);
            return false;
        }
        if (x->body_complete || (x->body != HTTP_BODY_READING && x->body != HTTP_BODY_DROPPED))
            return false;
        if (x->running)
            http_connection_overrule(
                c, (struct http_refusal){400, ERR_INVALID_REQUEST, "the request ended before its body was whole"});
        x->keep_alive = false;
        return true;
    case HTTP_PHASE_LINGER:
        http_connection_cut(c);
        return false;
    default:
        return false;
    }
}

static bool advance(struct http_connection *c, const char *p, size_t n, size_t *used) {
    if (settle(c) || take_some(c, p, n, used))
        return true;
    return c->eof && *used == n && c->pending.n == 0 && settle_end_of_input(c);
}

// A stream that was asked to hold back may go on.
static bool release_stream(struct http_connection *c) {
    struct http_exchange *x = &c->x;
    if (c->phase != HTTP_PHASE_EXCHANGE || !x->answer_held || http_output_waiting(&c->out) > HTTP_OUTPUT_LOW_BYTES)
        return false;
    x->answer_held = false;
    if (x->drain)
        x->drain(x->drain_ctx);
    return true;
}

// ---- what the connection waits for

static void keep_rest(struct http_connection *c, const char *p, size_t n) {
    if (n == 0 || c->phase == HTTP_PHASE_GONE)
        return;
    buf_consume(&c->pending, c->pending_used);
    c->pending_used = 0;
    ASSERT(buf_append(&c->pending, p, n) == 0);
}

static void watch(struct http_connection *c);

static void run(struct http_connection *c, const char *p, size_t n) {
    size_t used = 0;
    int drains = 0;
    bool changed;
    do {
        while (advance(c, p, n, &used)) {
        }
        if (c->phase == HTTP_PHASE_GONE)
            return;
        http_output_flush(c);
        changed = settle(c);
        if (!changed && c->phase != HTTP_PHASE_GONE && drains++ < DRAINS_A_TURN)
            changed = release_stream(c);
    } while (changed);
    keep_rest(c, p + used, n - used);
}

bool http_connection_run(struct http_connection *c, const char *p, size_t n) {
    static const char nothing[1];
    c->depth++;
    run(c, p ? p : nothing, n);
    c->depth--;
    if (c->phase == HTTP_PHASE_GONE) {
        http_connection_release(c);
        return false;
    }
    if (c->x.answer_held && http_output_waiting(&c->out) <= HTTP_OUTPUT_LOW_BYTES)
        c->out.blocked = true; // its turn was long: the others first, this one when the loop comes round
    http_deadline_read(c, n);
    watch(c);
    return true;
}

void http_connection_mark(struct http_connection *c) {
    if (c->depth == 0 && c->phase != HTTP_PHASE_GONE)
        http_shard_mark(c);
}

void http_connection_touched(struct http_connection *c) {
    if (c->depth == 0 && c->phase != HTTP_PHASE_GONE)
        http_output_flush(c);
    http_connection_mark(c);
}

static bool wants_reading(const struct http_connection *c) {
    return !c->eof && c->pending.n - c->pending_used < HTTP_READ_BYTES;
}

// What comes after the last answer is dropped in the kernel (tcp(7), MSG_TRUNC).
static void drop_input(struct http_connection *c) {
    ssize_t n = 1;
    for (int i = 0; i < DROPS_A_TURN && n > 0; i++) {
        n = recv(c->fd, NULL, DROPPED_BYTES, MSG_TRUNC);
        if (n > 0)
            http_deadline_linger(c, (size_t)n);
    }
    if (n == 0 || c->linger_bytes > HTTP_LINGER_BYTES || (n < 0 && errno != EAGAIN && errno != EINTR))
        http_connection_cut(c);
}

static void read_socket(struct http_connection *c) {
    for (int i = 0; i < READS_A_TURN && wants_reading(c); i++) {
        size_t room =
            http_connection_wants_bytes(c) ? HTTP_READ_BYTES : HTTP_READ_BYTES - (c->pending.n - c->pending_used);
        ssize_t n = http_transport_receive(c, c->shard->scratch, room);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            c->broken = true;
        c->eof = c->eof || n == 0;
        if (!http_connection_run(c, c->shard->scratch, n > 0 ? (size_t)n : 0) || n < 0 || (size_t)n < room)
            return;
    }
}

static void go_on_with_handshake(struct http_connection *c) {
    switch (http_transport_handshake(c)) {
    case TLS_DONE:
        c->phase = HTTP_PHASE_IDLE;
        c->quiet_since_ms = http_connection_now_ms(c);
        c->read_deadline_ms = c->quiet_since_ms + c->shard->server->config.idle_timeout_ms;
        read_socket(c); // what came along with its end
        return;
    case TLS_FAILED:
        if (c->broken || shutdown(c->fd, SHUT_WR) < 0) {
            http_connection_cut(c);
            return;
        }
        c->phase = HTTP_PHASE_LINGER;
        http_deadline_linger(c, 0);
        break;
    default:
        break;
    }
    watch(c);
}

static void on_poll(uv_poll_t *poll, int status, int events) {
    struct http_connection *c = poll->data;
    // An error stops the poll. Urgent data (the only other cause of UV_PRIORITIZED) has no place in HTTP.
    if (status < 0 || (events & UV_PRIORITIZED)) {
        c->polled = 0;
        c->broken = true;
    }
    if (events & UV_WRITABLE)
        c->out.blocked = false;
    bool readable = !c->broken && ((events & UV_READABLE) || http_transport_read_waits(c));
    if (!c->broken && c->phase == HTTP_PHASE_HANDSHAKE)
        go_on_with_handshake(c);
    else if (readable && c->phase == HTTP_PHASE_LINGER)
        drop_input(c);
    else if (readable)
        read_socket(c);
    else
        http_connection_run(c, NULL, 0);
}

// Waiting for neither, it still listens for errors: UV_PRIORITIZED is quiet on a healthy connection.
static void watch(struct http_connection *c) {
    int events = (wants_reading(c) ? UV_READABLE : 0) | (c->out.blocked ? UV_WRITABLE : 0);
    if (c->phase == HTTP_PHASE_HANDSHAKE && c->out.blocked)
        events = UV_WRITABLE;
    if (events == 0)
        events = UV_PRIORITIZED;
    if (events == c->polled)
        return;
    c->polled = events;
    ASSERT(uv_poll_start(&c->poll, events, on_poll) == 0);
}

void http_connection_trim(struct http_connection *c) {
    free(TAKE(c->memory));
    arena_done(&c->x.arena);
    buf_done(&c->x.collected);
    buf_done(&c->pending);
    http_output_trim(&c->out);
}

bool http_connection_is_quiet(const struct http_connection *c) {
    if (c->phase == HTTP_PHASE_IDLE)
        return c->pending.n == 0 && http_output_is_empty(&c->out);
    return c->phase == HTTP_PHASE_LINGER || c->phase == HTTP_PHASE_HANDSHAKE || c->phase == HTTP_PHASE_GONE;
}

bool http_connection_hang_up(struct http_connection *c) {
    char next;
    if (c->phase == HTTP_PHASE_LINGER ||
        (c->phase == HTTP_PHASE_IDLE && recv(c->fd, &next, 1, MSG_PEEK | MSG_DONTWAIT) > 0))
        return false;
    http_connection_cut(c);
    return true;
}

// ---- the beginning

void http_connection_new(struct http_shard *shard, int fd, const struct sockaddr *peer, socklen_t peer_bytes,
                         const char *refusal) {
    struct http_connection *c = NEW(struct http_connection);
    if (uv_poll_init(&shard->loop->uv, &c->poll, fd) != 0) {
        close(fd);
        http_server_gone(shard->server, peer);
        free(c);
        return;
    }
    c->shard = shard;
    c->poll.data = c;
    c->fd = fd;
    memcpy(&c->peer, peer, peer_bytes < sizeof c->peer ? peer_bytes : sizeof c->peer);
    arena_init(&c->x.arena, shard->server->config.arena_max_bytes);
    buf_init(&c->x.collected, 0);
    buf_init(&c->pending, (size_t)2 * HTTP_READ_BYTES + TLS_RECORD_BYTES);
    http_output_init(&c->out);
    http_parser_new(c);
    c->quiet_since_ms = http_connection_now_ms(c);
    c->read_deadline_ms = c->quiet_since_ms + shard->server->config.idle_timeout_ms;
    http_server_ref(shard->server);
    http_shard_add(c);
    if (!http_transport_open(c) || (refusal && c->tls)) { // a refusal is not worth a handshake
        http_shard_refused(shard);
        http_connection_cut(c);
        return;
    }
    if (c->phase == HTTP_PHASE_HANDSHAKE) {
        watch(c);
        return;
    }
    if (refusal)
        http_connection_refuse(c, (struct http_refusal){503, ERR_UNAVAILABLE, refusal});
    http_connection_run(c, NULL, 0);
}
