// The output of an invocation that is streamed: a window of the output area, and two counts in its slot of the ring
// (ipc/worker_protocol.h). The guest waits in its write while the window is full.
#ifndef SPEAR_WORKER_OUTPUT_STREAM_H
#define SPEAR_WORKER_OUTPUT_STREAM_H

#include "ipc/ring.h"
#include "worker/guest.h"

struct output_stream {
    struct guest_sink sink;
    struct guest_area window;
    struct ring_server *ring;
    struct ipc_slot *slot;
    uint64_t written; // bytes, ever
};

// `bytes` are at most the area's capacity, and not 0.
void output_stream_begin(struct output_stream *s, const struct guest_area *area, uint64_t bytes,
                         struct ring_server *ring, struct ipc_slot *slot);

#endif
