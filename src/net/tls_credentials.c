// Certificates, keys and trust from PEM files: read whole, checked by making an OpenSSL context of them, swapped under a
// lock that is held for a pointer's sake only.
//
// One generation is what the files said at one time; it lives as long as somebody uses it. Sessions are tls.c's.
#include "net/tls_internal.h"

#include "base/file.h"
#include "base/mem.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

enum { FILE_BYTES_MAX = 4 * 1024 * 1024, PEER_CERTIFICATES_BYTES_MAX = 64 * 1024, WARN_BEFORE_DAYS = 14 };

// What TLS 1.2 may use: forward secrecy and authenticated encryption. TLS 1.3 has nothing else.
static const char tls12_ciphers[] = "ECDHE+AESGCM:ECDHE+CHACHA20";

struct tls_generation {
    atomic_int references;
    SSL_CTX *context;
    struct tls_texts texts;
};

struct tls_credentials {
    pthread_mutex_t lock; // guards `current`
    struct tls_generation *current;
    char *cert, *key, *ca; // paths; NULL: none
    bool is_server;
};

// ---- one generation

void tls_generation_unref(struct tls_generation *g) {
    if (!g || atomic_fetch_sub(&g->references, 1) > 1)
        return;
    SSL_CTX_free(g->context);
    buf_done(&g->texts.cert);
    if (g->texts.key.p)
        OPENSSL_cleanse(g->texts.key.p, g->texts.key.n);
    buf_done(&g->texts.key);
    buf_done(&g->texts.ca);
    free(g);
}

const struct tls_texts *tls_generation_texts(const struct tls_generation *g) {
    return &g->texts;
}

SSL_CTX *tls_generation_context(const struct tls_generation *g) {
    return g->context;
}

// The first thing that OpenSSL holds against it.
static const char *openssl_reason(void) {
    unsigned long code = ERR_peek_error();
    const char *reason = ERR_reason_error_string(code);
    return reason ? reason : "no reason given";
}

static int refuse(const char *path, const char *what, struct err *e) {
    int result = err_set(e, ERR_INVALID_CONFIGURATION, "%s: %s (%s)", path, what, openssl_reason());
    ERR_clear_error();
    return result;
}

// NULL at the end; an error is left in OpenSSL's queue.
static X509 *next_certificate(BIO *from) {
    X509 *certificate = PEM_read_bio_X509(from, NULL, NULL, NULL);
    if (!certificate && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE)
        ERR_clear_error();
    return certificate;
}

static BIO *open_text(const struct buf *text) {
    BIO *bio = BIO_new_mem_buf(text->p, (int)text->n);
    ASSERT(bio);
    return bio;
}

// Our certificate, and the chain behind it.
static int use_certificates(struct tls_generation *g, const char *path, struct err *e) {
    BIO *bio = open_text(&g->texts.cert);
    int count = 0;
    bool ok = true;
    for (X509 *at; ok && (at = next_certificate(bio)) != NULL; count++)
        if (count == 0) {
            ok = SSL_CTX_use_certificate(g->context, at) == 1;
            X509_free(at);
        } else {
            ok = SSL_CTX_add0_chain_cert(g->context, at) == 1;
        }
    BIO_free(bio);
    if (!ok || count == 0 || ERR_peek_error())
        return refuse(path, "a certificate in PEM form is wanted (-----BEGIN CERTIFICATE-----)", e);
    return 0;
}

static int no_passphrase(char *to, int size, int writing, void *ctx) {
    (void)to, (void)size, (void)writing;
    *(bool *)ctx = true;
    return -1;
}

static int use_key(struct tls_generation *g, const char *path, const char *cert_path, struct err *e) {
    bool encrypted = false;
    BIO *bio = open_text(&g->texts.key);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, &encrypted);
    BIO_free(bio);
    if (!key)
        return refuse(path,
                      encrypted ? "the key has a passphrase; give one without, readable for this program alone"
                                : "a private key in PEM form is wanted (-----BEGIN PRIVATE KEY-----)",
                      e);
    bool used = SSL_CTX_use_PrivateKey(g->context, key) == 1 && SSL_CTX_check_private_key(g->context) == 1;
    EVP_PKEY_free(key);
    if (used)
        return 0;
    ERR_clear_error();
    return err_set(e, ERR_INVALID_CONFIGURATION, "%s is not the key of the certificate in %s", path, cert_path);
}

static int trust(struct tls_generation *g, const char *path, bool is_server, struct err *e) {
    BIO *bio = open_text(&g->texts.ca);
    int count = 0;
    bool ok = true;
    for (X509 *at; ok && (at = next_certificate(bio)) != NULL; count++) {
        ok = X509_STORE_add_cert(SSL_CTX_get_cert_store(g->context), at) == 1 &&
             (!is_server || SSL_CTX_add_client_CA(g->context, at) == 1);
        X509_free(at);
    }
    BIO_free(bio);
    if (!ok || count == 0 || ERR_peek_error())
        return refuse(path, "the certificate of an authority in PEM form is wanted (-----BEGIN CERTIFICATE-----)", e);
    SSL_CTX_set_verify(g->context, SSL_VERIFY_PEER | (is_server ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), NULL);
    return 0;
}

