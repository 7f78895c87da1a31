// random_get: fills all of the buffer and nothing beside it.
#include "check.h"

int main(void) {
    uint8_t bytes[66] = {0};
    int zeros = 0;
    CHECK_ERRNO(0, __wasi_random_get(bytes + 1, 64));
    CHECK(bytes[0] == 0 && bytes[65] == 0);
    for (int i = 1; i <= 64; i++)
        zeros += bytes[i] == 0;
    CHECK(zeros < 16);
    return 0;
}
