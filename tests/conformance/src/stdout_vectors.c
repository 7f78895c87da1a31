// fd_write: several vectors in one call, empty ones among them, come out in order; the count is their sum.
#include "check.h"

int main(void) {
    __wasi_ciovec_t parts[] = {{(const uint8_t *)"one ", 4}, {(const uint8_t *)"", 0}, {(const uint8_t *)"two\n", 4}};
    __wasi_size_t written = 0;
    CHECK_ERRNO(0, __wasi_fd_write(1, parts, 3, &written));
    CHECK(written == 8);
    CHECK_ERRNO(0, __wasi_fd_write(1, parts, 0, &written));
    CHECK(written == 0);
    return 0;
}
