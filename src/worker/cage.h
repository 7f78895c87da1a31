// The cage of a worker: what the kernel takes from it before it reads the first byte of a guest's.
//
// Made in two steps. The zygote prepares: it tries each part on this machine (cage_prepare), enters the namespaces that all its workers share, and
// compiles the system call filters once. A worker, after its clone and with its descriptors in place, puts the rest on (cage_enter): no
// capabilities, Landlock with no path but the directories it was granted, the filter. Nothing that was found on the machine is left out in silence: a
// worker that cannot have it does not start.
#ifndef SPEAR_WORKER_CAGE_H
#define SPEAR_WORKER_CAGE_H

#include "base/err.h"
#include "ipc/worker_protocol.h"

#include <stdbool.h>
#include <stddef.h>

struct sock_filter;

// Which system calls a worker may make.
enum cage_filter_kind {
    CAGE_FILTER_BARE,  // memory, time, its control socket
    CAGE_FILTER_FILES, // and files below the directories it was granted
    CAGE_FILTER_LOADING, // while native code is loaded: of a file that is given as a descriptor, but needs a path; until cage_seal
    CAGE_FILTER_COMPILING, // and threads: the compiler and the linker in it
    CAGE_FILTER_COUNT
};
struct cage_filter {
    struct sock_filter *instructions; // heap
    size_t count;
};

struct cage {
    uint32_t features; // enum ipc_cage_feature: what every worker gets; 0 is no cage
    char reasons[IPC_CAGE_FEATURE_COUNT][IPC_CAGE_REASON_BYTES];
    int landlock_version;
    struct cage_filter filters[CAGE_FILTER_COUNT];
};

// In the zygote, when all libraries are loaded: there may be no files afterwards. Leaves out of `wanted` what this machine does not have; -1 with e
// naming it when that is in `required`.
int cage_prepare(struct cage *c, uint32_t wanted, uint32_t required, struct err *e);
// Flags for the clone of a worker.
uint64_t cage_clone_flags(const struct cage *c);
// In a worker: from here on it has what it was given and nothing else. -1 with e naming the part that failed.
int cage_enter(const struct cage *c, const struct ipc_spawn *spawn, struct err *e);
// When native code was loaded, and before it runs: from here on no path, and no more code. Nothing happens in a worker that loads none.
int cage_seal(const struct cage *c, const struct ipc_spawn *spawn, struct err *e);
// Built with a sanitizer, which needs more system calls than are good for strangers' guests.
bool cage_has_wider_filter(void);

#endif
