// The folder of file contents: DATA/blobs/<2 hex>/<sha256>, and DATA/tmp/<id> for what is still arriving.
//
// A content is stored once, whatever number of records names it; who is still named is the database's knowledge. A blob
// appears by rename and is whole from its first moment; blobs_sync makes the renames since the last call durable.
// Threads: publish, sync and remove belong to the store's write thread; the rest may be called from any thread.
#ifndef SPEAR_SMS_BLOBS_H
#define SPEAR_SMS_BLOBS_H

#include "base/digest.h"
#include "base/err.h"

struct blobs;

// Makes the folders, removes everything in tmp/.
int blobs_open(const char *data_dir, struct blobs **ret, struct err *e);
void blobs_close(struct blobs *b); // NULL allowed

// A temporary file, opened for writing and new; `id` names it.
int blobs_create_temporary(struct blobs *b, const char *id, int *ret_fd, struct err *e);
void blobs_remove_temporary(struct blobs *b, const char *id); // a missing one is fine
// Moves the (fsynced) temporary file to its content's place; when that content is there already, the temporary file is removed.
int blobs_publish(struct blobs *b, const char *id, const char *sha256_hex, uint64_t len, struct err *e);
int blobs_sync(struct blobs *b, struct err *e);
// Removes a content; a failure is logged by the next sweep at start. A missing one is fine.
void blobs_remove(struct blobs *b, const char *sha256_hex);
// ERR_IO naming the content when it is missing or has another length.
int blobs_open_content(struct blobs *b, const char *sha256_hex, uint64_t len, int *ret_fd, struct err *e);
// Removes each content for which is_used(ctx, hex) is 0; -1 from it stops with its error.
int blobs_sweep(struct blobs *b, int (*is_used)(void *ctx, const char *sha256_hex, struct err *e), void *ctx,
                size_t *ret_removed, struct err *e);

#endif
