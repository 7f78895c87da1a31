// What sms said about tokens that callers showed, by digest, for a while. Bounded; the one not asked for the longest goes first.
// From any thread.
#ifndef SPEAR_SPEARLET_TOKEN_CACHE_H
#define SPEAR_SPEARLET_TOKEN_CACHE_H

#include "model/token.h"

struct token_cache;

struct token_cache_config {
    uint64_t fresh_ms; // so long an answer counts; one that refuses a tenth of it
    uint64_t stale_ms; // so long one that accepts still counts while sms is away
    size_t entries_max;
};
struct token_cache *token_cache_new(const struct token_cache_config *config);
void token_cache_free(struct token_cache *c); // NULL allowed

// caller NULL: sms does not know the token. expires_at: unix seconds, 0 never.
void token_cache_put(struct token_cache *c, const unsigned char sha256[SHA256_BYTES], const struct token_caller *caller,
                     int64_t expires_at);

enum token_verdict { TOKEN_ASK_SMS, TOKEN_ACCEPTED, TOKEN_REFUSED };
// With `sms_is_away` an older acceptance counts, too.
enum token_verdict token_cache_find(struct token_cache *c, const unsigned char sha256[SHA256_BYTES], bool sms_is_away,
                                    struct token_caller *ret);
size_t token_cache_count(struct token_cache *c);

#endif
