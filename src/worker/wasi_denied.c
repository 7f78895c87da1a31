// WASI: everything that needs a file, a directory or a socket. There is none, so each answers what a system without them would: EBADF for a
// descriptor that does not exist, and for the three streams what POSIX says of such a call on a pipe.
//
// When directories are granted to tasks, functions move from here to files of their own.
#include "worker/wasi.h"

// `on_stream` if the call's first descriptor is one of the three streams.
static enum wasi_errno denied(const struct host_call *c, unsigned param, enum wasi_errno on_stream) {
    return wasi_stdio(c->guest, host_u32(c, param)) ? on_stream : WASI_EBADF;
}

#define DENY(name, param, on_stream)                                                                                   \
    WASI_FUNCTION(name) {                                                                                              \
        return denied(c, param, on_stream);                                                                            \
    }

DENY(fd_advise, 0, WASI_ESPIPE)
DENY(fd_allocate, 0, WASI_ESPIPE)
DENY(fd_datasync, 0, WASI_EINVAL)
DENY(fd_sync, 0, WASI_EINVAL)
DENY(fd_fdstat_set_rights, 0, WASI_ENOTSUP)
DENY(fd_filestat_set_size, 0, WASI_EINVAL)
DENY(fd_filestat_set_times, 0, WASI_ENOTSUP)
DENY(fd_pread, 0, WASI_ESPIPE)
DENY(fd_pwrite, 0, WASI_ESPIPE)
DENY(fd_prestat_get, 0, WASI_EBADF) // ends the C library's search for granted directories
DENY(fd_prestat_dir_name, 0, WASI_EBADF)
DENY(fd_readdir, 0, WASI_ENOTDIR)
DENY(fd_renumber, 0, WASI_ENOTSUP)
DENY(fd_seek, 0, WASI_ESPIPE)
DENY(fd_tell, 0, WASI_ESPIPE)

DENY(path_create_directory, 0, WASI_ENOTDIR)
DENY(path_filestat_get, 0, WASI_ENOTDIR)
DENY(path_filestat_set_times, 0, WASI_ENOTDIR)
DENY(path_link, 0, WASI_ENOTDIR)
DENY(path_open, 0, WASI_ENOTDIR)
DENY(path_readlink, 0, WASI_ENOTDIR)
DENY(path_remove_directory, 0, WASI_ENOTDIR)
DENY(path_rename, 0, WASI_ENOTDIR)
DENY(path_symlink, 2, WASI_ENOTDIR)
DENY(path_unlink_file, 0, WASI_ENOTDIR)

DENY(sock_accept, 0, WASI_ENOTSOCK)
DENY(sock_recv, 0, WASI_ENOTSOCK)
DENY(sock_send, 0, WASI_ENOTSOCK)
DENY(sock_shutdown, 0, WASI_ENOTSOCK)
