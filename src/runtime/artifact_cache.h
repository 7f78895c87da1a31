// Modules on disk by digest: data_dir/cache/modules/<sha256>. Internal to the library.
//
// A file there is never trusted: it is hashed whenever it is loaded, and removed when it is not what its name says. Written to a
// temporary file and renamed, so that a crash leaves a whole file or none; not synced, since a torn one is found by its digest.
// Bounded in bytes and files; the least recently used go first. Functions block: call them on the thread pool. Any thread.
#ifndef SPEAR_RUNTIME_ARTIFACT_CACHE_H
#define SPEAR_RUNTIME_ARTIFACT_CACHE_H

#include "base/digest.h"
#include "base/err.h"

// Makes `directory`/cache/modules; removes what an earlier process left half-written. NULL directory: a cache that never has anything.
struct artifact_cache;
int artifact_cache_new(const char *directory, uint64_t max_bytes, struct artifact_cache **ret, struct err *e);
void artifact_cache_free(struct artifact_cache *c); // NULL allowed
// A sealed memory file with the bytes of that digest. ERR_ARTIFACT_NOT_FOUND when it is not there, larger than max_bytes, or was not what it said.
int artifact_cache_load(struct artifact_cache *c, const unsigned char sha256[SHA256_BYTES], uint64_t max_bytes,
                        int *ret_fd, uint64_t *ret_size_bytes, struct err *e);
// Keeps a copy. Larger than the cache: not kept, success.
int artifact_cache_store(struct artifact_cache *c, const unsigned char sha256[SHA256_BYTES], int fd,
                         uint64_t size_bytes, struct err *e);

#endif
