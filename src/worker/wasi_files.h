// What the files that implement WASI's file functions use of each other.
#ifndef SPEAR_WORKER_WASI_FILES_H
#define SPEAR_WORKER_WASI_FILES_H

#include "worker/wasi_path.h"

// Makes a directory's descriptor one that can be read and synchronised; a granted one is none at first (O_PATH).
enum wasi_errno wasi_directory_readable(struct wasi_file *directory);
// Changes a regular file's size within the quota.
enum wasi_errno wasi_file_set_size(const struct wasi_file *file, uint64_t size);
// Bytes from where the file stands to its end.
uint64_t wasi_file_left(const struct wasi_file *file);
enum wasi_filetype wasi_filetype_of(unsigned mode); // st_mode

#endif
