// The smallest guest that reads its payload and answers it: what is left of a call is the platform's price.
#include <stdint.h>

struct part {
    void *p;
    uint32_t n;
};
#define WASI(name) __attribute__((import_module("wasi_snapshot_preview1"), import_name(#name))) int32_t name
WASI(fd_read)(int32_t fd, const struct part *parts, uint32_t count, uint32_t *ret_n);
WASI(fd_write)(int32_t fd, const struct part *parts, uint32_t count, uint32_t *ret_n);

static char payload[4096];
static uint32_t calls; // always 0 when a call begins: its state is fresh

__attribute__((export_name("_start"))) void start(void) {
    struct part all = {payload, sizeof payload};
    uint32_t n = 0;
    if (calls++ || fd_read(0, &all, 1, &n))
        __builtin_trap();
    all.n = n;
    fd_write(1, &all, 1, &n);
}
