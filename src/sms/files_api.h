// The routes of files that are not an upload: list, bytes, record, deletion. ctx of each handler: struct sms.
#ifndef SPEAR_SMS_FILES_API_H
#define SPEAR_SMS_FILES_API_H

#include "sms/sms.h"

void files_list_handle(struct http_exchange *x, void *ctx);   // GET /api/v1/files
void files_get_handle(struct http_exchange *x, void *ctx);    // GET, HEAD /api/v1/files/{id}
void files_meta_handle(struct http_exchange *x, void *ctx);   // GET /api/v1/files/{id}/meta
void files_delete_handle(struct http_exchange *x, void *ctx); // DELETE /api/v1/files/{id}

#endif
