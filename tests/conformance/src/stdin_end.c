// fd_read: without a payload stdin is at its end, again and again.
#include "check.h"

int main(void) {
    uint8_t byte;
    __wasi_iovec_t into = {&byte, 1};
    __wasi_size_t n = 9;
    for (int i = 0; i < 3; i++) {
        CHECK_ERRNO(0, __wasi_fd_read(0, &into, 1, &n));
        CHECK(n == 0);
    }
    return 0;
}
