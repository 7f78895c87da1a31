// A server's session: the handshake, whole records in, parts of records out, the farewell.
//
// OpenSSL works on the socket itself, which is non-blocking; what it wants next is told to the caller, who asks the loop.
// Certificates are tls_credentials.c's.
#include "net/tls_internal.h"

#include "base/mem.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>

enum { FAILURE_TEXT = 200 };

struct tls_session {
    SSL *ssl;
    bool read_wants_write;
    bool read_over; // nothing more can be read, by the verdict of
    int read_verdict;
    bool met_plain_http;
    char failure[FAILURE_TEXT]; // "" when the other side just went away
};

struct tls_session *tls_session_new(struct tls_credentials *c, int fd) {
    struct tls_generation *g = tls_credentials_current(c);
    SSL *ssl = SSL_new(tls_generation_context(g)); // keeps the context
    tls_generation_unref(g);
    if (!ssl || SSL_set_fd(ssl, fd) != 1) {
        SSL_free(ssl);
        ERR_clear_error();
        return NULL;
    }
    SSL_set_accept_state(ssl);
    struct tls_session *s = NEW(struct tls_session);
    s->ssl = ssl;
    return s;
}

void tls_session_free(struct tls_session *s) {
    if (!s)
        return;
    SSL_free(s->ssl);
    free(s);
}

// ---- the handshake

static void describe(struct tls_session *s, unsigned long code) {
    long verdict = SSL_get_verify_result(s->ssl);
    int reason = ERR_GET_REASON(code);
    const char *text = ERR_reason_error_string(code);
    s->met_plain_http = reason == SSL_R_HTTP_REQUEST || reason == SSL_R_HTTPS_PROXY_REQUEST;
    if (s->met_plain_http)
        snprintf(s->failure, sizeof s->failure, "plain HTTP came to a port that speaks TLS; use https://");
    else if (reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE)
        snprintf(s->failure, sizeof s->failure, "the client sent no certificate, and tls-client-ca demands one");
    else if (verdict != X509_V_OK)
        snprintf(s->failure, sizeof s->failure, "the client's certificate is not accepted: %s",
                 X509_verify_cert_error_string(verdict));
    else
        snprintf(s->failure, sizeof s->failure, "%s", text ? text : "no reason given");
}

enum tls_progress tls_session_handshake(struct tls_session *s) {
    ERR_clear_error();
    int result = SSL_do_handshake(s->ssl);
    if (result == 1)
        return TLS_DONE;
    switch (SSL_get_error(s->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return TLS_WANTS_READ;
    case SSL_ERROR_WANT_WRITE:
        return TLS_WANTS_WRITE;
    default:
        break;
    }
    unsigned long code = ERR_peek_error();
    if (code && ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) != SSL_R_UNEXPECTED_EOF_WHILE_READING)
        describe(s, code);
    ERR_clear_error();
    return TLS_FAILED;
}

const char *tls_session_failure(const struct tls_session *s) {
    return s->failure[0] ? s->failure : NULL;
}

bool tls_session_met_plain_http(const struct tls_session *s) {
    return s->met_plain_http;
}

// ---- reading

// What a read without bytes means: 0 the end, -1 with errno.
static ssize_t read_nothing(struct tls_session *s, int result) {
    switch (SSL_get_error(s->ssl, result)) {
    case SSL_ERROR_WANT_WRITE:
        s->read_wants_write = true;
        errno = EAGAIN;
        return -1;
    case SSL_ERROR_WANT_READ:
        errno = EAGAIN;
        return -1;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    default:
        break;
    }
    ERR_clear_error();
    errno = EPROTO;
    return -1;
}

static ssize_t end_reading(struct tls_session *s, ssize_t verdict) {
    if (verdict < 0 && errno == EAGAIN)
        return verdict;
    s->read_over = true;
    s->read_verdict = (int)verdict;
    return verdict;
}

ssize_t tls_session_read(struct tls_session *s, char *p, size_t wanted) {
    size_t total = 0;
    s->read_wants_write = false;
    errno = EPROTO;
    if (s->read_over)
        return s->read_verdict;
    while (total < wanted) {
        ERR_clear_error();
        int n = SSL_read(s->ssl, p + total, (int)(wanted + TLS_RECORD_BYTES - total));
        if (n <= 0) {
            ssize_t nothing = end_reading(s, read_nothing(s, n));
            return total ? (ssize_t)total : nothing; // that comes again at the next read
        }
        total += (size_t)n;
    }
    return (ssize_t)total;
}

bool tls_session_read_wants_write(const struct tls_session *s) {
    return s->read_wants_write;
}

// ---- writing

ssize_t tls_session_write(struct tls_session *s, const char *p, size_t n) {
    ERR_clear_error();
    int written = SSL_write(s->ssl, p, (int)(n < TLS_RECORD_BYTES ? n : TLS_RECORD_BYTES));
    if (written > 0)
        return written;
    errno = SSL_get_error(s->ssl, written) == SSL_ERROR_WANT_WRITE ? EAGAIN : EPIPE;
    ERR_clear_error();
    return -1;
}

enum tls_progress tls_session_close(struct tls_session *s) {
    ERR_clear_error();
    if (!SSL_is_init_finished(s->ssl) || SSL_get_shutdown(s->ssl) & SSL_SENT_SHUTDOWN)
        return TLS_DONE;
    int result = SSL_shutdown(s->ssl);
    if (result >= 0)
        return TLS_DONE;
    bool later = SSL_get_error(s->ssl, result) == SSL_ERROR_WANT_WRITE;
    ERR_clear_error();
    return later ? TLS_WANTS_WRITE : TLS_FAILED;
}
