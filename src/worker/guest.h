// The state of one invocation as host functions see it: what the guest reads, where its output goes, how it left.
//
// The areas lie in the memory shared with spearlet; the payload is only ever copied out of it. One thread.
#ifndef SPEAR_WORKER_GUEST_H
#define SPEAR_WORKER_GUEST_H

#include "base/span.h"
#include "ipc/worker_protocol.h"

enum { GUEST_STDIN, GUEST_STDOUT, GUEST_STDERR, GUEST_STDIO_COUNT };

struct guest_area {
    uint8_t *p;
    uint64_t capacity, n;
};

struct wasi_table;
struct response_head;
struct guest;

// Takes a streamed output piece by piece; waits until there is room.
struct guest_sink {
    void (*write)(struct guest_sink *sink, const struct guest *g, const void *from, size_t n);
};

struct guest {
    struct span payload; // stdin
    size_t payload_at;
    struct guest_area output, log; // stdout, stderr
    // Called once, when something does not fit: moves what is there to areas as large as the limits, and sets itself NULL. NULL: they are.
    void (*enlarge)(struct guest *g);
    struct guest_sink *sink; // in place of `output`, or NULL
    bool large;              // they are the large areas of the shared memory
    bool log_cut;
    struct ipc_progress *progress; // kept up to date with `output` and `log`; NULL: nobody looks
    struct response_head *head;    // header fields given by calls; NULL: none can be
    bool output_begun;
    bool has_head;    // the output begins with header fields that were given by calls
    bool output_full; // it wanted to write more than limit.output_bytes
    bool exited;      // proc_exit
    uint32_t exit_code;
    const struct span *args, *environment; // without their NUL
    uint32_t arg_count, environment_count;
    struct wasi_table *table; // its descriptors
};

// Copies up to n bytes of stdin; returns how many.
size_t guest_read(struct guest *g, void *to, size_t n);
// False when it does not all fit: output_full is set then, and as much as fits is kept. A streamed output always fits.
bool guest_write_output(struct guest *g, const void *from, size_t n);
// At the end of an invocation that went well: header fields that nothing followed are written.
void guest_end_output(struct guest *g);
// Says in `progress` how much of output and log there is.
void guest_note_progress(const struct guest *g);
// What does not fit is dropped, and log_cut set.
void guest_write_log(struct guest *g, const void *from, size_t n);

#endif
