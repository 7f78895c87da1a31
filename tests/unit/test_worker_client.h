// spearlet's side of the worker protocol, small and blocking, for tests of the real spear-worker.
//
// Every wait ends after CLIENT_WAIT_MS and fails the test. Paths come from the environment: SPEAR_WORKER (the program), SPEAR_BUILD (the build folder).
#ifndef SPEAR_TEST_WORKER_CLIENT_H
#define SPEAR_TEST_WORKER_CLIENT_H

#include "base/span.h"
#include "ipc/ring.h"

#include <sys/types.h>

enum {
    CLIENT_WAIT_MS = 20000,
    CLIENT_MEMORY_BYTES = 128 << 20,
    CLIENT_OUTPUT_BYTES = 1 << 20,
    CLIENT_LOG_BYTES = 1 << 16
};

struct client_zygote {
    int socket;
    pid_t pid;
};
void client_zygote_start(struct client_zygote *z);
void client_zygote_stop(struct client_zygote *z); // closes the socket and waits for the exit, which must be 0

union client_message {
    struct ipc_header header;
    struct ipc_spawned spawned;
    struct ipc_ready ready;
    struct ipc_failed failed;
    struct ipc_stopped stopped;
};

struct client_worker {
    int control, pidfd, memory_fd, module_fd, wake_fd;
    pid_t pid;
    uint8_t *memory;
    struct ipc_layout layout;
    struct ring_client ring;
    struct ipc_result result; // of the last call
    unsigned slot;            // where it is
    union client_message last;
};
// Limits of the next workers; client_limits_default() between tests.
extern struct ipc_limits client_limits;
void client_limits_default(void);
// How many grants the next spawn messages claim to have; none are sent.
extern uint32_t client_grant_count;

// Makes the sockets and the memory and asks for a worker; does not wait.
void client_spawn(struct client_zygote *z, struct client_worker *w, enum ipc_role role, struct span module);
// The next message in w->last; its type, or 0 when the worker's side is closed.
unsigned client_receive(struct client_worker *w);
void client_send(struct client_worker *w, const void *message, size_t size);
// Waits for the process: its wait status as siginfo gives it: exit status, or 1000 + signal.
int client_reap(struct client_worker *w);
void client_close(struct client_worker *w); // whatever state it is in

// The whole file of the build folder, on the heap.
struct span client_file(const char *name);
// A preparation: 0 and the prepared bytes (heap), or -1 with the refusal in `w.last.failed`.
int client_prepare(struct client_zygote *z, struct span module, struct span *ret, struct client_worker *w);
// Prepared, loaded and ready.
void client_serve(struct client_zygote *z, struct client_worker *w, const char *file);

struct client_call {
    const char *function, *params;
    const char *args[8], *environment[8];
    struct span payload;
    bool large;
};
// Puts it into the ring and wakes the worker; its slot. A large one (or of more than a slot holds) wants an empty ring.
unsigned client_call_send(struct client_worker *w, const struct client_call *call);
// Waits for the end of the oldest call; its result is in w->result. False when the worker ends instead.
bool client_call_wait(struct client_worker *w);
// Sends, and waits for the result. Spans point into the shared memory until the next call.
const struct ipc_result *client_call(struct client_worker *w, const struct client_call *call);
struct span client_output(const struct client_worker *w);
struct span client_log(const struct client_worker *w);
struct span client_reply(const struct client_worker *w);

#endif
