// POST /api/v1/files: a body of any size on its way to the disk, in constant memory.
#ifndef SPEAR_SMS_UPLOAD_H
#define SPEAR_SMS_UPLOAD_H

#include "sms/sms.h"

void upload_handle(struct http_exchange *x, void *ctx); // ctx: struct sms

#endif
