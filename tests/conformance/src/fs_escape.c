// Paths that would leave the granted directory: refused, with EPERM or ENOTCAPABLE (runtimes differ), never opened.
#include "check.h"

static void refused(const char *path) {
    __wasi_fd_t opened;
    __wasi_errno_t found =
        __wasi_path_open(PREOPENED, __WASI_LOOKUPFLAGS_SYMLINK_FOLLOW, path, 0, __WASI_RIGHTS_FD_READ, 0, 0, &opened);
    if (found != __WASI_ERRNO_NOTCAPABLE && found != __WASI_ERRNO_PERM) {
        fprintf(stderr, "%s: %d\n", path, found);
        exit(1);
    }
}

int main(void) {
    refused("..");
    refused("../fs.dir/greeting");
    refused("inner/../../fs.dir/greeting");
    refused("/etc/passwd");
    refused("/");
    refused("inner/../..");
    return 0;
}
