// Shared memory of a worker: layout, writing an invocation, reading a result with suspicion. The messages are worker_process.c.
#include "runtime/worker_memory.h"

#include "base/mem.h"
#include "runtime/memory_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

enum { KEEP_BYTES = 256 * 1024, PAGE_BYTES = 4096 };

static uint64_t place(struct ipc_layout *layout, uint64_t *offset, uint64_t size_bytes) {
    uint64_t rounded = (size_bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
    if (rounded == 0)
        rounded = PAGE_BYTES;
    *offset = layout->size_bytes;
    layout->size_bytes += rounded;
    return size_bytes;
}

static void lay_out(struct ipc_layout *l, uint64_t payload_bytes, uint64_t output_bytes, uint64_t log_bytes) {
    memset(l, 0, sizeof *l);
    l->strings_bytes = place(l, &l->strings_offset, WORKER_STRINGS_BYTES);
    l->payload_bytes = place(l, &l->payload_offset, payload_bytes);
    l->output_bytes = place(l, &l->output_offset, output_bytes);
    l->log_bytes = place(l, &l->log_offset, log_bytes);
    l->reply_bytes = place(l, &l->reply_offset, WORKER_REPLY_BYTES);
    place(l, &l->progress_offset, sizeof(struct ipc_progress));
}

int worker_memory_init(struct worker_memory *m, uint64_t payload_bytes, uint64_t output_bytes, uint64_t log_bytes,
                       struct err *e) {
    memset(m, 0, sizeof *m);
    m->fd = -1;
    lay_out(&m->layout, payload_bytes, output_bytes, log_bytes);
    if (memory_file_new("spear-worker", &m->fd, e) < 0)
        return -1;
    void *base = MAP_FAILED;
    // Its size is sealed: a worker that could cut it short would end us with SIGBUS.
    if (ftruncate(m->fd, (off_t)m->layout.size_bytes) == 0 &&
        fcntl(m->fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) == 0)
        base = mmap(NULL, m->layout.size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, m->fd, 0);
    if (base == MAP_FAILED) {
        err_set_sys(e, ERR_RESOURCE_EXHAUSTED, errno, "a worker's %llu bytes cannot be had",
                    (unsigned long long)m->layout.size_bytes);
        worker_memory_done(m);
        return -1;
    }
    m->base = base;
    return 0;
}

void worker_memory_done(struct worker_memory *m) {
    if (m->base)
        munmap(m->base, m->layout.size_bytes);
    if (m->fd >= 0)
        close(m->fd);
    m->base = NULL;
    m->fd = -1;
}

// Appends a NUL-terminated string to the strings area. False when it is full.
static bool put(struct worker_memory *m, uint64_t *used_bytes, struct span text) {
    if (text.n + 1 > m->layout.strings_bytes - *used_bytes)
        return false;
    char *to = m->base + m->layout.strings_offset + *used_bytes;
    if (text.n > 0)
        memcpy(to, text.p, text.n);
    to[text.n] = '\0';
    *used_bytes += text.n + 1;
    return true;
}

static bool put_all(struct worker_memory *m, uint64_t *used_bytes, const char *const *texts, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (!put(m, used_bytes, span_of(texts[i])))
            return false;
    return true;
}

int worker_memory_write(struct worker_memory *m, const struct invocation *v, struct ipc_invoke *message,
                        struct err *e) {
    if (v->payload.n > m->layout.payload_bytes)
        return err_set(e, ERR_RESOURCE_EXHAUSTED, "a payload of %zu bytes is more than limit.payload_bytes (%llu)",
                       v->payload.n, (unsigned long long)m->layout.payload_bytes);
    if (span_find(v->function, '\0') < v->function.n || span_find(v->params_json, '\0') < v->params_json.n)
        return err_set(e, ERR_INVALID_REQUEST, "a function name or its params hold a NUL byte");
    uint64_t used_bytes = 0;
    if (!put(m, &used_bytes, v->function) || !put(m, &used_bytes, v->params_json) ||
        !put_all(m, &used_bytes, v->args, v->arg_count) ||
        !put_all(m, &used_bytes, v->environment, v->environment_count))
        return err_set(e, ERR_INVALID_REQUEST,
                       "function name, params, arguments and environment together are more than %llu bytes",
                       (unsigned long long)m->layout.strings_bytes);
    if (v->payload.n > 0)
        memcpy(m->base + m->layout.payload_offset, v->payload.p, v->payload.n);
    message->strings_bytes = used_bytes;
    message->payload_bytes = v->payload.n;
    message->arg_count = (uint32_t)v->arg_count;
    message->environment_count = (uint32_t)v->environment_count;
    return 0;
}

int worker_memory_read(const struct worker_memory *m, const struct ipc_result *r, struct span *ret_output,
                       struct span *ret_log, struct span *ret_reply) {
    const struct ipc_layout *l = &m->layout;
    if (r->output_bytes > l->output_bytes || r->log_bytes > l->log_bytes || r->reply_bytes > l->reply_bytes)
        return -1;
    *ret_output = span_make(m->base + l->output_offset, r->output_bytes);
    *ret_log = span_make(m->base + l->log_offset, r->log_bytes);
    *ret_reply = span_make(m->base + l->reply_offset, r->reply_bytes);
    return 0;
}

static uint64_t at_most(uint64_t n, uint64_t max) {
    return n < max ? n : max;
}

bool worker_memory_read_progress(const struct worker_memory *m, uint64_t id, struct worker_leftover *ret) {
    const struct ipc_layout *l = &m->layout;
    struct ipc_progress p;
    if (!m->base)
        return false;
    memcpy(&p, m->base + l->progress_offset, sizeof p);
    if (p.invocation_id != id)
        return false;
    *ret = (struct worker_leftover){.output =
                                        span_make(m->base + l->output_offset, at_most(p.output_bytes, l->output_bytes)),
                                    .log = span_make(m->base + l->log_offset, at_most(p.log_bytes, l->log_bytes)),
                                    .log_cut = p.flags & IPC_RESULT_LOG_CUT,
                                    .has_head = p.flags & IPC_RESULT_HAS_HEAD};
    return true;
}

static void shrink_area(struct worker_memory *m, uint64_t offset, uint64_t area_bytes, uint64_t used_bytes) {
    if (used_bytes > KEEP_BYTES)
        memory_file_punch(m->fd, offset, area_bytes);
}

void worker_memory_shrink(struct worker_memory *m, uint64_t payload_bytes, uint64_t output_bytes, uint64_t log_bytes) {
    shrink_area(m, m->layout.payload_offset, m->layout.payload_bytes, payload_bytes);
    shrink_area(m, m->layout.output_offset, m->layout.output_bytes, output_bytes);
    shrink_area(m, m->layout.log_offset, m->layout.log_bytes, log_bytes);
}
