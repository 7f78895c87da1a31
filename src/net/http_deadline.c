// How long a client may take. A request's head has a time of its own; a body and an answer have a budget of time that the
// client's own pace fills up again: HTTP_RATE_MIN_BYTES buy a second, and there is never more than the timeout. So a
// large body may take as long as its client needs, and one that trickles ends soon. Time in which the server itself does
// not want the bytes costs nothing.
//
// Each loop looks at the deadlines of its connections in turn (http_shard.c); nothing is armed by request.
#include "net/http_internal.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>

enum {
    TRIM_AFTER_MS = 2000,  // an idle connection gives its memory back
    RESUMED_LEFT_MS = 2000 // at least, for a client that was asked to wait
};

static uint64_t earlier(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

// The deadline after n more bytes.
static uint64_t refill(uint64_t deadline_ms, size_t n, uint64_t now_ms, uint64_t timeout_ms) {
    return earlier(deadline_ms + (uint64_t)n * 1000 / HTTP_RATE_MIN_BYTES, now_ms + timeout_ms);
}

// ---- the request's body

static void stop_reading_clock(struct http_connection *c) {
    uint64_t now_ms = http_connection_now_ms(c);
    uint64_t left_ms = c->read_deadline_ms > now_ms ? c->read_deadline_ms - now_ms : 0;
    c->read_left_ms = left_ms > RESUMED_LEFT_MS ? left_ms : RESUMED_LEFT_MS;
    c->read_deadline_ms = 0;
}

void http_deadline_read(struct http_connection *c, size_t n) {
    if (c->phase != HTTP_PHASE_EXCHANGE)
        return;
    bool wants = http_connection_wants_bytes(c);
    if (!wants && !c->read_deadline_ms)
        return; // the common case: a request without body, or one that is complete
    if (!wants) {
        stop_reading_clock(c);
        return;
    }
    uint64_t now_ms = http_connection_now_ms(c), timeout_ms = c->shard->server->config.body_timeout_ms;
    if (!c->read_deadline_ms)
        c->read_deadline_ms = now_ms + (c->read_left_ms ? earlier(c->read_left_ms, timeout_ms) : timeout_ms);
    c->read_deadline_ms = refill(c->read_deadline_ms, n, now_ms, timeout_ms);
}

// ---- the answer

static int queued_bytes(const struct http_connection *c) {
    int queued = 0;
    return ioctl(c->fd, SIOCOUTQ, &queued) == 0 ? queued : 0;
}

void http_deadline_write_blocked(struct http_connection *c) {
    if (c->write_deadline_ms)
        return;
    c->write_deadline_ms = http_connection_now_ms(c) + c->shard->server->config.write_timeout_ms;
    c->write_queued_bytes = queued_bytes(c);
}

void http_deadline_wrote(struct http_connection *c, size_t n) {
    if (!c->write_deadline_ms)
        return;
    uint64_t now_ms = http_connection_now_ms(c);
    c->write_deadline_ms = refill(c->write_deadline_ms, n, now_ms, c->shard->server->config.write_timeout_ms);
    c->write_queued_bytes = queued_bytes(c);
}

// The socket's own buffer is large: the client may have taken much of it without room for more being reported yet.
static bool write_timed_out(struct http_connection *c, uint64_t now_ms) {
    if (!c->write_deadline_ms || now_ms < c->write_deadline_ms)
        return false;
    int queued = queued_bytes(c);
    if (queued < c->write_queued_bytes)
        http_deadline_wrote(c, (size_t)(c->write_queued_bytes - queued));
    return now_ms >= c->write_deadline_ms;
}

// ---- after the last answer

void http_deadline_linger(struct http_connection *c, size_t n) {
    uint64_t now_ms = http_connection_now_ms(c);
    if (!c->linger_until_ms)
        c->linger_until_ms = now_ms + HTTP_LINGER_MS;
    c->linger_bytes += n;
    c->read_deadline_ms = earlier(now_ms + HTTP_LINGER_QUIET_MS, c->linger_until_ms);
}

// ---- looking

static void read_timed_out(struct http_connection *c) {
    static const struct http_refusal head = {408, ERR_INVALID_REQUEST, "the request's head came too slowly"};
    static const struct http_refusal body = {408, ERR_INVALID_REQUEST, "the request's body came too slowly"};
    c->read_deadline_ms = 0;
    if (c->phase == HTTP_PHASE_IDLE || c->phase == HTTP_PHASE_LINGER || c->phase == HTTP_PHASE_HANDSHAKE) {
        http_connection_cut(c);
        return;
    }
    c->depth++;
    if (c->phase == HTTP_PHASE_HEAD)
        http_connection_refuse(c, head);
    else if (c->x.running)
        http_connection_overrule(c, body);
    else
        c->x.keep_alive = false;
    c->depth--;
    http_connection_run(c, NULL, 0);
}

void http_deadline_tick(struct http_connection *c, uint64_t now_ms) {
    if (c->read_deadline_ms && now_ms >= c->read_deadline_ms)
        read_timed_out(c);
    else if (write_timed_out(c, now_ms))
        http_connection_cut(c);
    else if (c->phase == HTTP_PHASE_IDLE && c->memory && c->head_bytes == 0 &&
             now_ms >= c->quiet_since_ms + TRIM_AFTER_MS)
        http_connection_trim(c);
}
