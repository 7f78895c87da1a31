// A folder of files that are named by a digest, bounded in bytes and number: what the caches of modules and of native code have in common. Internal to
// the library.
//
// The time of last change says when a file was used; the least recently used go first. Functions block: call them on the thread pool. Any
// thread; two at once do no harm, a file is removed once.
#ifndef SPEAR_RUNTIME_CACHE_FOLDER_H
#define SPEAR_RUNTIME_CACHE_FOLDER_H

#include "base/digest.h"
#include "base/err.h"

#include <stdint.h>

// Makes `data_dir`/`name` (0700) and removes what an earlier process left half-written. NULL when data_dir is NULL, or with e.
int cache_folder_open(const char *data_dir, const char *name, char **ret_path, struct err *e);
// The file of that digest; the caller frees it.
char *cache_folder_file(const char *path, const unsigned char sha256[SHA256_BYTES]);
// A name for a file that is being written; it is removed at the next open.
char *cache_folder_temporary(const char *path);
// The file was used just now.
void cache_folder_touch(const char *file);
// Removes the least recently used until a file of size_bytes fits. Returns the bytes of those that stay.
uint64_t cache_folder_make_room(const char *path, uint64_t max_bytes, uint64_t size_bytes);

#endif
