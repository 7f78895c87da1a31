// Native code on disk: data_dir/cache/native/<key>. Internal to the library.
//
// Nothing checks machine code, so whoever can write a file here that is loaded owns every worker that loads it. Therefore each file carries a
// code (HMAC-SHA256) over its key and its content, which only the holder of data_dir/native.key can make. It is verified each time before the
// code is given out, on the very bytes that are given out: a sealed memory file. A file that does not pass is removed.
//
// Written to a temporary file, synced, renamed. Bounded in bytes and files, the least recently used go first. Functions block: call them on the
// thread pool. Any thread.
#ifndef SPEAR_RUNTIME_NATIVE_CACHE_H
#define SPEAR_RUNTIME_NATIVE_CACHE_H

#include "base/digest.h"
#include "base/err.h"

#include <stdint.h>

struct native_cache;
// Code as it is given out.
struct native_file {
    int fd; // sealed; the receiver closes it
    uint64_t size_bytes;
    uint64_t compile_ms; // that it took once
};

// Makes the folder and, the first time, the key (0600). NULL data_dir: a cache that never has anything and gives no scratch folder.
int native_cache_new(const char *data_dir, uint64_t max_bytes, struct native_cache **ret, struct err *e);
void native_cache_free(struct native_cache *c); // NULL allowed
// ERR_ARTIFACT_NOT_FOUND when it is not there; ERR_INVALID_CONFIGURATION when what is there was not ours, or damaged: it is removed.
int native_cache_load(struct native_cache *c, const unsigned char key[SHA256_BYTES], struct native_file *ret,
                      struct err *e);
// Keeps a copy. Larger than the cache: not kept, success.
int native_cache_store(struct native_cache *c, const unsigned char key[SHA256_BYTES], const struct native_file *file,
                       struct err *e);
void native_cache_remove(struct native_cache *c, const unsigned char key[SHA256_BYTES]);
// A new empty folder (0700) for a compiler to write into; who asked removes it. What a crash leaves is removed at the next start.
int native_cache_scratch(struct native_cache *c, char **ret_path, struct err *e);
uint64_t native_cache_bytes(const struct native_cache *c); // on disk, as of the last change

#endif
