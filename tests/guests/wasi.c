// WASI preview 1 from inside: raw calls whose answers are known. Prints "ok", or each line that was broken.
#include <stdio.h>
#include <string.h>
#include <wasi/api.h>

static int broken;

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            broken++;                                                                                                  \
            printf("line %d: %s\n", __LINE__, #condition);                                                             \
        }                                                                                                              \
    } while (0)

static uint8_t *const outside = (uint8_t *)0xfffffff0u;

static void check_clocks(void) {
    __wasi_timestamp_t a = 0, b = 0;
    CHECK(__wasi_clock_time_get(__WASI_CLOCKID_REALTIME, 1, &a) == 0 && a > 1600000000000000000u);
    CHECK(__wasi_clock_time_get(__WASI_CLOCKID_MONOTONIC, 1, &a) == 0);
    CHECK(__wasi_clock_time_get(__WASI_CLOCKID_MONOTONIC, 1, &b) == 0 && b >= a);
    CHECK(__wasi_clock_time_get(__WASI_CLOCKID_PROCESS_CPUTIME_ID, 1, &a) == 0);
    CHECK(__wasi_clock_time_get(__WASI_CLOCKID_THREAD_CPUTIME_ID, 1, &a) == 0);
    CHECK(__wasi_clock_time_get(99, 1, &a) == __WASI_ERRNO_INVAL);
    CHECK(__wasi_clock_res_get(__WASI_CLOCKID_MONOTONIC, &a) == 0 && a >= 1);
    CHECK(__wasi_clock_res_get(99, &a) == __WASI_ERRNO_INVAL);
    CHECK(__wasi_clock_time_get(0, 1, (__wasi_timestamp_t *)0xfffffffcu) == __WASI_ERRNO_FAULT);
}

static void check_random(void) {
    uint8_t a[64] = {0}, b[64] = {0};
    CHECK(__wasi_random_get(a, sizeof a) == 0 && __wasi_random_get(b, sizeof b) == 0 && memcmp(a, b, sizeof a) != 0);
    CHECK(__wasi_random_get(a, 0) == 0);
    CHECK(__wasi_random_get(outside, 64) == __WASI_ERRNO_FAULT);
}

static void check_stdio(void) {
    __wasi_size_t n = 7;
    __wasi_fdstat_t stat;
    __wasi_filestat_t file;
    __wasi_filesize_t at;
    CHECK(__wasi_fd_fdstat_get(1, &stat) == 0 && (stat.fs_rights_base & __WASI_RIGHTS_FD_WRITE));
    CHECK(__wasi_fd_fdstat_get(0, &stat) == 0 && (stat.fs_rights_base & __WASI_RIGHTS_FD_READ));
    CHECK(__wasi_fd_fdstat_get(3, &stat) == __WASI_ERRNO_BADF);
    CHECK(__wasi_fd_filestat_get(2, &file) == 0 && file.size == 0);
    CHECK(__wasi_fd_seek(1, 0, __WASI_WHENCE_SET, &at) == __WASI_ERRNO_SPIPE);
    CHECK(__wasi_fd_tell(0, &at) == __WASI_ERRNO_SPIPE);
    CHECK(__wasi_fd_fdstat_set_flags(1, __WASI_FDFLAGS_NONBLOCK) == 0);
    __wasi_ciovec_t beyond = {outside, 64}, nothing = {outside, 0};
    CHECK(__wasi_fd_write(2, &beyond, 1, &n) == __WASI_ERRNO_FAULT);
    CHECK(__wasi_fd_write(2, &beyond, 1 << 20, &n) == __WASI_ERRNO_INVAL);
    CHECK(__wasi_fd_write(2, &nothing, 1, &n) == 0 && n == 0);
    CHECK(__wasi_fd_write(0, &nothing, 1, &n) == __WASI_ERRNO_BADF);
    CHECK(__wasi_fd_write(3, &nothing, 1, &n) == __WASI_ERRNO_BADF);
    __wasi_iovec_t in = {(uint8_t *)&file, 8};
    CHECK(__wasi_fd_read(1, &in, 1, &n) == __WASI_ERRNO_BADF);
    CHECK(__wasi_fd_close(0) == 0 && __wasi_fd_read(0, &in, 1, &n) == __WASI_ERRNO_BADF);
    CHECK(__wasi_fd_close(0) == __WASI_ERRNO_BADF);
}

