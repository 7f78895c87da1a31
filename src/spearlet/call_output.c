// Posts pieces one way and counts the other way; at home on the running loop there is nothing to post. What is on its way is
// bounded by the window of runtime.h, since nothing comes that was not said to be taken.
//
// The way back goes by the record, which knows on its loop whether the call still runs.
#include "spearlet/call_output.h"

#include "base/mem.h"
#include "spearlet/pool_member.h"

struct piece {
    struct function_call *call;
    bool has_head;
    size_t n;
    char bytes[];
};

static void give_here(struct function_call *call, struct span bytes, bool has_head) {
    call->has_head |= has_head;
    call->output(call, bytes);
}

static void on_piece(void *arg) {
    AUTO_FREE struct piece *piece = arg;
    give_here(piece->call, span_make(piece->bytes, piece->n), piece->has_head);
}

void call_output_give(struct function_call *call, struct span bytes, bool has_head) {
    if (call->home == call->runs_on) {
        give_here(call, bytes, has_head);
        return;
    }
    struct piece *piece = mem_alloc(sizeof *piece + bytes.n);
    *piece = (struct piece){.call = call, .has_head = has_head, .n = bytes.n};
    memcpy(piece->bytes, bytes.p, bytes.n);
    if (!loop_post(call->home, on_piece, piece))
        free(piece);
}

struct taken {
    struct execution *record;
    uint64_t bytes;
};

static void take_here(const struct execution *record, uint64_t bytes) {
    const struct function_call *call = record->call;
    if (call && call->is_running && call->member)
        invocation_output_taken(call->member->instance, record->execution_id, bytes);
}

static void on_taken(void *arg) {
    AUTO_FREE struct taken *taken = arg;
    take_here(taken->record, taken->bytes);
    execution_unref(taken->record);
}

void call_output_taken(struct function_call *call, uint64_t bytes) {
    if (call->home == call->runs_on) {
        take_here(call->record, bytes);
        return;
    }
    struct taken *taken = NEW(struct taken);
    *taken = (struct taken){execution_ref(call->record), bytes};
    if (!loop_post(call->runs_on, on_taken, taken)) {
        execution_unref(taken->record);
        free(taken);
    }
}
