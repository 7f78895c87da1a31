// Messages of ipc/worker_protocol.h over a SOCK_SEQPACKET socket, blocking: one struct a message, with descriptors beside it.
#ifndef SPEAR_WORKER_CHANNEL_H
#define SPEAR_WORKER_CHANNEL_H

#include "base/err.h"
#include "ipc/worker_protocol.h"

// Any message that a worker or the zygote receives; `header` overlays the first member of each.
union channel_message {
    struct ipc_header header;
    struct ipc_spawn spawn;
    struct ipc_stop stop;
};

struct channel_fds {
    int fds[IPC_FD_COUNT_MAX];
    size_t count;
};

void channel_fds_close(struct channel_fds *fds);
struct ipc_header channel_header(enum ipc_type type, size_t size, uint64_t id);
// Sends the whole struct, and pass_fd with it unless negative. 0, or -1 with errno (EPIPE: the other side is gone).
int channel_send(int socket, const void *message, size_t size, int pass_fd);
void channel_send_failed(int socket, const struct err *e);

enum channel_outcome { CHANNEL_MESSAGE, CHANNEL_CLOSED, CHANNEL_MALFORMED };
// Waits for the next message. CHANNEL_MESSAGE: version, type and size were checked.
// CHANNEL_MALFORMED: `e` says how. The descriptors belong to the caller in every case (ret_fds NULL: a message with descriptors is malformed).
enum channel_outcome channel_receive(int socket, union channel_message *ret, struct channel_fds *ret_fds,
                                     struct err *e);

#endif
