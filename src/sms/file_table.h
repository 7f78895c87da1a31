// The table of files: one row an uploaded file; several may name one content (sha256).
//
// Synchronous; called from store jobs, on the lane's thread.
#ifndef SPEAR_SMS_FILE_TABLE_H
#define SPEAR_SMS_FILE_TABLE_H

#include "base/digest.h"
#include "base/id.h"
#include "sms/db.h"

enum { FILE_NAME_MAX = 255, FILE_CONTENT_TYPE_MAX = 127 };

struct file_record {
    char id[UUID_TEXT + 1];
    char name[FILE_NAME_MAX + 1];
    uint64_t len;
    char content_type[FILE_CONTENT_TYPE_MAX + 1];
    char sha256[SHA256_HEX + 1];
    int64_t created_at; // unix seconds
};

int file_table_insert(struct db *db, const struct file_record *r, struct err *e);
int file_table_find(struct db *db, struct span id, bool *ret_found, struct file_record *ret, struct err *e);
int file_table_delete(struct db *db, struct span id, struct err *e);
// True when a record names that content.
int file_table_uses(struct db *db, struct span sha256_hex, bool *ret_used, struct err *e);
// Newest first; `q` is a part of name or id, ASCII case ignored, "" for all. *ret_total counts all that match.
int file_table_list(struct db *db, struct span q, int64_t limit, int64_t offset,
                    void (*each)(void *ctx, const struct file_record *r), void *ctx, int64_t *ret_total, struct err *e);
int file_table_count(struct db *db, int64_t *ret_count, struct err *e);

#endif
