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

// The answer to a fetch, on the loop that asked: a sealed memfd with the bytes (the receiver closes it), their count and sha256; or e
// (then fd is -1).
typedef void artifact_fetched(void *ctx, int fd, uint64_t size_bytes, const unsigned char sha256[32],
                              const struct err *e);

// A fetch under way, to be cancelled; gone when its `done` was called.
struct artifact_fetch;

struct artifact_source_type {
    const char *name;
    // A location always gives the same bytes while the process lives: what it gave is remembered by digest. The sms source is; a source that an
    // embedder may free and make anew is not.
    bool stable;
    // May this location be fetched at all? ERR_INVALID_CONFIGURATION. Asked before any cache. NULL: every location may.
    int (*check)(struct artifact_source *source, const char *location, struct err *e);
    // Fetches `location`, at most max_bytes (more: InvalidConfiguration naming both sizes). `checksum` (hex, "" none) lets a source answer from a
    // cache; the caller verifies it in any case. Calls done exactly once, later. The answer is for `cancel`; NULL when there is nothing to cancel.
    struct artifact_fetch *(*fetch)(struct artifact_source *source, struct loop *loop, const char *location,
                                    const char *checksum, uint64_t max_bytes, artifact_fetched *done, void *ctx);
    // Ends it soon: done gets ExecutionTerminated (or the answer, if it was there already), maybe before this returns. NULL: nothing can be cancelled.
    void (*cancel)(struct artifact_source *source, struct artifact_fetch *fetch);
    void (*free)(struct artifact_source *source);
};
struct artifact_source {
    const struct artifact_source_type *type;
};

// Explicit module bytes: every location gives them. The bytes are copied. Outlives the runtimes that use it.
struct artifact_source *artifact_source_bytes_new(struct span bytes);
void artifact_source_free(struct artifact_source *source); // NULL allowed

// Downloads http://<sms_http_addr><path> (seed: fetch_sms_file). Asynchronous, with connect and total timeouts, bounded retries with
// backoff for what is worth retrying (connect, timeout, reset, truncation, 429, 5xx), and a stop at max_bytes. RuntimeError with url, what failed,
// after how many tries; a status other than 200 is RuntimeError with url and status. Calls done once, later, on `loop`.
struct sms_download; // gone when its `done` was called
struct sms_download *fetch_sms_file(struct loop *loop, const struct spearlet_config *config, const char *sms_http_addr,
                                    const char *path, uint64_t max_bytes, artifact_fetched *done, void *ctx);
// Ends it: done is called before this returns, with ExecutionTerminated.
void fetch_sms_file_cancel(struct sms_download *download);

#endif
