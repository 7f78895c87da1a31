// A private temporary directory that goes away with us, also when we are killed with SIGKILL.
//
// A small process of our own waits for our end; it kills the programs that were started for us and removes the directory
// if we could not.
#ifndef SPEAR_CLI_SCRATCH_H
#define SPEAR_CLI_SCRATCH_H

#include "base/err.h"

struct scratch;

// Makes "<base>/spear-<purpose>-XXXXXX", mode 0700. The base is $TMPDIR; without it /dev/shm when room_bytes are free there (what
// is gone at the end need not reach a disk), else /tmp. Call before any thread exists.
int scratch_new(const char *purpose, uint64_t room_bytes, struct scratch **ret, struct err *e);
const char *scratch_path(const struct scratch *s);
// A process that uses the directory and must be gone before it is removed.
void scratch_used_by(struct scratch *s, int pid);
// Removes the directory and ends the waiting process. NULL allowed.
void scratch_free(struct scratch *s);

#endif
