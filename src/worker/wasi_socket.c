// WASI: sockets. None is granted, so every descriptor that there is, is none.
#include "worker/wasi.h"
#include "worker/wasi_table.h"

static enum wasi_errno no_socket(const struct host_call *c) {
    return wasi_table_at(c->guest->table, host_u32(c, 0)) ? WASI_ENOTSOCK : WASI_EBADF;
}

WASI_FUNCTION(sock_accept) {
    return no_socket(c);
}

WASI_FUNCTION(sock_recv) {
    return no_socket(c);
}

WASI_FUNCTION(sock_send) {
    return no_socket(c);
}

WASI_FUNCTION(sock_shutdown) {
    return no_socket(c);
}
