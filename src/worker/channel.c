// Sending and receiving protocol structs, with the checks that do not depend on what is being done.
#include "worker/channel.h"

#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

void channel_fds_close(struct channel_fds *fds) {
    for (size_t i = 0; i < fds->count; i++)
        close(fds->fds[i]);
    fds->count = 0;
}

struct ipc_header channel_header(enum ipc_type type, size_t size, uint64_t id) {
    return (struct ipc_header){.version = IPC_VERSION, .type = (uint16_t)type, .size = (uint32_t)size, .id = id};
}

union control_space {
    char space[CMSG_SPACE(sizeof(int) * IPC_FD_COUNT_MAX)];
    struct cmsghdr align;
};

int channel_send(int socket, const void *message, size_t size, int pass_fd) {
    union control_space control = {{0}};
    struct iovec data = {.iov_base = (void *)(uintptr_t)message, .iov_len = size};
    struct msghdr header = {.msg_iov = &data, .msg_iovlen = 1};
    if (pass_fd >= 0) {
        header.msg_control = control.space;
        header.msg_controllen = CMSG_SPACE(sizeof pass_fd);
        struct cmsghdr *c = CMSG_FIRSTHDR(&header);
        *c = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof pass_fd)};
        memcpy(CMSG_DATA(c), &pass_fd, sizeof pass_fd);
    }
    ssize_t sent;
    do
        sent = sendmsg(socket, &header, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)size ? 0 : -1;
}

void channel_send_failed(int socket, const struct err *e) {
    struct ipc_failed message = {.header = channel_header(IPC_FAILED, sizeof message, 0), .kind = (uint32_t)e->kind};
    snprintf(message.text, sizeof message.text, "%s", e->text);
    channel_send(socket, &message, sizeof message, -1);
}

static void take_fds(struct msghdr *header, struct channel_fds *ret) {
    ret->count = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count && ret->count < IPC_FD_COUNT_MAX; i++)
            memcpy(&ret->fds[ret->count++], CMSG_DATA(c) + i * sizeof(int), sizeof(int));
    }
}

static size_t size_of(uint16_t type) {
    switch (type) {
    case IPC_SPAWN:
        return sizeof(struct ipc_spawn);
    case IPC_STOP:
        return sizeof(struct ipc_stop);
    default:
        return 0;
    }
}

static enum channel_outcome check(const struct ipc_header *h, size_t received, int flags, struct err *e) {
    if (received < sizeof *h || (flags & (MSG_TRUNC | MSG_CTRUNC)))
        err_set(e, ERR_INTERNAL, "malformed message: %zu bytes%s", received,
                flags & MSG_CTRUNC ? ", too many descriptors" : "");
    else if (h->version != IPC_VERSION)
        err_set(e, ERR_INTERNAL, "malformed message: protocol version %u, this program speaks %d", h->version,
                IPC_VERSION);
    else if (size_of(h->type) == 0)
        err_set(e, ERR_INTERNAL, "malformed message: unknown type %u", h->type);
    else if (h->size != received || received != size_of(h->type))
        err_set(e, ERR_INTERNAL, "malformed message: type %u has %zu bytes, %zu were expected", h->type, received,
                size_of(h->type));
    else
        return CHANNEL_MESSAGE;
    return CHANNEL_MALFORMED;
}

enum channel_outcome channel_receive(int socket, union channel_message *ret, struct channel_fds *ret_fds,
                                     struct err *e) {
    union control_space control;
    struct iovec data = {.iov_base = ret, .iov_len = sizeof *ret};
    struct msghdr header = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof control.space};
    ssize_t received;
    do
        received = recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
    while (received < 0 && errno == EINTR);
    struct channel_fds fds = {.count = 0};
    if (received > 0)
        take_fds(&header, &fds);
    if (ret_fds)
        *ret_fds = fds;
    if (received <= 0)
        return CHANNEL_CLOSED;
    if (!ret_fds && fds.count) {
        channel_fds_close(&fds);
        err_set(e, ERR_INTERNAL, "malformed message: descriptors where none belong");
        return CHANNEL_MALFORMED;
    }
    return check(&ret->header, (size_t)received, header.msg_flags, e);
}
