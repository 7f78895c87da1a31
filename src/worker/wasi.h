// WASI preview 1, our own. Names, types, error numbers and layouts are those of the witx files of wasi_snapshot_preview1. What is where:
//   wasi_process.c    arguments, environment, leaving, random bytes     wasi_clock.c, wasi_poll.c   clocks, waiting
//   wasi_table.c      descriptors: close, renumber, fdstat, prestat     wasi_stdio.c                the three streams
//   wasi_file.c       reading, writing, sizes, seeking, syncing         wasi_filestat.c             stat and times
//   wasi_directory.c  listing                                           wasi_socket.c               sockets
//   wasi_path_open.c  opening                                           wasi_path_change.c          names: make, link, rename, remove
// underneath: wasi_path.c resolves paths, wasi_quota.c counts a volume's bytes.
//
// Deny by default: descriptors 0, 1 and 2 exist, and the directories that the task was granted.
#ifndef SPEAR_WORKER_WASI_H
#define SPEAR_WORKER_WASI_H

#include "worker/host.h"
#include "worker/wasi_errno.h"

enum { WASI_IOVECS_MAX = 1024, WASI_SUBSCRIPTIONS_MAX = 1024 };

// `WASI_FUNCTION(fd_sync) { ... return WASI_EBADF; }` defines wasi_fd_sync with `c`, the call.
#define WASI_FUNCTION(name)                                                                                            \
    static enum wasi_errno do_##name(const struct host_call *c);                                                       \
    void wasi_##name(void *ctx, struct engine_memory *memory, const struct engine_value *params,                       \
                     struct engine_value *results, bool *ret_exit) {                                                   \
        const struct host_call call = {ctx, memory, params, ret_exit};                                                 \
        results[0] = (struct engine_value){.type = ENGINE_I32, .of.i32 = (int32_t)do_##name(&call)};                   \
    }                                                                                                                  \
    static enum wasi_errno do_##name(const struct host_call *c)

engine_host_fn wasi_args_get;
engine_host_fn wasi_args_sizes_get;
engine_host_fn wasi_environ_get;
engine_host_fn wasi_environ_sizes_get;
engine_host_fn wasi_clock_res_get;
engine_host_fn wasi_clock_time_get;
engine_host_fn wasi_fd_advise;
engine_host_fn wasi_fd_allocate;
engine_host_fn wasi_fd_close;
engine_host_fn wasi_fd_datasync;
engine_host_fn wasi_fd_fdstat_get;
engine_host_fn wasi_fd_fdstat_set_flags;
engine_host_fn wasi_fd_fdstat_set_rights;
engine_host_fn wasi_fd_filestat_get;
engine_host_fn wasi_fd_filestat_set_size;
engine_host_fn wasi_fd_filestat_set_times;
engine_host_fn wasi_fd_pread;
engine_host_fn wasi_fd_prestat_get;
engine_host_fn wasi_fd_prestat_dir_name;
engine_host_fn wasi_fd_pwrite;
engine_host_fn wasi_fd_read;
engine_host_fn wasi_fd_readdir;
engine_host_fn wasi_fd_renumber;
engine_host_fn wasi_fd_seek;
engine_host_fn wasi_fd_sync;
engine_host_fn wasi_fd_tell;
engine_host_fn wasi_fd_write;
engine_host_fn wasi_path_create_directory;
engine_host_fn wasi_path_filestat_get;
engine_host_fn wasi_path_filestat_set_times;
engine_host_fn wasi_path_link;
engine_host_fn wasi_path_open;
engine_host_fn wasi_path_readlink;
engine_host_fn wasi_path_remove_directory;
engine_host_fn wasi_path_rename;
engine_host_fn wasi_path_symlink;
engine_host_fn wasi_path_unlink_file;
engine_host_fn wasi_poll_oneoff;
engine_host_fn wasi_proc_raise;
engine_host_fn wasi_sched_yield;
engine_host_fn wasi_random_get;
engine_host_fn wasi_sock_accept;
engine_host_fn wasi_sock_recv;
engine_host_fn wasi_sock_send;
engine_host_fn wasi_sock_shutdown;
engine_host_fn wasi_proc_exit;
engine_host_fn wasi_unstable_fd_filestat_get;
engine_host_fn wasi_unstable_fd_seek;
engine_host_fn wasi_unstable_path_filestat_get;
engine_host_fn wasi_unstable_poll_oneoff;

#endif
