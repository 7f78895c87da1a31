// Files that live in memory and have no name (memfd_create(2)): module bytes, and what a worker shares with us.
//
// A sealed one can be handed to a process that is not trusted: nobody can change it any more. Internal to the library.
#ifndef SPEAR_RUNTIME_MEMORY_FILE_H
#define SPEAR_RUNTIME_MEMORY_FILE_H

#include "base/err.h"

#include <sys/types.h>

// An empty one; `name` shows in /proc. ERR_RESOURCE_EXHAUSTED.
int memory_file_new(const char *name, int *ret_fd, struct err *e);
// From now on neither size nor content can change.
int memory_file_seal(int fd, struct err *e);
// A sealed one with these bytes.
int memory_file_of(const char *name, struct span bytes, int *ret_fd, struct err *e);
// All bytes of a file, read only; the caller gives them back with memory_file_unmap. An empty file gives an empty span.
int memory_file_map(int fd, uint64_t size_bytes, struct span *ret_bytes, struct err *e);
void memory_file_unmap(struct span bytes);
// Copies [offset, offset + n) of one to the end of another.
int memory_file_copy(int to_fd, int from_fd, uint64_t offset, uint64_t n, struct err *e);
// Gives the pages of [offset, offset + n) back to the system; they read as zeros.
void memory_file_punch(int fd, uint64_t offset, uint64_t n);

#endif
