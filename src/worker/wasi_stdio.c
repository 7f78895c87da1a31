// WASI: the three streams. stdin is the payload, stdout the output, stderr the log; and the lists of buffers that all reading and writing takes.
#include "worker/wasi_buffers.h"

enum wasi_errno wasi_buffers_get(const struct host_call *c, struct wasi_buffers *ret) {
    uint32_t list_at = host_u32(c, 1), count = host_u32(c, 2);
    if (count > WASI_IOVECS_MAX)
        return WASI_EINVAL;
    const uint8_t *list = engine_memory_at(c->memory, list_at, (uint64_t)count * 8);
    if (count && !list)
        return WASI_EFAULT;
    ret->count = 0;
    ret->bytes = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t v[2]; // where, how much
        memcpy(v, list + i * sizeof v, sizeof v);
        void *p = v[1] ? engine_memory_at(c->memory, v[0], v[1]) : NULL;
        if (v[1] && !p)
            return WASI_EFAULT;
        if (v[1])
            ret->list[ret->count++] = (struct iovec){p, v[1]};
        ret->bytes += v[1];
    }
    return ret->bytes > UINT32_MAX ? WASI_EINVAL : WASI_SUCCESS;
}

enum wasi_errno wasi_stream_read(const struct host_call *c, unsigned stream, const struct wasi_buffers *b,
                                 uint64_t *ret_done) {
    if (stream != GUEST_STDIN)
        return WASI_EBADF;
    *ret_done = 0;
    for (int i = 0; i < b->count; i++)
        *ret_done += guest_read(c->guest, b->list[i].iov_base, b->list[i].iov_len);
    return WASI_SUCCESS;
}

enum wasi_errno wasi_stream_write(const struct host_call *c, unsigned stream, const struct wasi_buffers *b,
                                  uint64_t *ret_done) {
    if (stream == GUEST_STDIN)
        return WASI_EBADF;
    *ret_done = b->bytes;
    for (int i = 0; i < b->count; i++) {
        if (stream == GUEST_STDERR) {
            guest_write_log(c->guest, b->list[i].iov_base, b->list[i].iov_len);
        } else if (!guest_write_output(c->guest, b->list[i].iov_base, b->list[i].iov_len)) {
            *c->ret_exit = true; // limit.output_bytes: the invocation ends here
            break;
        }
    }
    return WASI_SUCCESS;
}