// HTTP/1.1 is all that is spoken here; a client that offers only others learns so in the handshake (RFC 7301 §3.2).
static int choose_protocol(SSL *ssl, const unsigned char **ret, unsigned char *ret_bytes, const unsigned char *offered,
                           unsigned offered_bytes, void *ctx) {
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *chosen;
    (void)ssl, (void)ctx;
    if (SSL_select_next_proto(&chosen, ret_bytes, ours, sizeof ours - 1, offered, offered_bytes) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *ret = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *new_context(bool is_server) {
    static const unsigned char session_context[] = "spear";
    SSL_CTX *context = SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method());
    ASSERT(context && SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(context, tls12_ciphers) == 1 &&
           SSL_CTX_set_session_id_context(context, session_context, sizeof session_context - 1) == 1);
    // Many clients end without a farewell. HTTP says itself where a message ends, so that is no more than an end of input,
    // after which a client may still read.
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF); // tickets do without memory here
    SSL_CTX_set_max_cert_list(context, PEER_CERTIFICATES_BYTES_MAX);
    if (is_server)
        SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
    return context;
}

static int read_text(const char *path, struct buf *to, struct err *e) {
    if (!path)
        return 0;
    if (file_read(path, to, e) == 0)
        return 0;
    e->kind = ERR_INVALID_CONFIGURATION;
    return -1;
}

static int fill(struct tls_generation *g, const struct tls_credentials *c, struct err *e) {
    if (read_text(c->cert, &g->texts.cert, e) < 0 || read_text(c->key, &g->texts.key, e) < 0 ||
        read_text(c->ca, &g->texts.ca, e) < 0)
        return -1;
    ERR_clear_error();
    if (c->cert && (use_certificates(g, c->cert, e) < 0 || use_key(g, c->key, c->cert, e) < 0))
        return -1;
    return c->ca ? trust(g, c->ca, c->is_server, e) : 0;
}

static struct tls_generation *generation_new(const struct tls_credentials *c, struct err *e) {
    struct tls_generation *g = NEW(struct tls_generation);
    g->references = 1;
    g->context = new_context(c->is_server);
    buf_init(&g->texts.cert, FILE_BYTES_MAX);
    buf_init(&g->texts.key, FILE_BYTES_MAX);
    buf_init(&g->texts.ca, FILE_BYTES_MAX);
    if (fill(g, c, e) == 0)
        return g;
    tls_generation_unref(g);
    return NULL;
}

// ---- credentials

static char *path_of(const char *given) {
    return given && given[0] ? mem_strdup(given) : NULL;
}

int tls_credentials_new(const struct tls_files *files, bool is_server, struct tls_credentials **ret, struct err *e) {
    struct err none; // the caller may not want to know why
    struct tls_credentials *c = NEW(struct tls_credentials);
    c->cert = path_of(files->cert);
    c->key = path_of(files->key);
    c->ca = path_of(files->ca);
    c->is_server = is_server;
    ASSERT(!c->cert == !c->key && pthread_mutex_init(&c->lock, NULL) == 0);
    c->current = generation_new(c, e ? e : &none);
    if (!c->current) {
        tls_credentials_free(c);
        return -1;
    }
    *ret = c;
    return 0;
}

static struct tls_generation *swap(struct tls_credentials *c, struct tls_generation *g) {
    pthread_mutex_lock(&c->lock);
    struct tls_generation *before = c->current;
    c->current = g;
    pthread_mutex_unlock(&c->lock);
    return before;
}

int tls_credentials_reload(struct tls_credentials *c, struct err *e) {
    struct err none;
    struct tls_generation *g = generation_new(c, e ? e : &none);
    if (!g)
        return -1;
    tls_generation_unref(swap(c, g));
    return 0;
}

struct tls_generation *tls_credentials_current(struct tls_credentials *c) {
    pthread_mutex_lock(&c->lock);
    struct tls_generation *g = c->current;
    atomic_fetch_add(&g->references, 1);
    pthread_mutex_unlock(&c->lock);
    return g;
}

void tls_credentials_warning(struct tls_credentials *c, struct buf *ret) {
    struct tls_generation *g = tls_credentials_current(c);
    X509 *certificate = SSL_CTX_get0_certificate(g->context);
    int days = 0, seconds = 0;
    if (certificate && ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(certificate)) == 1) {
        if (days < 0 || seconds < 0)
            buf_printf(ret, "the certificate in %s has expired: nobody who checks it will connect", c->cert);
        else if (days < WARN_BEFORE_DAYS)
            buf_printf(ret, "the certificate in %s expires in %d days", c->cert, days);
    }
    tls_generation_unref(g);
}

void tls_credentials_free(struct tls_credentials *c) {
    if (!c)
        return;
    tls_generation_unref(c->current);
    pthread_mutex_destroy(&c->lock);
    free(c->cert);
    free(c->key);
    free(c->ca);
    free(c);
}
