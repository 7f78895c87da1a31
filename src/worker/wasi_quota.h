// How much a volume holds, over all workers that have it: one counter in shared memory, reserved before a file grows, given back when a file shrinks
// or goes. What is counted is the size of regular files.
//
// Two kinds of locks, both of fcntl(2) on the counter's file, so that they end with a worker that is killed:
//   change: one byte a file; held while its size or its last link changes.
//   open:   one byte a file, shared; held while it is open. A file without a name is given back by the last who has it open.
// A worker that dies in between leaves the counter too high, never too low; it is counted anew when the volume is next used from nothing.
#ifndef SPEAR_WORKER_WASI_QUOTA_H
#define SPEAR_WORKER_WASI_QUOTA_H

#include "worker/wasi_table.h"

void wasi_quota_lock(const struct wasi_grant *grant, uint64_t inode);
void wasi_quota_unlock(const struct wasi_grant *grant, uint64_t inode);
// False when the volume would hold more than the grant's max_bytes.
bool wasi_quota_reserve(const struct wasi_grant *grant, uint64_t bytes);
void wasi_quota_release(const struct wasi_grant *grant, uint64_t bytes);

// A regular file was opened: from now on it counts as open. False when it lost its last name meanwhile. open_here: another descriptor of
// ours has it too.
bool wasi_quota_opened(const struct wasi_file *file, bool open_here);
// It is about to be closed.
void wasi_quota_closing(const struct wasi_file *file, bool open_here);

// Runs `change`, which may take the last name off the file `fd` (any descriptor; -1: there is none), and gives its bytes back
// if nobody has it open. Returns what change returned; errno is kept.
int wasi_quota_unlinking(const struct wasi_table *t, const struct wasi_grant *grant, int fd, int (*change)(void *ctx),
                         void *ctx);

#endif
