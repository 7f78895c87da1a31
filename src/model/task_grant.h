// A directory granted to a task: the config key `wasi.dir.<guest path>` with its value `<volume>[:ro|:rw][:max bytes]`.
#ifndef SPEAR_MODEL_TASK_GRANT_H
#define SPEAR_MODEL_TASK_GRANT_H

#include "base/err.h"
#include "base/span.h"

enum { TASK_GRANTS_MAX = 16, TASK_GUEST_PATH_MAX = 255, TASK_VOLUME_MAX = 64 };

struct task_grant {
    char guest_path[TASK_GUEST_PATH_MAX + 1]; // what the guest calls it
    char volume[TASK_VOLUME_MAX + 1];         // a folder under the node's <data_dir>/volumes
    bool writable;                            // only when it says rw
    uint64_t max_bytes; // the volume may not grow beyond that through this grant; UINT64_MAX: no limit
};

// The guest path is "/", ".", or names between single slashes, none of them "." or ".."; the volume is 1 … 64 of [A-Za-z0-9._-] that do not begin
// with a dot. False when the text is not of that form: *ret_allowed says what is wanted then.
bool task_grant_read(struct span guest_path, struct span value, struct task_grant *ret, const char **ret_allowed);

#endif
