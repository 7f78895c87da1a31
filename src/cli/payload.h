// Reading a payload whole: from a descriptor or a file.
#ifndef SPEAR_CLI_PAYLOAD_H
#define SPEAR_CLI_PAYLOAD_H

#include "base/buf.h"
#include "base/err.h"

enum { PAYLOAD_DEFAULT_MAX = 16 * 1024 * 1024 };

// Appends all until the end; more than out->max is ERR_PAYLOAD_TOO_LARGE.
int payload_read(int fd, const char *name, struct buf *out, struct err *e);
// `path` "-" is stdin.
int payload_read_file(const char *path, struct buf *out, struct err *e);

#endif
