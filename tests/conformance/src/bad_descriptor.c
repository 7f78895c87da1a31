// Every function on a descriptor that is not open answers EBADF.
#include "check.h"

int main(void) {
    enum { NOT_OPEN = 1000 };
    uint8_t byte = 0;
    __wasi_iovec_t in = {&byte, 1};
    __wasi_ciovec_t out = {&byte, 1};
    __wasi_size_t n;
    __wasi_filesize_t at;
    __wasi_fdstat_t stat;
    __wasi_filestat_t file;
    __wasi_prestat_t preopened;
    CHECK_ERRNO(__WASI_ERRNO_BADF, __wasi_fd_advise(NOT_OPEN, 0, 0, __WASI_ADVICE_NORMAL));
    CHECK_ERRNO(__WASI_ERRNO_BADF, __wasi_fd_allocate(NOT_OPEN, 0, 1));
    CHECK_ERRNO(__WASI_ERRNO_BADF, __wasi_fd_close(NOT_OPEN));
    CHECK_ERRNO(__WASI_ERRNO_BADF, __wasi_fd_datasync(NOT_OPEN));
    CHECK_ERRNO(__WASI_ERRNO_BADF, __wasi_fd_fdstat_get(NOT_OPEN, &stat));
    CHECK_ERRNO(__WASI_ERRNO_BADF, __wasi_fd_fdstat_set_flags(NOT_OPEN, 0));
    CHECK_ERRNO(__WASI_ERRNO_BADF, __wasi_fd_filestat_get(NOT_OPEN, &file));
    CHECK_ERRNO(__WASI_ERRNO_BADF, __wasi_fd_filestat_set_size(NOT_OPEN, 0));
    CHECK_ERRNO(__WASI_ERRNO_BADF, __wasi_fd_pread(NOT_OPEN, &in, 1, 0, &n));
    CHECK_ERRNO(__WASI_ERRNO_BADF, __wasi_fd_prestat_get(NOT_OPEN, &preopened));
    CHECK_ERRNO(__WASI_ERRNO_BADF, __wasi_fd_pwrite(NOT_OPEN, &out, 1, 0, &n));
    CHECK_ERRNO(__WASI_ERRNO_BADF, __wasi_fd_read(NOT_OPEN, &in, 1, &n));
    CHECK_ERRNO(__WASI_ERRNO_BADF, __wasi_fd_readdir(NOT_OPEN, &byte, 1, 0, &n));
    CHECK_ERRNO(__WASI_ERRNO_BADF, __wasi_fd_renumber(NOT_OPEN, 1));
    CHECK_ERRNO(__WASI_ERRNO_BADF, __wasi_fd_seek(NOT_OPEN, 0, __WASI_WHENCE_SET, &at));
    CHECK_ERRNO(__WASI_ERRNO_BADF, __wasi_fd_sync(NOT_OPEN));
    CHECK_ERRNO(__WASI_ERRNO_BADF, __wasi_fd_tell(NOT_OPEN, &at));
    CHECK_ERRNO(__WASI_ERRNO_BADF, __wasi_fd_write(NOT_OPEN, &out, 1, &n));
    CHECK_ERRNO(__WASI_ERRNO_BADF, __wasi_path_create_directory(NOT_OPEN, "d"));
    CHECK_ERRNO(__WASI_ERRNO_BADF, __wasi_path_unlink_file(NOT_OPEN, "f"));
    return 0;
}
