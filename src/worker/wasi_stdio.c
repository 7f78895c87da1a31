// WASI: the three streams. stdin is the payload, stdout the output, stderr the log. None is a terminal: the file type is "unknown", which
// makes C libraries buffer whole blocks.
#include "worker/wasi.h"

enum { FDFLAGS_ALL = 0x1f };
enum {
    RIGHT_READ = 1 << 1,
    RIGHT_SET_FLAGS = 1 << 3,
    RIGHT_WRITE = 1 << 6,
    RIGHT_FILESTAT_GET = 1 << 21,
    RIGHT_POLL = 1 << 27
};

struct guest_stdio *wasi_stdio(struct guest *g, uint32_t fd) {
    return fd < GUEST_STDIO_COUNT && !g->stdio[fd].closed ? &g->stdio[fd] : NULL;
}

struct iovec {
    uint32_t at, n;
};

// Calls f with every buffer, until it returns false; sums up in *ret_total what f said.
static enum wasi_errno each_buffer(const struct host_call *c,
                                   bool (*f)(const struct host_call *c, void *p, uint32_t n, uint32_t *ret_done),
                                   uint32_t *ret_total) {
    uint32_t list_at = host_u32(c, 1), count = host_u32(c, 2);
    uint64_t total = 0;
    if (count > WASI_IOVECS_MAX)
        return WASI_EINVAL;
    const uint8_t *list = engine_memory_at(c->memory, list_at, (uint64_t)count * sizeof(struct iovec));
    if (!list)
        return WASI_EFAULT;
    bool more = true;
    for (uint32_t i = 0; i < count && more; i++) {
        struct iovec v;
        memcpy(&v, list + i * sizeof v, sizeof v);
        void *p = v.n ? engine_memory_at(c->memory, v.at, v.n) : NULL;
        if (v.n && !p)
            return WASI_EFAULT;
        uint32_t done = 0;
        more = !v.n || f(c, p, v.n, &done);
        total += done;
    }
    if (total > UINT32_MAX)
        return WASI_EINVAL;
    *ret_total = (uint32_t)total;
    return WASI_SUCCESS;
}

static bool read_buffer(const struct host_call *c, void *p, uint32_t n, uint32_t *ret_done) {
    *ret_done = (uint32_t)guest_read(c->guest, p, n);
    return *ret_done == n;
}

static bool write_output_buffer(const struct host_call *c, void *p, uint32_t n, uint32_t *ret_done) {
    *ret_done = n;
    if (guest_write_output(c->guest, p, n))
        return true;
    *c->ret_exit = true; // limit.output_bytes: the invocation ends here
    return false;
}

static bool write_log_buffer(const struct host_call *c, void *p, uint32_t n, uint32_t *ret_done) {
    *ret_done = n;
    guest_write_log(c->guest, p, n);
    return true;
}

WASI_FUNCTION(fd_read) {
    uint32_t fd = host_u32(c, 0), total;
    if (!wasi_stdio(c->guest, fd) || fd != GUEST_STDIN)
        return WASI_EBADF;
    enum wasi_errno result = each_buffer(c, read_buffer, &total);
    return result ? result : host_put_u32(c, host_u32(c, 3), total) ? WASI_SUCCESS : WASI_EFAULT;
}

WASI_FUNCTION(fd_write) {
    uint32_t fd = host_u32(c, 0), total;
    if (!wasi_stdio(c->guest, fd) || fd == GUEST_STDIN)
        return WASI_EBADF;
    enum wasi_errno result = each_buffer(c, fd == GUEST_STDOUT ? write_output_buffer : write_log_buffer, &total);
    return result ? result : host_put_u32(c, host_u32(c, 3), total) ? WASI_SUCCESS : WASI_EFAULT;
}

WASI_FUNCTION(fd_close) {
    struct guest_stdio *stream = wasi_stdio(c->guest, host_u32(c, 0));
    if (!stream)
        return WASI_EBADF;
    stream->closed = true;
    return WASI_SUCCESS;
}

// fdstat: filetype u8 at 0, flags u16 at 2, rights u64 at 8, inheriting rights u64 at 16.
WASI_FUNCTION(fd_fdstat_get) {
    uint32_t fd = host_u32(c, 0);
    const struct guest_stdio *stream = wasi_stdio(c->guest, fd);
    if (!stream)
        return WASI_EBADF;
    uint8_t raw[24] = {0};
    uint64_t rights =
        RIGHT_SET_FLAGS | RIGHT_FILESTAT_GET | RIGHT_POLL | (fd == GUEST_STDIN ? RIGHT_READ : RIGHT_WRITE);
    memcpy(raw + 2, &stream->flags, sizeof stream->flags);
    memcpy(raw + 8, &rights, sizeof rights);
    return host_put(c, host_u32(c, 1), raw, sizeof raw) ? WASI_SUCCESS : WASI_EFAULT;
}

// Kept and told again; a stream that never blocks has nothing to do about them.
WASI_FUNCTION(fd_fdstat_set_flags) {
    struct guest_stdio *stream = wasi_stdio(c->guest, host_u32(c, 0));
    if (!stream)
        return WASI_EBADF;
    if (host_u32(c, 1) & ~(uint32_t)FDFLAGS_ALL)
        return WASI_EINVAL;
    stream->flags = (uint16_t)host_u32(c, 1);
    return WASI_SUCCESS;
}

// filestat: all zero but for one link, at 24 (u64); in the version of 2019 at 20 (u32).
static enum wasi_errno filestat(const struct host_call *c, uint32_t bytes, uint32_t link_offset) {
    uint8_t raw[64] = {0};
    if (!wasi_stdio(c->guest, host_u32(c, 0)))
        return WASI_EBADF;
    raw[link_offset] = 1;
    return host_put(c, host_u32(c, 1), raw, bytes) ? WASI_SUCCESS : WASI_EFAULT;
}

WASI_FUNCTION(fd_filestat_get) {
    return filestat(c, 64, 24);
}

WASI_FUNCTION(unstable_fd_filestat_get) {
    return filestat(c, 56, 20);
}