static void check_denied(void) {
    __wasi_prestat_t prestat;
    __wasi_fd_t fd;
    __wasi_filestat_t file;
    __wasi_size_t n;
    char name[8];
    CHECK(__wasi_fd_prestat_get(3, &prestat) == __WASI_ERRNO_BADF);
    CHECK(__wasi_fd_prestat_dir_name(3, (uint8_t *)name, sizeof name) == __WASI_ERRNO_BADF);
    CHECK(__wasi_path_open(3, 0, "x", 0, 0, 0, 0, &fd) == __WASI_ERRNO_BADF);
    CHECK(__wasi_path_filestat_get(3, 0, "x", &file) == __WASI_ERRNO_BADF);
    CHECK(__wasi_path_create_directory(1, "x") == __WASI_ERRNO_NOTDIR);
    CHECK(__wasi_sock_accept(3, 0, &fd) == __WASI_ERRNO_BADF);
    CHECK(__wasi_sock_shutdown(1, 1) == __WASI_ERRNO_NOTSOCK);
    CHECK(__wasi_fd_readdir(1, (uint8_t *)name, sizeof name, 0, &n) == __WASI_ERRNO_NOTDIR);
    CHECK(__wasi_fd_sync(3) == __WASI_ERRNO_BADF);
}

static void check_poll(void) {
    static __wasi_subscription_t in[3];
    static __wasi_event_t out[3];
    __wasi_size_t n = 0;
    __wasi_timestamp_t before = 0, after = 0;
    in[0] = (__wasi_subscription_t){.userdata = 7, .u.tag = __WASI_EVENTTYPE_CLOCK};
    in[0].u.u.clock = (__wasi_subscription_clock_t){.id = __WASI_CLOCKID_MONOTONIC, .timeout = 20000000};
    CHECK(__wasi_clock_time_get(__WASI_CLOCKID_MONOTONIC, 1, &before) == 0);
    CHECK(__wasi_poll_oneoff(in, out, 1, &n) == 0 && n == 1 && out[0].userdata == 7 && out[0].error == 0);
    CHECK(__wasi_clock_time_get(__WASI_CLOCKID_MONOTONIC, 1, &after) == 0);
    CHECK(after - before >= 20000000);
    in[1] = (__wasi_subscription_t){.userdata = 8, .u.tag = __WASI_EVENTTYPE_FD_WRITE};
    in[1].u.u.fd_write.file_descriptor = 1;
    in[2] = (__wasi_subscription_t){.userdata = 9, .u.tag = __WASI_EVENTTYPE_FD_READ};
    in[2].u.u.fd_read.file_descriptor = 44;
    CHECK(__wasi_poll_oneoff(in, out, 3, &n) == 0 && n == 2);
    CHECK(out[0].userdata == 8 && out[0].type == __WASI_EVENTTYPE_FD_WRITE && out[0].error == 0);
    CHECK(out[1].userdata == 9 && out[1].error == __WASI_ERRNO_BADF);
    CHECK(__wasi_poll_oneoff(in, out, 0, &n) == __WASI_ERRNO_INVAL);
    CHECK(__wasi_poll_oneoff(in, out, 0x10000001, &n) == __WASI_ERRNO_INVAL);
    CHECK(__wasi_poll_oneoff((void *)outside, out, 3, &n) == __WASI_ERRNO_FAULT);
}

int main(void) {
    check_clocks();
    check_random();
    check_stdio();
    check_denied();
    check_poll();
    CHECK(__wasi_sched_yield() == 0);
    if (!broken) {
        puts("ok");
    }
    return broken != 0;
}
