// Between a connection and its socket: plain, or TLS (tls.h). Which one is decided when the connection is accepted.
//
// The handshake is a phase of the connection with the header timeout as its limit; what fails in it is counted and told to
// the program at most once a second, for anybody may connect and send anything.
#include "net/http_internal.h"

#include <errno.h>

enum { REPORT_EVERY_MS = 1000 };

static const char use_https[] =
    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 67\r\nConnection: close\r\n\r\n"
    "This port speaks TLS: use https:// in place of http:// to reach it\n";

bool http_transport_open(struct http_connection *c) {
    struct tls_credentials *credentials = c->shard->server->config.tls;
    if (!credentials)
        return true;
    c->tls = tls_session_new(credentials, c->fd);
    c->phase = HTTP_PHASE_HANDSHAKE;
    c->read_deadline_ms = http_connection_now_ms(c) + c->shard->server->config.header_timeout_ms;
    return c->tls != NULL;
}

ssize_t http_transport_receive(struct http_connection *c, char *p, size_t wanted) {
    if (!c->tls)
        return recv(c->fd, p, wanted, 0);
    ssize_t n = tls_session_read(c->tls, p, wanted);
    if (tls_session_read_wants_write(c->tls))
        c->out.blocked = true;
    return n;
}

bool http_transport_read_waits(const struct http_connection *c) {
    return c->tls && tls_session_read_wants_write(c->tls);
}

// ---- writing

// The first bytes of the parts, as many as a record takes: where they lie, when they lie together, else copied.
static struct span next_record(const struct iovec *parts, size_t count, size_t skip, char copy[TLS_RECORD_BYTES]) {
    size_t n = 0;
    for (size_t i = 0; i < count && n < TLS_RECORD_BYTES; i++) {
        if (skip >= parts[i].iov_len) {
            skip -= parts[i].iov_len;
            continue;
        }
        const char *from = (const char *)parts[i].iov_base + skip;
        size_t here = parts[i].iov_len - skip;
        skip = 0;
        if (n == 0 && (here >= TLS_RECORD_BYTES || i + 1 == count))
            return span_make(from, here < TLS_RECORD_BYTES ? here : TLS_RECORD_BYTES);
        here = here < TLS_RECORD_BYTES - n ? here : TLS_RECORD_BYTES - n;
        memcpy(copy + n, from, here);
        n += here;
    }
    return span_make(copy, n);
}

// After EAGAIN the same bytes come again: what was not sent stays in front of everything else that waits.
static ssize_t send_records(struct http_connection *c, const struct iovec *parts, size_t count) {
    char copy[TLS_RECORD_BYTES];
    size_t total = 0;
    for (;;) {
        struct span record = next_record(parts, count, total, copy);
        if (record.n == 0)
            return (ssize_t)total;
        ssize_t n = tls_session_write(c->tls, record.p, record.n);
        if (n < 0)
            return total ? (ssize_t)total : n;
        total += (size_t)n;
    }
}

ssize_t http_transport_send(struct http_connection *c, struct iovec *parts, size_t count, int flags) {
    if (c->tls)
        return send_records(c, parts, count);
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
    ssize_t n;
    do // one part is the common case, and cheaper
        n = count == 1 ? send(c->fd, parts->iov_base, parts->iov_len, MSG_NOSIGNAL | flags)
                       : sendmsg(c->fd, &message, MSG_NOSIGNAL | flags);
    while (n < 0 && errno == EINTR);
    return n;
}

bool http_transport_end(struct http_connection *c) {
    if (!c->tls || tls_session_close(c->tls) != TLS_WANTS_WRITE)
        return true;
    c->out.blocked = true;
    http_deadline_write_blocked(c);
    return false;
}

void http_transport_close(struct http_connection *c) {
    if (!c->tls)
        return;
    if (!c->broken && http_output_is_empty(&c->out))
        tls_session_close(c->tls); // once, without waiting
    tls_session_free(TAKE(c->tls));
}

// ---- the handshake

static void report_failure(struct http_connection *c, const char *why) {
    struct http_server *s = c->shard->server;
    uint64_t now_ms = http_connection_now_ms(c), last_ms = atomic_load(&s->tls_reported_ms);
    atomic_fetch_add(&s->tls_failed_total, 1);
    bool due = why && s->config.tls_failed && (last_ms == 0 || now_ms >= last_ms + REPORT_EVERY_MS);
    if (due && atomic_compare_exchange_strong(&s->tls_reported_ms, &last_ms, now_ms))
        s->config.tls_failed(s->config.ctx, http_peer_address(&c->x), why);
}

enum tls_progress http_transport_handshake(struct http_connection *c) {
    enum tls_progress progress = tls_session_handshake(c->tls);
    c->out.blocked = progress == TLS_WANTS_WRITE;
    if (progress != TLS_FAILED)
        return progress;
    report_failure(c, tls_session_failure(c->tls));
    c->broken = tls_session_failure(c->tls) == NULL;
    if (tls_session_met_plain_http(c->tls))
        c->broken = send(c->fd, use_https, sizeof use_https - 1, MSG_NOSIGNAL) < 0;
    return TLS_FAILED;
}
