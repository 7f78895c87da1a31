// The bytes of a request, held in memory and counted against a ceiling that all requests share.
//
// Each one is bounded by its own limit and by `payload-memory-max` (413), the sum of what is held at a moment by the latter (503).
#ifndef SPEAR_SPEARLET_REQUEST_BODY_H
#define SPEAR_SPEARLET_REQUEST_BODY_H

#include "base/buf.h"
#include "net/http_server.h"

#include <stdatomic.h>

struct payload_budget {
    _Atomic uint64_t held_bytes;
    uint64_t max_bytes;
    _Atomic uint64_t refused;
};

struct request_body {
    struct buf bytes;
    struct payload_budget *budget;
    uint64_t held_bytes;
    uint64_t beside_bytes; // that the same request holds elsewhere
};

struct request_body *request_body_new(struct payload_budget *budget, size_t max_bytes);
void request_body_free(struct request_body *body); // NULL allowed
// Counts n more bytes. ERR_RESOURCE_EXHAUSTED; ERR_PAYLOAD_TOO_LARGE when the request alone is more than there may be.
int request_body_hold(struct request_body *body, uint64_t n, struct err *e);

// Collects the exchange's body and calls done once, later or now: with the body, which is the receiver's from then on, or
// with NULL and the error to answer: ERR_PAYLOAD_TOO_LARGE naming `limit_name`, ERR_RESOURCE_EXHAUSTED,
// ERR_INVALID_REQUEST (cut off or malformed).
void request_body_read(struct http_exchange *x, struct payload_budget *budget, uint64_t max_bytes,
                       const char *limit_name, void (*done)(void *ctx, struct request_body *body, const struct err *e),
                       void *ctx);

#endif
