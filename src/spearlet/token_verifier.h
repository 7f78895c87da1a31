// Asks sms who a token is (POST /api/v1/tokens/verify, with its digest), unless that is known; questions about one token are
// asked once. See docs/security.md for what counts while sms is away.
#ifndef SPEAR_SPEARLET_TOKEN_VERIFIER_H
#define SPEAR_SPEARLET_TOKEN_VERIFIER_H

#include "base/loop.h"
#include "spearlet/sms_client.h"
#include "spearlet/token_cache.h"

enum { TOKEN_QUESTIONS_MAX = 1024 };

struct token_verifier;

struct token_verifier_config {
    struct loop *loop;      // loop 0
    struct sms_client *sms; // on it
    struct token_cache_config cache;
};
struct token_verifier *token_verifier_new(const struct token_verifier_config *config);
void token_verifier_stop(
    struct token_verifier *v); // on loop 0, before the sms client goes: nothing is asked after this
void token_verifier_free(struct token_verifier *v); // after the sms client is gone; NULL allowed

// On the loop that asked. caller NULL: the token is not known (e NULL), or sms cannot say (ERR_UNAVAILABLE).
typedef void token_verified(void *ctx, const struct token_caller *caller, const struct err *e);
// A token of the right form. Calls done later, or now when it is known.
void token_verifier_ask(struct token_verifier *v, struct loop *asker, struct span token, token_verified *done,
                        void *ctx);

struct token_verifier_stats {
    uint64_t asked, failed; // questions to sms; those that it did not answer
    size_t known;
};
void token_verifier_stats(struct token_verifier *v, struct token_verifier_stats *ret);

#endif
