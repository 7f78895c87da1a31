// The volumes of the process: folders under <data_dir>/volumes that the operator made, each opened once, its bytes counted once, and shared by every
// instance that was granted it. Internal to the library.
//
// What workers get is the folder's descriptor and a memory file with the counter (struct ipc_volume), which they keep up to date among themselves.
// A volume that nobody uses any more is forgotten; its bytes are counted anew at the next use.
//
// Thread-safe. Counting runs on the thread pool; requests of several loops that want the same volume share one.
#ifndef SPEAR_RUNTIME_VOLUME_STORE_H
#define SPEAR_RUNTIME_VOLUME_STORE_H

#include "base/loop.h"
#include "model/task_limits.h"

struct volume_store;
struct volume;

// data_dir (NULL: there is none) outlives it.
struct volume_store *volume_store_new(const char *data_dir);
void volume_store_free(struct volume_store *s); // NULL allowed; when nothing is in use
// Calls done(ctx) once, later, on the loop, with a reference that is the receiver's, or NULL and the error: InvalidConfiguration when there is no such
// folder, saying which one to make.
void volume_get(struct volume_store *s, struct loop *loop, const char *name,
                void (*done)(void *ctx, struct volume *volume, const struct err *e), void *ctx);
void volume_unref(struct volume_store *s, struct volume *v);
int volume_directory_fd(const struct volume *v); // O_PATH
int volume_memory_fd(const struct volume *v);    // of the counter

#endif
