// Deny by default: without a grant no descriptor is preopened, and no file can be opened.
#include "check.h"

#include <errno.h>

int main(void) {
    __wasi_prestat_t preopened;
    CHECK_ERRNO(__WASI_ERRNO_BADF, __wasi_fd_prestat_get(PREOPENED, &preopened));
    CHECK(!fopen("/etc/passwd", "r"));
    CHECK(!fopen("file", "w"));
    return 0;
}
