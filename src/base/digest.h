// SHA-256 (FIPS 180-4) and its HMAC (RFC 2104): one digest for files, modules and caches. The only file that includes OpenSSL.
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
// What only the holder of the key can make; the key has at most 64 bytes.
void hmac_sha256(struct span key, struct span message, unsigned char ret_code[SHA256_BYTES]);
// In a time that does not tell where they differ.
bool digest_equal(const unsigned char a[SHA256_BYTES], const unsigned char b[SHA256_BYTES]);
// 64 lower-case digits and a NUL.
void sha256_to_hex(const unsigned char digest[SHA256_BYTES], char ret_hex[SHA256_HEX + 1]);
// Accepts both cases; false unless exactly 64 hexadecimal digits.
bool sha256_from_hex(struct span hex, unsigned char ret_digest[SHA256_BYTES]);

#endif
