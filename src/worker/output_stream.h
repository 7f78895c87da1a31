// The output of an invocation that is streamed: a window of the output area, and messages about it on the control socket
// (ipc/worker_protocol.h). The guest waits in its write while the window is full.
#ifndef SPEAR_WORKER_OUTPUT_STREAM_H
#define SPEAR_WORKER_OUTPUT_STREAM_H

#include "worker/guest.h"

struct output_stream {
    struct guest_sink sink;
    struct guest_area window;
    uint64_t id;             // of the invocation
    uint64_t written, taken; // bytes, ever
    bool stop_asked;         // IPC_STOP came while it waited: to be answered when the invocation is over
    uint64_t stop_id;
};

// `bytes` are at most the area's capacity, and not 0.
void output_stream_begin(struct output_stream *s, const struct guest_area *area, uint64_t bytes, uint64_t id);

#endif
