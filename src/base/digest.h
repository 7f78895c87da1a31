// SHA-256 (FIPS 180-4) and CRC-free: one digest for files, modules and caches. The only file that includes OpenSSL.
#ifndef SPEAR_BASE_DIGEST_H
#define SPEAR_BASE_DIGEST_H

#include "base/span.h"

enum { SHA256_BYTES = 32, SHA256_HEX = 64 };

struct sha256; // one running digest; not thread-safe

struct sha256 *sha256_new(void);
void sha256_free(struct sha256 *d); // NULL allowed
void sha256_update(struct sha256 *d, const void *p, size_t n);
// Ends the digest; afterwards only sha256_free may follow.
void sha256_final(struct sha256 *d, unsigned char ret_digest[SHA256_BYTES]);
void sha256_of(struct span s, unsigned char ret_digest[SHA256_BYTES]);
// 64 lower-case digits and a NUL.
void sha256_to_hex(const unsigned char digest[SHA256_BYTES], char ret_hex[SHA256_HEX + 1]);
// Accepts both cases; false unless exactly 64 hexadecimal digits.
bool sha256_from_hex(struct span hex, unsigned char ret_digest[SHA256_BYTES]);

#endif
