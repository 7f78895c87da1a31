// Mapping what spearlet handed over. A length that lies would be a SIGBUS later, so each is compared with the file's size.
#include "worker/shared.h"

#include "base/mem.h"
#include "worker/process.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>

static int check_area(const struct ipc_layout *l, uint64_t offset, uint64_t bytes, const char *name, struct err *e) {
    if (offset <= l->size_bytes && bytes <= l->size_bytes - offset)
        return 0;
    return err_set(e, ERR_INTERNAL,
                   "malformed layout: the %s area (%llu bytes at %llu) is not inside the shared memory of %llu bytes",
                   name, (unsigned long long)bytes, (unsigned long long)offset, (unsigned long long)l->size_bytes);
}

static int check_layout(const struct ipc_layout *l, struct err *e) {
    if (l->ring_bytes != sizeof(struct ipc_ring) || l->slots_bytes != (uint64_t)IPC_RING_SLOTS * IPC_SLOT_BYTES)
        return err_set(e, ERR_INTERNAL, "malformed layout: a ring of %llu bytes, slots of %llu",
                       (unsigned long long)l->ring_bytes, (unsigned long long)l->slots_bytes);
    return check_area(l, l->ring_offset, l->ring_bytes, "ring", e) ||
                   check_area(l, l->slots_offset, l->slots_bytes, "slots", e) ||
                   check_area(l, l->strings_offset, l->strings_bytes, "strings", e) ||
                   check_area(l, l->payload_offset, l->payload_bytes, "payload", e) ||
                   check_area(l, l->output_offset, l->output_bytes, "output", e) ||
                   check_area(l, l->log_offset, l->log_bytes, "log", e) ||
                   check_area(l, l->reply_offset, l->reply_bytes, "reply", e)
               ? -1
               : 0;
}

static int map(int fd, uint64_t bytes, int protection, int flags, const char *name, void **ret, struct err *e) {
    struct stat st;
    if (fstat(fd, &st))
        return err_set_sys(e, ERR_INTERNAL, errno, "the %s", name);
    if (st.st_size < 0 || (uint64_t)st.st_size < bytes || bytes == 0)
        return err_set(e, ERR_INTERNAL, "the %s is said to have %llu bytes, but has %lld", name,
                       (unsigned long long)bytes, (long long)st.st_size);
    void *p = mmap(NULL, bytes, protection, flags, fd, 0);
    if (p == MAP_FAILED)
        return err_set_sys(e, ERR_RESOURCE_EXHAUSTED, errno, "mapping the %s of %llu bytes", name,
                           (unsigned long long)bytes);
    *ret = p;
    return 0;
}

int shared_map(const struct ipc_spawn *spawn, struct shared *ret, struct err *e) {
    void *base, *module = NULL;
    if (check_layout(&spawn->layout, e) ||
        map(PROCESS_FD_MEMORY, spawn->layout.size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, "shared memory", &base, e))
        return -1;
    // A module of no bytes is a preparation's to refuse, not ours.
    if (spawn->module_bytes &&
        map(PROCESS_FD_MODULE, spawn->module_bytes, PROT_READ, MAP_PRIVATE, "module", &module, e))
        return -1;
    *ret = (struct shared){.base = base, .layout = spawn->layout, .module = span_make(module, spawn->module_bytes)};
    ret->ring = (struct ipc_ring *)(void *)(ret->base + ret->layout.ring_offset);
    return 0;
}

static uint8_t *slot_at(const struct shared *s, unsigned slot) {
    return s->base + s->layout.slots_offset + (uint64_t)slot * IPC_SLOT_BYTES;
}

int shared_input(const struct shared *s, unsigned slot, const struct ipc_invoke *m, struct shared_input *ret,
                 struct err *e) {
    const struct ipc_layout *l = &s->layout;
    bool large = m->flags & IPC_INVOKE_LARGE;
    uint64_t strings_max = large ? l->strings_bytes : IPC_SLOT_INPUT_BYTES;
    uint64_t payload_max = large ? l->payload_bytes : IPC_SLOT_INPUT_BYTES - m->strings_bytes;
    if (m->strings_bytes > strings_max || m->payload_bytes > payload_max || m->stream_bytes > l->output_bytes)
        return err_set(e, ERR_INTERNAL, "malformed message: %llu bytes of strings, %llu of payload, a window of %llu",
                       (unsigned long long)m->strings_bytes, (unsigned long long)m->payload_bytes,
                       (unsigned long long)m->stream_bytes);
    uint8_t *strings = large ? s->base + l->strings_offset : slot_at(s, slot);
    uint8_t *payload = large ? s->base + l->payload_offset : strings + m->strings_bytes;
    ret->strings = span_make(strings, m->strings_bytes);
    ret->payload = span_make(payload, m->payload_bytes);
    return 0;
}

static struct guest_area area(uint8_t *at, uint64_t bytes, uint64_t limit_bytes) {
    return (struct guest_area){at, bytes < limit_bytes ? bytes : limit_bytes, 0};
}

struct shared_areas shared_areas(const struct shared *s, unsigned slot, bool large) {
    const struct ipc_layout *l = &s->layout;
    if (large)
        return (struct shared_areas){.output = area(s->base + l->output_offset, l->output_bytes, UINT64_MAX),
                                     .log = area(s->base + l->log_offset, l->log_bytes, UINT64_MAX),
                                     .reply = area(s->base + l->reply_offset, l->reply_bytes, UINT64_MAX)};
    uint8_t *output = slot_at(s, slot) + IPC_SLOT_INPUT_BYTES, *log = output + IPC_SLOT_OUTPUT_BYTES;
    return (struct shared_areas){.output = area(output, IPC_SLOT_OUTPUT_BYTES, l->output_bytes),
                                 .log = area(log, IPC_SLOT_LOG_BYTES, l->log_bytes),
                                 .reply = area(log + IPC_SLOT_LOG_BYTES, IPC_SLOT_REPLY_BYTES, l->reply_bytes)};
}
