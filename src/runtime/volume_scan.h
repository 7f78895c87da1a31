// How many bytes a folder's regular files have together. Internal to the library.
#ifndef SPEAR_RUNTIME_VOLUME_SCAN_H
#define SPEAR_RUNTIME_VOLUME_SCAN_H

#include "base/err.h"

#include <stdint.h>

enum { VOLUME_DEPTH_MAX = 100 };

// Blocks; for the thread pool. A file with several names counts once; symbolic links are not followed; what vanishes meanwhile is not
// counted. ERR_IO; ERR_INVALID_CONFIGURATION when folders are nested deeper than VOLUME_DEPTH_MAX.
int volume_scan(int directory_fd, uint64_t *ret_bytes, struct err *e);

#endif
