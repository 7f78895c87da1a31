// SHA-256 through OpenSSL's EVP, and the only file that knows it.
//
// The algorithm is looked up once for the whole process: a lookup per digest costs more than a short digest itself.
#include "base/digest.h"

#include "base/mem.h"

#include <openssl/evp.h>
#include <pthread.h>

enum { HMAC_BLOCK_BYTES = 64 };

struct sha256 {
    EVP_MD_CTX *context;
};

static EVP_MD *algorithm;
static pthread_once_t algorithm_once = PTHREAD_ONCE_INIT;

static void fetch_algorithm(void) {
    algorithm = EVP_MD_fetch(NULL, "SHA2-256", NULL);
    ASSERT(algorithm);
}

struct sha256 *sha256_new(void) {
    ASSERT(pthread_once(&algorithm_once, fetch_algorithm) == 0);
    struct sha256 *d = NEW(struct sha256);
    d->context = EVP_MD_CTX_new();
    ASSERT(d->context && EVP_DigestInit_ex2(d->context, algorithm, NULL) == 1);
    return d;
}

void sha256_free(struct sha256 *d) {
    if (!d)
        return;
    EVP_MD_CTX_free(d->context);
    free(d);
}

void sha256_update(struct sha256 *d, const void *p, size_t n) {
    if (n)
        ASSERT(EVP_DigestUpdate(d->context, p, n) == 1);
}

void sha256_final(struct sha256 *d, unsigned char ret_digest[SHA256_BYTES]) {
    unsigned length = 0;
    ASSERT(EVP_DigestFinal_ex(d->context, ret_digest, &length) == 1 && length == SHA256_BYTES);
}

void sha256_of(struct span s, unsigned char ret_digest[SHA256_BYTES]) {
    struct sha256 *d = sha256_new();
    sha256_update(d, s.p, s.n);
    sha256_final(d, ret_digest);
    sha256_free(d);
}

static void digest_with_pad(struct span key, unsigned char pad, struct span message,
                            unsigned char ret_digest[SHA256_BYTES]) {
    unsigned char block[HMAC_BLOCK_BYTES];
    memset(block, pad, sizeof block);
    for (size_t i = 0; i < key.n; i++)
        block[i] ^= (unsigned char)key.p[i];
    struct sha256 *d = sha256_new();
    sha256_update(d, block, sizeof block);
    sha256_update(d, message.p, message.n);
    sha256_final(d, ret_digest);
    sha256_free(d);
}

void hmac_sha256(struct span key, struct span message, unsigned char ret_code[SHA256_BYTES]) {
    unsigned char inner[SHA256_BYTES];
    ASSERT(key.n <= HMAC_BLOCK_BYTES);
    digest_with_pad(key, 0x36, message, inner);
    digest_with_pad(key, 0x5c, span_make(inner, sizeof inner), ret_code);
}

bool digest_equal(const unsigned char a[SHA256_BYTES], const unsigned char b[SHA256_BYTES]) {
    unsigned difference = 0;
    for (size_t i = 0; i < SHA256_BYTES; i++)
        difference |= (unsigned)(a[i] ^ b[i]);
    return difference == 0;
}

void sha256_to_hex(const unsigned char digest[SHA256_BYTES], char ret_hex[SHA256_HEX + 1]) {
    static const char hex[] = "0123456789abcdef";
    for (size_t i = 0; i < SHA256_BYTES; i++) {
        ret_hex[2 * i] = hex[digest[i] >> 4];
        ret_hex[2 * i + 1] = hex[digest[i] & 15];
    }
    ret_hex[SHA256_HEX] = '\0';
}

static int hex_value(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool sha256_from_hex(struct span hex, unsigned char ret_digest[SHA256_BYTES]) {
    unsigned char digest[SHA256_BYTES];
    if (hex.n != SHA256_HEX)
        return false;
    for (size_t i = 0; i < SHA256_BYTES; i++) {
        int high = hex_value(hex.p[2 * i]), low = hex_value(hex.p[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        digest[i] = (unsigned char)(high << 4 | low);
    }
    memcpy(ret_digest, digest, sizeof digest);
    return true;
}
