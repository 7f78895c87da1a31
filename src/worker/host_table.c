// The table of everything a guest can import. A function is a line here, a declaration in its header, and its code.
#include "worker/host.h"

#include "base/mem.h"
#include "worker/spear_host.h"
#include "worker/wasi.h"

#define I ENGINE_I32
#define L ENGINE_I64
#define TYPES(...)                                                                                                     \
    { __VA_ARGS__ }
#define COUNT(...) (sizeof((enum engine_type[]){__VA_ARGS__}) / sizeof(enum engine_type))

// A function with params and one i32 result.
#define FUNCTION(module, name, fn, ...)                                                                                \
    {                                                                                                                  \
        module, name,                                                                                                  \
            {.params = TYPES(__VA_ARGS__), .param_count = COUNT(__VA_ARGS__), .results = {I}, .result_count = 1}, fn,  \
            false                                                                                                      \
    }
#define WASI(module, name, ...) FUNCTION(module, #name, wasi_##name, __VA_ARGS__)
// One that tells the same to every invocation of a task: what the descriptors are that it begins with.
#define WASI_EARLY(module, name, ...)                                                                                  \
    {                                                                                                                  \
        module, #name,                                                                                                 \
            {.params = TYPES(__VA_ARGS__), .param_count = COUNT(__VA_ARGS__), .results = {I}, .result_count = 1},      \
            wasi_##name, true                                                                                          \
    }

// WASI preview 1 (witx wasi_snapshot_preview1), as far as both versions of it agree.
#define WASI_COMMON(module)                                                                                            \
    WASI(module, args_get, I, I), WASI(module, args_sizes_get, I, I), WASI(module, environ_get, I, I),                 \
        WASI(module, environ_sizes_get, I, I), WASI_EARLY(module, clock_res_get, I, I),                                \
        WASI(module, clock_time_get, I, L, I), WASI(module, fd_advise, I, L, L, I),                                    \
        WASI(module, fd_allocate, I, L, L), WASI(module, fd_close, I), WASI(module, fd_datasync, I),                   \
        WASI_EARLY(module, fd_fdstat_get, I, I), WASI(module, fd_fdstat_set_flags, I, I),                              \
        WASI(module, fd_fdstat_set_rights, I, L, L), WASI(module, fd_filestat_set_size, I, L),                         \
        WASI(module, fd_filestat_set_times, I, L, L, I), WASI(module, fd_pread, I, I, I, L, I),                        \
        WASI_EARLY(module, fd_prestat_get, I, I), WASI_EARLY(module, fd_prestat_dir_name, I, I, I),                    \
        WASI(module, fd_pwrite, I, I, I, L, I), WASI(module, fd_read, I, I, I, I),                                     \
        WASI(module, fd_readdir, I, I, I, L, I), WASI(module, fd_renumber, I, I), WASI(module, fd_sync, I),            \
        WASI(module, fd_tell, I, I), WASI(module, fd_write, I, I, I, I), WASI(module, path_create_directory, I, I, I), \
        WASI(module, path_filestat_set_times, I, I, I, I, L, L, I), WASI(module, path_link, I, I, I, I, I, I, I),      \
        WASI(module, path_open, I, I, I, I, I, L, L, I, I), WASI(module, path_readlink, I, I, I, I, I, I),             \
        WASI(module, path_remove_directory, I, I, I), WASI(module, path_rename, I, I, I, I, I, I),                     \
        WASI(module, path_symlink, I, I, I, I, I), WASI(module, path_unlink_file, I, I, I),                            \
        WASI(module, proc_raise, I),                                                                                   \
        {module, "sched_yield", {.results = {I}, .result_count = 1}, wasi_sched_yield, true},                          \
        WASI(module, random_get, I, I), WASI(module, sock_recv, I, I, I, I, I, I),                                     \
        WASI(module, sock_send, I, I, I, I, I), WASI(module, sock_shutdown, I, I), {                                   \
        module, "proc_exit", {.params = {I}, .param_count = 1}, wasi_proc_exit, false                                  \
    }

static const struct engine_host_function functions[] = {
    WASI_COMMON("wasi_snapshot_preview1"),
    WASI("wasi_snapshot_preview1", fd_filestat_get, I, I),
    WASI("wasi_snapshot_preview1", fd_seek, I, L, I, I),
    WASI("wasi_snapshot_preview1", path_filestat_get, I, I, I, I, I),
    WASI("wasi_snapshot_preview1", poll_oneoff, I, I, I, I),
    WASI("wasi_snapshot_preview1", sock_accept, I, I, I),
    // The version of 2019 lays out filestat and subscription otherwise, numbers whence otherwise, and has no sock_accept.
    WASI_COMMON("wasi_unstable"),
    FUNCTION("wasi_unstable", "fd_filestat_get", wasi_unstable_fd_filestat_get, I, I),
    FUNCTION("wasi_unstable", "fd_seek", wasi_unstable_fd_seek, I, L, I, I),
    FUNCTION("wasi_unstable", "path_filestat_get", wasi_unstable_path_filestat_get, I, I, I, I, I),
    FUNCTION("wasi_unstable", "poll_oneoff", wasi_unstable_poll_oneoff, I, I, I, I),
    {"spear", "time_now_ms", {.results = {L}, .result_count = 1}, spear_host_time_now_ms, false},
    FUNCTION("spear", "log", spear_host_log, I, I, I),
    FUNCTION("spear", "request_read", spear_host_request_read, I, I),
    FUNCTION("spear", "request_method", spear_host_request_method, I, I),
    FUNCTION("spear", "request_target", spear_host_request_target, I, I),
    FUNCTION("spear", "request_header", spear_host_request_header, I, I, I, I),
    FUNCTION("spear", "response_status", spear_host_response_status, I),
    FUNCTION("spear", "response_header", spear_host_response_header, I, I, I, I),
    FUNCTION("spear", "response_write", spear_host_response_write, I, I),
};

const struct engine_host_function *host_functions(size_t *ret_count) {
    *ret_count = COUNT_OF(functions);
    return functions;
}

bool host_put(const struct host_call *c, uint32_t at, const void *from, uint32_t n) {
    void *to = engine_memory_at(c->memory, at, n);
    if (!to)
        return false;
    memcpy(to, from, n);
    return true;
}

bool host_get(const struct host_call *c, uint32_t at, void *to, uint32_t n) {
    const void *from = engine_memory_at(c->memory, at, n);
    if (!from)
        return false;
    memcpy(to, from, n);
    return true;
}
