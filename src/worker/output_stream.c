// Writing into the window, telling about it, and waiting for room.
#include "worker/output_stream.h"

#include "base/mem.h"

static uint64_t room(const struct output_stream *s) {
    uint64_t taken = atomic_load(&s->slot->output_taken);
    ASSERT(taken <= s->written && s->written - taken <= s->window.capacity);
    return s->window.capacity - (s->written - taken);
}

static bool has_room(void *ctx) {
    return room(ctx) > 0;
}

static void tell(const struct output_stream *s, const struct guest *g) {
    atomic_store_explicit(&s->slot->output_flags, g->has_head ? IPC_OUTPUT_HAS_HEAD : 0, memory_order_relaxed);
    atomic_store(&s->slot->output_written, s->written);
    ring_tell(s->ring);
}

// As much as fits, up to the end of the window; 0 when it is full.
static size_t put(struct output_stream *s, const void *from, size_t n) {
    uint64_t at = s->written % s->window.capacity;
    uint64_t free_bytes = room(s), straight = s->window.capacity - at;
    if (free_bytes > straight)
        free_bytes = straight;
    if (n > free_bytes)
        n = (size_t)free_bytes;
    memcpy(s->window.p + at, from, n);
    s->written += n;
    return n;
}

static void write_output(struct guest_sink *sink, const struct guest *g, const void *from, size_t n) {
    struct output_stream *s = CONTAINER_OF(sink, struct output_stream, sink);
    const char *rest = from;
    while (n > 0) {
        size_t done = put(s, rest, n);
        rest += done;
        n -= done;
        if (done == 0) {
            tell(s, g);
            ring_sleep(s->ring, RING_WANTS_ROOM, has_room, s);
        }
    }
    tell(s, g);
}

void output_stream_begin(struct output_stream *s, const struct guest_area *area, uint64_t bytes,
                         struct ring_server *ring, struct ipc_slot *slot) {
    *s = (struct output_stream){.sink = {write_output}, .window = {area->p, bytes, 0}, .ring = ring, .slot = slot};
}
