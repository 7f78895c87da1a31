// Error numbers of path functions on a granted directory.
#include "check.h"

static __wasi_errno_t open_path(const char *path, __wasi_oflags_t flags, __wasi_fd_t *ret) {
    return __wasi_path_open(PREOPENED, 0, path, flags, __WASI_RIGHTS_FD_READ | __WASI_RIGHTS_FD_SEEK, 0, 0, ret);
}

int main(void) {
    __wasi_fd_t fd = 0;
    __wasi_filesize_t at = 0;
    __wasi_filestat_t info;
    CHECK_ERRNO(__WASI_ERRNO_NOENT, open_path("missing", 0, &fd));
    CHECK_ERRNO(__WASI_ERRNO_EXIST, open_path("greeting", __WASI_OFLAGS_CREAT | __WASI_OFLAGS_EXCL, &fd));
    CHECK_ERRNO(__WASI_ERRNO_NOTDIR, open_path("greeting", __WASI_OFLAGS_DIRECTORY, &fd));
    CHECK_ERRNO(__WASI_ERRNO_NOTDIR, open_path("greeting/below", 0, &fd));
    CHECK_ERRNO(__WASI_ERRNO_EXIST, __wasi_path_create_directory(PREOPENED, "inner"));
    CHECK_ERRNO(__WASI_ERRNO_NOTEMPTY, __wasi_path_remove_directory(PREOPENED, "inner"));
    CHECK_ERRNO(__WASI_ERRNO_NOTDIR, __wasi_path_remove_directory(PREOPENED, "greeting"));
    CHECK_ERRNO(__WASI_ERRNO_NOENT, __wasi_path_unlink_file(PREOPENED, "missing"));
    CHECK_ERRNO(0, __wasi_path_filestat_get(PREOPENED, 0, "greeting", &info));
    CHECK(info.size == 6 && info.filetype == __WASI_FILETYPE_REGULAR_FILE);
    CHECK_ERRNO(0, open_path("greeting", 0, &fd));
    CHECK_ERRNO(0, __wasi_fd_seek(fd, -1, __WASI_WHENCE_END, &at));
    CHECK(at == 5);
    CHECK_ERRNO(__WASI_ERRNO_INVAL, __wasi_fd_seek(fd, -1, __WASI_WHENCE_SET, &at));
    CHECK_ERRNO(0, __wasi_fd_close(fd));
    CHECK_ERRNO(__WASI_ERRNO_BADF, __wasi_fd_close(fd));
    return 0;
}
