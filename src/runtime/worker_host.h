// The zygote: one spear-worker process, started once, from which every worker is cloned. Internal to the library.
//
// It is started and watched by a thread of its own: the zygote and its workers ask to be killed when their parent ends, and to the kernel the
// parent is the thread that made them. That thread does nothing else, so it may block, and lives as long as the host. A zygote that ends is
// started again, at once the first time, with a growing wait when it keeps ending.
//
// Thread-safe. The lock guards a few fields; what happens under it (a send that does not block, making a socket pair) never waits.
#ifndef SPEAR_RUNTIME_WORKER_HOST_H
#define SPEAR_RUNTIME_WORKER_HOST_H

#include "base/err.h"
#include "ipc/worker_protocol.h"
#include "runtime/counters.h"
#include "runtime/runtime.h"

struct worker_host;

// Starts nothing. `config` (of it: worker_path, require_sandbox) and counters outlive it.
int worker_host_new(const struct spearlet_config *config, struct runtime_counters *counters, struct worker_host **ret,
                    struct err *e);
// Ends the zygote (it is asked, then killed) and waits for it.
void worker_host_free(struct worker_host *h); // NULL allowed
// Has the zygote started, if it is not there yet; returns at once.
void worker_host_warm_up(struct worker_host *h);

enum worker_host_answer {
    WORKER_HOST_SENT, // the zygote has the request, or will find it when it starts; if it dies first, the control socket closes
    WORKER_HOST_LATER, // its queue is full; try again in a moment
    WORKER_HOST_FAILED // e says why
};
// fds: IPC_SPAWN_FD_COUNT of them, and two for each grant of the request.
enum worker_host_answer worker_host_spawn(struct worker_host *h, const struct ipc_spawn *request, const int *fds,
                                          struct err *e);
// Has it started, and waits until it has said what its workers are caged with. What the first one says holds for those that come after it: one
// that has less is not used. -1 with e as in runtime_sandbox_wait.
int worker_host_wait_cage(struct worker_host *h, struct ipc_cage *ret, struct err *e);
bool worker_host_cage(struct worker_host *h, struct ipc_cage *ret); // does not wait: false when it is not known yet
// Why the zygote could not be started the last time (a program that is not there); ERR_NONE kind when it could.
void worker_host_failure(struct worker_host *h, struct err *ret);
// It does not answer: kills it, a new one is started.
void worker_host_kick(struct worker_host *h);
int worker_host_pid(struct worker_host *h); // 0: none

#endif
