// Shared memory of a worker: layout, writing an invocation, reading a result with suspicion. The ring is worker_ring.c.
#include "runtime/worker_memory.h"

#include "base/mem.h"
#include "runtime/memory_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
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
    l->ring_bytes = place(l, &l->ring_offset, sizeof(struct ipc_ring));
    l->slots_bytes = place(l, &l->slots_offset, (uint64_t)IPC_RING_SLOTS * IPC_SLOT_BYTES);
    l->strings_bytes = place(l, &l->strings_offset, WORKER_STRINGS_BYTES);
    l->payload_bytes = place(l, &l->payload_offset, payload_bytes);
    l->output_bytes = place(l, &l->output_offset, output_bytes);
    l->log_bytes = place(l, &l->log_offset, log_bytes);
    l->reply_bytes = place(l, &l->reply_offset, WORKER_REPLY_BYTES);
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

struct ipc_ring *worker_memory_ring(const struct worker_memory *m) {
    return (struct ipc_ring *)(void *)(m->base + m->layout.ring_offset);
}

static char *slot_at(const struct worker_memory *m, unsigned slot) {
    return m->base + m->layout.slots_offset + (size_t)slot * IPC_SLOT_BYTES;
}

// ---- what goes in

static uint64_t strings_bytes(const struct invocation *v) {
    uint64_t bytes = v->function.n + v->params_json.n + 2;
    for (size_t i = 0; i < v->arg_count; i++)
        bytes += strlen(v->args[i]) + 1;
    for (size_t i = 0; i < v->environment_count; i++)
        bytes += strlen(v->environment[i]) + 1;
    return bytes;
}

static bool is_large(const struct invocation *v, uint64_t bytes) {
    return v->output || v->payload.n > IPC_SLOT_INPUT_BYTES || bytes > IPC_SLOT_INPUT_BYTES - v->payload.n;
}

bool invocation_is_large(const struct invocation *v) {
    return is_large(v, strings_bytes(v));
}

static int check(const struct worker_memory *m, const struct invocation *v, uint64_t bytes, struct err *e) {
    if (v->payload.n > m->layout.payload_bytes)
        return err_set(e, ERR_RESOURCE_EXHAUSTED, "a payload of %zu bytes is more than limit.payload_bytes (%llu)",
                       v->payload.n, (unsigned long long)m->layout.payload_bytes);
    if (span_find(v->function, '\0') < v->function.n || span_find(v->params_json, '\0') < v->params_json.n)
        return err_set(e, ERR_INVALID_REQUEST, "a function name or its params hold a NUL byte");
    if (bytes > m->layout.strings_bytes)
        return err_set(e, ERR_INVALID_REQUEST,
                       "function name, params, arguments and environment together are more than %llu bytes",
                       (unsigned long long)m->layout.strings_bytes);
    return 0;
}

static char *put(char *to, struct span text) {
    if (text.n > 0)
        memcpy(to, text.p, text.n);
    to[text.n] = '\0';
    return to + text.n + 1;
}

static char *put_all(char *to, const char *const *texts, size_t count) {
    for (size_t i = 0; i < count; i++)
        to = stpcpy(to, texts[i]) + 1;
    return to;
}

int worker_memory_write(struct worker_memory *m, unsigned slot, const struct invocation *v,
                        struct ipc_invoke *ret_invoke, struct err *e) {
    uint64_t bytes = strings_bytes(v);
    bool large = is_large(v, bytes);
    if (check(m, v, bytes, e) < 0)
        return -1;
    char *strings = large ? m->base + m->layout.strings_offset : slot_at(m, slot);
    char *payload = large ? m->base + m->layout.payload_offset : strings + bytes;
    char *at = put(put(strings, v->function), v->params_json);
    at = put_all(put_all(at, v->args, v->arg_count), v->environment, v->environment_count);
    ASSERT((uint64_t)(at - strings) == bytes);
    if (v->payload.n > 0)
        memcpy(payload, v->payload.p, v->payload.n);
    *ret_invoke = (struct ipc_invoke){.strings_bytes = bytes,
                                      .payload_bytes = v->payload.n,
                                      .arg_count = (uint32_t)v->arg_count,
                                      .environment_count = (uint32_t)v->environment_count,
                                      .flags = large ? IPC_INVOKE_LARGE : 0};
    if (v->output)
        ret_invoke->stream_bytes =
            m->layout.output_bytes < IPC_STREAM_BYTES ? m->layout.output_bytes : IPC_STREAM_BYTES;
    worker_memory_ring(m)->slots[slot].invoke = *ret_invoke;
    return 0;
}

// ---- what comes out

// The worker can change its words at any time: they are read once.
static void copy_result(const struct ipc_result *from, struct ipc_result *to) {
    memcpy(to, from, offsetof(struct ipc_result, text));
    atomic_signal_fence(memory_order_seq_cst);
    to->text[0] = '\0';
    if (to->kind != ERR_NONE)
        memcpy(to->text, from->text, sizeof to->text);
    atomic_signal_fence(memory_order_seq_cst);
    to->text[sizeof to->text - 1] = '\0';
}

static uint64_t at_most(uint64_t n, uint64_t max) {
    return n < max ? n : max;
}

// The areas as they are, whole.
static void find_areas(const struct worker_memory *m, unsigned slot, bool large, struct worker_claim *ret) {
    const struct ipc_layout *l = &m->layout;
    const char *output = slot_at(m, slot) + IPC_SLOT_INPUT_BYTES, *log = output + IPC_SLOT_OUTPUT_BYTES;
    if (large) {
        ret->output = span_make(m->base + l->output_offset, l->output_bytes);
        ret->log = span_make(m->base + l->log_offset, l->log_bytes);
        ret->reply = span_make(m->base + l->reply_offset, l->reply_bytes);
    } else {
        ret->output = span_make(output, at_most(l->output_bytes, IPC_SLOT_OUTPUT_BYTES));
        ret->log = span_make(log, at_most(l->log_bytes, IPC_SLOT_LOG_BYTES));
        ret->reply = span_make(log + IPC_SLOT_LOG_BYTES, at_most(l->reply_bytes, IPC_SLOT_REPLY_BYTES));
    }
}

int worker_memory_read(const struct worker_memory *m, unsigned slot, struct worker_claim *ret) {
    struct ipc_result *r = &ret->result;
    copy_result(&worker_memory_ring(m)->slots[slot].result, r);
    find_areas(m, slot, (r->flags & IPC_RESULT_LARGE) != 0, ret);
    if (r->output_bytes > ret->output.n || r->log_bytes > ret->log.n || r->reply_bytes > ret->reply.n)
        return -1;
    ret->output.n = r->output_bytes;
    ret->log.n = r->log_bytes;
    ret->reply.n = r->reply_bytes;
    return 0;
}

void worker_memory_read_progress(const struct worker_memory *m, unsigned slot, struct worker_leftover *ret) {
    struct worker_claim areas;
    struct ipc_progress p;
    memcpy(&p, &worker_memory_ring(m)->slots[slot].progress, sizeof p);
    find_areas(m, slot, (p.flags & IPC_RESULT_LARGE) != 0, &areas);
    *ret = (struct worker_leftover){.output = span_slice(areas.output, 0, at_most(p.output_bytes, areas.output.n)),
                                    .log = span_slice(areas.log, 0, at_most(p.log_bytes, areas.log.n)),
                                    .log_cut = p.flags & IPC_RESULT_LOG_CUT,
                                    .has_head = p.flags & IPC_RESULT_HAS_HEAD};
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
