// TLS 1.2 and 1.3: certificates and keys from files, and the server's side of a connection. Stands on OpenSSL.
//
// Credentials are read and checked when they are made and again when tls_credentials_reload says so; what began with the
// old ones goes on with them. They may be used from any thread. A session belongs to one thread; it reads and writes its
// non-blocking socket itself and keeps at most a record in each direction.
//
// The HTTP server uses sessions (http_transport.c); the HTTP client hands the texts of the credentials to curl.
#ifndef SPEAR_NET_TLS_H
#define SPEAR_NET_TLS_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <sys/types.h>

enum { TLS_RECORD_BYTES = 16 * 1024 }; // of plain text, at most

// ---- credentials

// Paths of PEM files; NULL or "": none. `ca` is whom we trust: a server then demands a certificate of its clients, a client accepts
// only servers with one of these. `cert` may have the chain behind it; `key` has no passphrase.
struct tls_files {
    const char *cert, *key, *ca;
};

struct tls_credentials;

// The paths are copied. ERR_INVALID_CONFIGURATION names the file, what is wrong and what is wanted.
int tls_credentials_new(const struct tls_files *files, bool is_server, struct tls_credentials **ret, struct err *e);
// Reads the files again: all of it is taken over, or nothing. Blocks on the disk: not on a loop.
int tls_credentials_reload(struct tls_credentials *c, struct err *e);
void tls_credentials_free(struct tls_credentials *c); // NULL allowed
// "" or a sentence for the operator: the own certificate has ended, or ends within two weeks.
void tls_credentials_warning(struct tls_credentials *c, struct buf *ret);

// What the files said when they were last read; immutable.
struct tls_texts {
    struct buf cert, key, ca; // PEM; empty when not given
};
struct tls_generation;
struct tls_generation *tls_credentials_current(struct tls_credentials *c); // the caller gives it back
const struct tls_texts *tls_generation_texts(const struct tls_generation *g);
void tls_generation_unref(struct tls_generation *g); // NULL allowed

// ---- a server's session
struct tls_session;

enum tls_progress { TLS_DONE, TLS_WANTS_READ, TLS_WANTS_WRITE, TLS_FAILED };

struct tls_session *tls_session_new(struct tls_credentials *c, int fd); // fd stays the caller's; NULL: no memory
void tls_session_free(struct tls_session *s);                           // NULL allowed
// To be called again when the socket is ready for what it wants.
enum tls_progress tls_session_handshake(struct tls_session *s);
// As recv(2) and send(2): -1 with errno EAGAIN when the socket is not ready. Reading takes whole records, so that nothing
// is left inside where poll(2) does not see it: p has room for `wanted` bytes and TLS_RECORD_BYTES more. 0 is the end of
// input. A write that got EAGAIN must come again beginning with the same bytes.
ssize_t tls_session_read(struct tls_session *s, char *p, size_t wanted);
ssize_t tls_session_write(struct tls_session *s, const char *p, size_t n);
// The last read cannot go on before the socket takes something: an answer of TLS itself.
bool tls_session_read_wants_write(const struct tls_session *s);
// Tells the other side that nothing more comes. TLS_WANTS_WRITE: once more, later.
enum tls_progress tls_session_close(struct tls_session *s);
// After TLS_FAILED of the handshake: the reason as a sentence, NULL when the other side just went away.
const char *tls_session_failure(const struct tls_session *s);
bool tls_session_met_plain_http(const struct tls_session *s);

#endif
