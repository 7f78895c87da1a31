// Where module bytes come from: a vtable with two implementations, the sms file service (artifact_source_sms.c) and bytes given by
// the embedder (artifact_source_bytes.c).
#ifndef SPEAR_RUNTIME_ARTIFACT_SOURCE_H
#define SPEAR_RUNTIME_ARTIFACT_SOURCE_H

#include "base/err.h"
#include "base/loop.h"

struct runtime;
struct instance;
struct spearlet_config;
struct artifact_source;

// The answer to a fetch, on the loop that asked: a sealed memfd with the bytes (the receiver closes it), their count and sha256; or e.
typedef void artifact_fetched(void *ctx, int fd, uint64_t size_bytes, const unsigned char sha256[32], const struct err *e);

struct artifact_source_type {
    const char *name;
    // Fetches `location`, at most max_bytes (more: InvalidConfiguration naming both sizes). `checksum` (hex, "" none) lets a source answer from a cache; the caller verifies it
    // in any case. Calls done exactly once, later.
    void (*fetch)(struct artifact_source *source, struct loop *loop, const char *location, const char *checksum, uint64_t max_bytes,
                  artifact_fetched *done, void *ctx);
    void (*free)(struct artifact_source *source);
};
struct artifact_source {
    const struct artifact_source_type *type;
};

// Explicit module bytes: every location gives them. The bytes are copied.
struct artifact_source *artifact_source_bytes_new(struct span bytes);
void artifact_source_free(struct artifact_source *source); // NULL allowed

// Downloads http://<sms_http_addr><path> (seed: fetch_sms_file). Asynchronous, with connect and total timeouts, bounded retries with
// backoff for what is worth retrying (connect, timeout, reset, truncation, 429, 5xx), and a stop at max_bytes. RuntimeError with url, what failed,
// after how many tries; a status other than 200 is RuntimeError with url and status. Calls done once, later, on `loop`.
void fetch_sms_file(struct loop *loop, const struct spearlet_config *config, const char *sms_http_addr, const char *path, uint64_t max_bytes,
                    artifact_fetched *done, void *ctx);

#endif
