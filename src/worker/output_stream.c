// Writing into the window, telling about it, and waiting for room. A spearlet that is gone, or that talks nonsense, ends the
// process from here: there is nobody to go on for.
#include "worker/output_stream.h"

#include "base/mem.h"
#include "worker/channel.h"
#include "worker/process.h"

#include <unistd.h>

static void leave(const struct err *e) {
    if (e)
        channel_send_failed(PROCESS_FD_CONTROL, e);
    _exit(e ? IPC_EXIT_FAILED : IPC_EXIT_ORPHANED);
}

// The invocation it is about may be an earlier one.
static void note_taken(struct output_stream *s, const struct ipc_output_taken *m) {
    if (m->header.id == s->id && m->taken_bytes > s->taken && m->taken_bytes <= s->written)
        s->taken = m->taken_bytes;
}

static void read_message(struct output_stream *s) {
    union channel_message message;
    struct err e;
    switch (channel_receive(PROCESS_FD_CONTROL, &message, NULL, &e)) {
    case CHANNEL_CLOSED:
        leave(NULL);
        break;
    case CHANNEL_MALFORMED:
        leave(&e);
        break;
    case CHANNEL_MESSAGE:
        break;
    }
    if (message.header.type == IPC_OUTPUT_TAKEN) {
        note_taken(s, &message.output_taken);
    } else if (message.header.type == IPC_STOP) {
        s->stop_asked = true;
        s->stop_id = message.header.id;
    } else {
        err_set(&e, ERR_INTERNAL, "malformed message: type %u while the output is streamed", message.header.type);
        leave(&e);
    }
}

static void tell(const struct output_stream *s, const struct guest *g) {
    struct ipc_output message = {.header = channel_header(IPC_OUTPUT, sizeof message, s->id),
                                 .written_bytes = s->written,
                                 .flags = g->has_head ? IPC_OUTPUT_HAS_HEAD : 0};
    if (channel_send(PROCESS_FD_CONTROL, &message, sizeof message, -1))
        leave(NULL);
}

// As much as fits, up to the end of the window; 0 when it is full.
static size_t put(struct output_stream *s, const void *from, size_t n) {
    uint64_t at = s->written % s->window.capacity;
    uint64_t room = s->window.capacity - (s->written - s->taken), straight = s->window.capacity - at;
    if (room > straight)
        room = straight;
    if (n > room)
        n = (size_t)room;
    memcpy(s->window.p + at, from, n);
    s->written += n;
    return n;
}

static void write_output(struct guest_sink *sink, const struct guest *g, const void *from, size_t n) {
    struct output_stream *s = CONTAINER_OF(sink, struct output_stream, sink);
    const char *rest = from;
    bool untold = false;
    while (n > 0) {
        size_t done = put(s, rest, n);
        rest += done;
        n -= done;
        untold |= done > 0;
        if (done > 0)
            continue;
        if (untold)
            tell(s, g);
        untold = false;
        read_message(s);
    }
    if (untold)
        tell(s, g);
}

void output_stream_begin(struct output_stream *s, const struct guest_area *area, uint64_t bytes, uint64_t id) {
    *s = (struct output_stream){.sink = {write_output}, .window = {area->p, bytes, 0}, .id = id};
}
