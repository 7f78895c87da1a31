// Files that survive a crash: whole or absent, never half.
#ifndef SPEAR_BASE_FILE_H
#define SPEAR_BASE_FILE_H

#include "base/buf.h"
#include "base/err.h"

#include <sys/types.h>

// mkdir -p with the given mode for what is new. ERR_IO with the path.
int file_make_dirs(const char *path, mode_t mode, struct err *e);
// Appends the whole of a regular file; ERR_IO when the buffer would pass out->max (naming both sizes). On failure the
// buffer is as it was.
int file_read(const char *path, struct buf *out, struct err *e);
// One secret of a line: at most `max` bytes, blanks at the end cut off, on the heap. Refused (ERR_INVALID_CONFIGURATION) when
// others than the owner and his group may read it or others than the owner write it, or when it is empty. Wipe with
// file_secret_free.
int file_read_secret(const char *path, size_t max, char **ret_text, struct err *e);
void file_secret_free(char *text); // NULL allowed
// Temporary file beside it, fsync, rename, fsync of the directory.
int file_write_atomic(const char *path, struct span content, mode_t mode, struct err *e);
int file_sync_dir(const char *path, struct err *e);
// Writes all of it, resuming after EINTR and short writes; ERR_IO (ENOSPC is in e->sys).
int file_write_all(int fd, struct span content, struct err *e);
// "a/b": one heap string, without a doubled slash.
char *file_join(const char *directory, const char *name);
// Opens /dev/null in place of a standard descriptor that the starter has closed, so that no file of ours takes its number. First in every main.
void file_keep_standard_descriptors(void);
// Lets this process have as many descriptors as the system allows it (RLIMIT_NOFILE, at most a million) and says how many
// that is. The programs it starts have the same limit.
uint64_t file_raise_descriptor_limit(void);
// Removes a directory and everything in it; a missing one is success. Does not follow symbolic links.
int file_remove_tree(const char *path, struct err *e);
// Makes and locks DIRECTORY/lock so that two daemons never share a data directory; the descriptor holds the lock.
// ERR_CONFLICT with the holder's process id when it is taken.
int file_lock_dir(const char *directory, int *ret_fd, struct err *e);
// The path of PROGRAM: beside the running executable (also in a build tree's sibling folders), else in libexec, else
// found on PATH; NULL when nowhere. The caller frees it.
char *file_find_program(const char *program);

#endif
