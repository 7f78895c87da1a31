// Every promise of module `spear`: prints "ok", or the line that was broken.
#include <spear.h>
#include <stdio.h>
#include <time.h>

#define CHECK(condition)                                                                                               \
    if (!(condition)) {                                                                                                \
        printf("line %d: %s\n", __LINE__, #condition);                                                                 \
        return 1;                                                                                                      \
    }

int main(void) {
    static const char text[] = "hello from the guest";
    int64_t now_ms = spear_time_now_ms();
    CHECK(now_ms > 1600000000000 && now_ms / 1000 - time(NULL) <= 1);
    for (int level = SPEAR_TRACE; level <= SPEAR_ERROR; level++) {
        CHECK(spear_log(level, text, sizeof text - 1) == 0);
    }
    CHECK(spear_log(SPEAR_INFO, text, 0) == 0);
    CHECK(spear_log(5, text, 1) == -SPEAR_EINVAL);
    CHECK(spear_log(-1, text, 1) == -SPEAR_EINVAL);
    CHECK(spear_log(SPEAR_INFO, (const char *)0xfffffff0u, 64) == -SPEAR_EFAULT);
    CHECK(spear_log(SPEAR_INFO, text, SPEAR_LOG_BYTES_MAX + 1) == -SPEAR_E2BIG);
    puts("ok");
    return 0;
}
