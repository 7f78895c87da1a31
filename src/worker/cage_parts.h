// The parts of the cage, one file each; cage.c puts them together and nobody else includes this.
#ifndef SPEAR_WORKER_CAGE_PARTS_H
#define SPEAR_WORKER_CAGE_PARTS_H

#include "worker/cage.h"

// ---- cage_seccomp.c
// Compiles the filters. Also fails when the kernel cannot kill a process for a system call (before 4.14).
int cage_seccomp_prepare(struct cage *c, struct err *e);
int cage_seccomp_enter(const struct cage *c, enum cage_filter_kind kind, struct err *e);

// ---- cage_landlock.c
int cage_landlock_prepare(struct cage *c, struct err *e);
int cage_landlock_enter(const struct cage *c, const struct ipc_spawn *spawn, struct err *e);

// ---- cage_namespaces.c: each moves the calling process into a new one
int cage_enter_user_namespace(struct err *e);    // with the ids it has
int cage_enter_mount_namespace(struct err *e);   // whose root is empty
int cage_enter_network_namespace(struct err *e); // without a network, not even a loopback
int cage_enter_ipc_namespace(struct err *e);
// Gives up every capability, in the namespace and outside.
int cage_drop_capabilities(struct err *e);

#endif
