// Moving bytes between a guest's streams and the shared memory. No knowledge of WASI.
#include "worker/guest.h"

#include "worker/response_head.h"

size_t guest_read(struct guest *g, void *to, size_t n) {
    size_t left = g->payload.n - g->payload_at;
    if (n > left)
        n = left;
    if (n)
        memcpy(to, g->payload.p + g->payload_at, n);
    g->payload_at += n;
    return n;
}

static bool area_append(struct guest_area *area, const void *from, size_t n) {
    uint64_t left = area->capacity - area->n;
    bool fits = n <= left;
    if (!fits)
        n = (size_t)left;
    if (n)
        memcpy(area->p + area->n, from, n);
    area->n += n;
    return fits;
}

// Bytes before lengths: the process may be killed between any two instructions.
void guest_note_progress(const struct guest *g) {
    struct ipc_progress *p = g->progress;
    if (!p)
        return;
    uint64_t flags = (g->log_cut ? IPC_RESULT_LOG_CUT : 0) | (g->has_head ? IPC_RESULT_HAS_HEAD : 0) |
                     (g->large ? IPC_RESULT_LARGE : 0);
    __atomic_store_n(&p->flags, flags, __ATOMIC_RELEASE);
    __atomic_store_n(&p->output_bytes, g->output.n, __ATOMIC_RELEASE);
    __atomic_store_n(&p->log_bytes, g->log.n, __ATOMIC_RELEASE);
}

static bool has_room(const struct guest_area *area, size_t n) {
    return n <= area->capacity - area->n;
}

static bool append_output(struct guest *g, const void *from, size_t n) {
    if (g->sink) {
        g->sink->write(g->sink, g, from, n);
        return true;
    }
    if (!has_room(&g->output, n) && g->enlarge)
        g->enlarge(g);
    bool fits = area_append(&g->output, from, n);
    g->output_full |= !fits;
    guest_note_progress(g);
    return fits;
}

static bool write_head(struct guest *g) {
    char status[RESPONSE_HEAD_STATUS_TEXT];
    struct span line = response_head_status(g->head, status), fields = buf_span(&g->head->fields);
    g->has_head = true;
    return append_output(g, line.p, line.n) && append_output(g, fields.p, fields.n) && append_output(g, "\r\n", 2);
}

static bool begin_output(struct guest *g) {
    bool has_head = !g->output_begun && g->head && g->head->is_given;
    g->output_begun = true;
    return !has_head || write_head(g);
}

bool guest_write_output(struct guest *g, const void *from, size_t n) {
    return n == 0 || (begin_output(g) && append_output(g, from, n));
}

void guest_end_output(struct guest *g) {
    begin_output(g);
}

void guest_write_log(struct guest *g, const void *from, size_t n) {
    if (!has_room(&g->log, n) && g->enlarge)
        g->enlarge(g);
    if (!area_append(&g->log, from, n))
        g->log_cut = true;
    guest_note_progress(g);
}
