// The records of executions: what is known of each one, while it runs and for a while after.
//
// A record is made when a request has a task, and finished once. Finished ones are kept up to a count and up to a sum of
// bytes; the oldest go first. Thread-safe: a record's state is behind the table's lock, and what a finished one holds
// (output, log, error) no longer changes, so that it can be read without it.
#ifndef SPEAR_SPEARLET_EXECUTIONS_H
#define SPEAR_SPEARLET_EXECUTIONS_H

#include "base/err.h"
#include "base/id.h"
#include "model/states.h"
#include "model/token.h"
#include "runtime/runtime.h"
#include "spearlet/function.h"
#include "spearlet/string_table.h"

enum { EXECUTION_ID_MAX = 128, EXECUTION_SYNC_OUTPUT_MAX = 64 * 1024 };

struct function_call;

// How an execution ended.
struct execution_outcome {
    enum execution_state state; // completed, failed, terminated or timeout
    int exit_code;
    uint32_t retry_after_s; // of a request that was not let in: when it is worth asking again; 0: soon
    bool ran;               // it reached the guest
    bool exited;            // the guest came to its end and gave the exit code
    bool log_cut;
    bool streamed;                // the output went out while it was written; none is here
    bool output_omitted;          // of a record: there was more output than it keeps
    char *output, *log, *results; // on the heap; results is JSON text, or NULL
    size_t output_bytes, log_bytes, results_bytes;
    char instance_id[UUID_TEXT + 1]; // "" when it got none
    enum runtime_code code;          // that it ran
    uint64_t queue_us, start_us, instantiate_us, run_us, duration_us;
    int64_t started_ms, completed_ms; // wall clock; started is 0 when it never ran
    struct err error; // kind ERR_NONE when completed. Last: most have no text, and nothing touches its place
};
void execution_outcome_done(struct execution_outcome *outcome); // frees what it still holds

struct execution {
    struct string_node node; // by execution_id
    atomic_uint references;
    char *execution_id, *invocation_id;
    char owner[TOKEN_ID_TEXT + 1]; // the token that made it, or ""
    struct function *function;
    int64_t created_ms;
    bool is_async;
    size_t loop_index; // of the loop that runs it
    // Only on that loop.
    struct function_call *call; // NULL before it came there, and when it is over
    bool is_cancelled;          // before it came there
    // Behind the lock until finished.
    enum execution_state state;
    bool is_finished;
    struct execution *newer, *older; // in the order of creation
    struct execution *next_finished; // in the order of finishing
    struct execution_outcome outcome;
    char ids[]; // execution_id and invocation_id
};

struct executions;

struct executions *executions_new(size_t count_max, uint64_t bytes_max);
void executions_free(struct executions *t); // NULL allowed

struct execution_identity {
    struct span execution_id, invocation_id; // empty: a new uuid
    const char *owner;                       // id of the token that makes it; may be ""
    struct function *function;
    bool is_async;
    size_t loop_index; // function_service_loop_of
};
// A new record with one reference, the caller's. ERR_CONFLICT when the id is known already.
int executions_add(struct executions *t, const struct execution_identity *identity, struct execution **ret,
                   struct err *e);
void executions_running(struct executions *t, struct execution *x, const char *instance_id, int64_t started_ms);
// Ends the record. Of a synchronous execution up to EXECUTION_SYNC_OUTPUT_MAX of the output are copied; of an
// asynchronous one it is taken away from the outcome, as results are. The log is taken in both cases.
void executions_finish(struct executions *t, struct execution *x, struct execution_outcome *outcome);
// As if it had never been: of a request that was not admitted.
void executions_forget(struct executions *t, struct execution *x);
struct execution *execution_ref(struct execution *x);
void execution_unref(struct execution *x); // NULL allowed

// With a reference, or NULL.
struct execution *executions_find(struct executions *t, struct span execution_id);
// The newest `max` of a task (by id), each with a reference; *ret_total is how many there are.
size_t executions_of_task(struct executions *t, struct span task_id, struct execution **ret, size_t max,
                          size_t *ret_total);

// What can be said of one at a moment; texts live as long as the caller's reference.
struct execution_view {
    enum execution_state state;
    bool is_finished;
    const struct execution_outcome *outcome; // to be read only when finished
    char instance_id[UUID_TEXT + 1];
    int64_t started_ms;
};
void executions_view(struct executions *t, const struct execution *x, struct execution_view *ret);

struct executions_stats {
    size_t records;
    uint64_t kept_bytes;
    uint64_t finished[EXECUTION_STATE_COUNT]; // ever, by how they ended
    uint64_t evicted;
};
void executions_stats(struct executions *t, struct executions_stats *ret);

#endif
