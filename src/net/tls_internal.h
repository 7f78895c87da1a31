// What the files of net/tls share, OpenSSL included; nobody else includes this.
#ifndef SPEAR_NET_TLS_INTERNAL_H
#define SPEAR_NET_TLS_INTERNAL_H

#include "net/tls.h"

#include <openssl/ssl.h>

SSL_CTX *tls_generation_context(const struct tls_generation *g); // belongs to the generation

#endif
