// The buffers of fd_read, fd_write, fd_pread and fd_pwrite: the guest's list of (pointer, length), checked and turned into our pointers.
#ifndef SPEAR_WORKER_WASI_BUFFERS_H
#define SPEAR_WORKER_WASI_BUFFERS_H

#include "worker/wasi.h"

#include <sys/uio.h>

struct wasi_buffers {
    struct iovec list[WASI_IOVECS_MAX];
    int count;
    uint64_t bytes; // together
};

// The list that params 1 and 2 describe. EINVAL (too many), EFAULT.
enum wasi_errno wasi_buffers_get(const struct host_call *c, struct wasi_buffers *ret);

// A write to, or a read from, one of the three streams. EBADF in the wrong direction.
enum wasi_errno wasi_stream_read(const struct host_call *c, unsigned stream, const struct wasi_buffers *b,
                                 uint64_t *ret_done);
enum wasi_errno wasi_stream_write(const struct host_call *c, unsigned stream, const struct wasi_buffers *b,
                                  uint64_t *ret_done);

#endif
