// The table of executions: by id, in the order of creation (for lists) and of finishing (for letting go).
//
// The lock is held for pointer work and small copies only. A record that is let go while somebody reads it lives until he
// is done. Next step: function_service.c, which makes and finishes records.
#include "spearlet/executions.h"

#include "base/clock.h"
#include "base/mem.h"

#include <stddef.h>
#include <stdio.h>
#include <uv.h>

struct executions {
    uv_mutex_t lock;
    struct string_table by_id;
    struct execution *newest;
    struct execution *first_finished, *last_finished;
    size_t finished_count, count_max;
    uint64_t bytes_max;
    struct executions_stats stats;
};

struct executions *executions_new(size_t count_max, uint64_t bytes_max) {
    struct executions *t = NEW(struct executions);
    ASSERT(uv_mutex_init(&t->lock) == 0);
    string_table_init(&t->by_id);
    t->count_max = count_max;
    t->bytes_max = bytes_max;
    return t;
}

// ---- one record

void execution_outcome_done(struct execution_outcome *outcome) {
    free(TAKE(outcome->output));
    free(TAKE(outcome->log));
    free(TAKE(outcome->results));
}

static void free_record(struct execution *x) {
    execution_outcome_done(&x->outcome);
    function_unref(x->function);
    free(x);
}

struct execution *execution_ref(struct execution *x) {
    atomic_fetch_add_explicit(&x->references, 1, memory_order_relaxed);
    return x;
}

void execution_unref(struct execution *x) {
    if (x && atomic_fetch_sub_explicit(&x->references, 1, memory_order_acq_rel) == 1)
        free_record(x);
}

static size_t id_bytes(struct span id) {
    return (id.n ? id.n : UUID_TEXT) + 1;
}

static char *put_id(char *to, struct span id) {
    if (id.n == 0) {
        uuid_new(to);
    } else {
        memcpy(to, id.p, id.n);
        to[id.n] = '\0';
    }
    return to;
}

// The text of its error stays as it is: thousands of records are kept, and nearly none has one.
static struct execution *new_record(const struct execution_identity *identity) {
    size_t first_bytes = id_bytes(identity->execution_id), second_bytes = id_bytes(identity->invocation_id);
    struct execution *x = mem_alloc(sizeof *x + first_bytes + second_bytes);
    memset(x, 0, offsetof(struct execution, outcome.error.text) + 1);
    atomic_init(&x->references, 2); // the table's and the caller's
    x->execution_id = put_id(x->ids, identity->execution_id);
    x->invocation_id = put_id(x->ids + first_bytes, identity->invocation_id);
    snprintf(x->owner, sizeof x->owner, "%s", identity->owner);
    x->function = function_ref(identity->function);
    x->created_ms = clock_unix_ms();
    x->is_async = identity->is_async;
    x->loop_index = identity->loop_index;
    return x;
}

// ---- in and out of the table; the lock is held

static void link_record(struct executions *t, struct execution *x) {
    string_table_add(&t->by_id, &x->node, span_of(x->execution_id));
    x->older = t->newest;
    if (x->older)
        x->older->newer = x;
    t->newest = x;
}

// The table's reference becomes the caller's.
static void unlink_record(struct executions *t, struct execution *x) {
    string_table_remove(&t->by_id, &x->node);
    if (x->newer)
        x->newer->older = x->older;
    else
        t->newest = x->older;
    if (x->older)
        x->older->newer = x->newer;
}

void executions_free(struct executions *t) {
    if (!t)
        return;
    for (struct execution *x; (x = t->newest);) {
        unlink_record(t, x);
        execution_unref(x);
    }
    string_table_done(&t->by_id);
    uv_mutex_destroy(&t->lock);
    free(t);
}

int executions_add(struct executions *t, const struct execution_identity *identity, struct execution **ret,
                   struct err *e) {
    struct execution *x = new_record(identity);
    uv_mutex_lock(&t->lock);
    bool is_known = string_table_find(&t->by_id, span_of(x->execution_id)) != NULL;
    if (!is_known)
        link_record(t, x);
    uv_mutex_unlock(&t->lock);
    if (is_known) {
        err_set(e, ERR_CONFLICT, "execution_id \"%s\" is known already", x->execution_id);
        free_record(x);
        return -1;
    }
    *ret = x;
    return 0;
}

void executions_running(struct executions *t, struct execution *x, const char *instance_id, int64_t started_ms) {
    uv_mutex_lock(&t->lock);
    x->state = EXECUTION_RUNNING;
    snprintf(x->outcome.instance_id, sizeof x->outcome.instance_id, "%s", instance_id);
    x->outcome.started_ms = started_ms;
    uv_mutex_unlock(&t->lock);
}

// ---- finishing

static char *copy_of(const char *p, size_t n) {
    return p ? mem_dup(p, n) : NULL;
}

static void copy_outcome(struct execution_outcome *to, const struct execution_outcome *from) {
    memcpy(to, from, offsetof(struct execution_outcome, error.text) + strlen(from->error.text) + 1);
}

static void drop_bytes(char **p, size_t *n) {
    free(TAKE(*p));
    *n = 0;
}

// What the record keeps of an outcome that its caller may still want to send.
static void keep(const struct execution *x, struct execution_outcome *outcome, struct execution_outcome *kept) {
    copy_outcome(kept, outcome);
    outcome->log = NULL;
    outcome->log_bytes = 0;
    if (x->is_async) {
        outcome->output = outcome->results = NULL;
        outcome->output_bytes = outcome->results_bytes = 0;
        return;
    }
    kept->output_omitted = outcome->streamed || outcome->output_bytes > EXECUTION_SYNC_OUTPUT_MAX;
    kept->output = kept->output_omitted ? NULL : copy_of(outcome->output, outcome->output_bytes);
    kept->output_bytes = kept->output ? outcome->output_bytes : 0;
    kept->results = copy_of(outcome->results, outcome->results_bytes);
}

// A record alone may not be larger than all may be together.
static void fit(struct execution_outcome *kept, uint64_t bytes_max) {
    if (kept->output_bytes + kept->results_bytes + kept->log_bytes <= bytes_max)
        return;
    kept->output_omitted = true;
    drop_bytes(&kept->output, &kept->output_bytes);
    drop_bytes(&kept->results, &kept->results_bytes);
    if (kept->log_bytes <= bytes_max)
        return;
    drop_bytes(&kept->log, &kept->log_bytes);
    kept->log_cut = true;
}

static uint64_t kept_bytes(const struct execution *x) {
    return x->outcome.output_bytes + x->outcome.log_bytes + x->outcome.results_bytes;
}

static void append_finished(struct executions *t, struct execution *x) {
    if (t->last_finished)
        t->last_finished->next_finished = x;
    else
        t->first_finished = x;
    t->last_finished = x;
    t->finished_count++;
    t->stats.finished[x->state]++;
    t->stats.kept_bytes += kept_bytes(x);
}

// The table's reference becomes the caller's.
static struct execution *let_oldest_go(struct executions *t) {
    struct execution *x = t->first_finished;
    t->first_finished = x->next_finished;
    if (!t->first_finished)
        t->last_finished = NULL;
    t->finished_count--;
    t->stats.kept_bytes -= kept_bytes(x);
    t->stats.evicted++;
    unlink_record(t, x);
    return x;
}

static void unref_all(struct execution *first) {
    for (struct execution *x = first, *next; x; x = next) {
        next = x->next_finished;
        execution_unref(x);
    }
}

void executions_finish(struct executions *t, struct execution *x, struct execution_outcome *outcome) {
    struct execution_outcome kept;
    struct execution *gone = NULL;
    keep(x, outcome, &kept);
    fit(&kept, t->bytes_max);
    uv_mutex_lock(&t->lock);
    copy_outcome(&x->outcome, &kept);
    x->state = kept.state;
    x->is_finished = true;
    append_finished(t, x);
    while (t->finished_count > t->count_max || t->stats.kept_bytes > t->bytes_max) {
        struct execution *oldest = let_oldest_go(t);
        oldest->next_finished = gone;
        gone = oldest;
    }
    uv_mutex_unlock(&t->lock);
    unref_all(gone); // outside of the lock: the others need not wait for it
}

void executions_forget(struct executions *t, struct execution *x) {
    uv_mutex_lock(&t->lock);
    ASSERT(!x->is_finished);
    unlink_record(t, x);
    uv_mutex_unlock(&t->lock);
    execution_unref(x);
}

// ---- looking

struct execution *executions_find(struct executions *t, struct span execution_id) {
    uv_mutex_lock(&t->lock);
    struct string_node *node = string_table_find(&t->by_id, execution_id);
    struct execution *x = node ? execution_ref(CONTAINER_OF(node, struct execution, node)) : NULL;
    uv_mutex_unlock(&t->lock);
    return x;
}

size_t executions_of_task(struct executions *t, struct span task_id, struct execution **ret, size_t max,
                          size_t *ret_total) {
    size_t count = 0, total = 0;
    uv_mutex_lock(&t->lock);
    for (struct execution *x = t->newest; x; x = x->older) {
        if (!span_equal_text(task_id, x->function->task->task_id))
            continue;
        total++;
        if (count < max)
            ret[count++] = execution_ref(x);
    }
    uv_mutex_unlock(&t->lock);
    *ret_total = total;
    return count;
}

void executions_view(struct executions *t, const struct execution *x, struct execution_view *ret) {
    uv_mutex_lock(&t->lock);
    *ret = (struct execution_view){
        .state = x->state, .is_finished = x->is_finished, .outcome = &x->outcome, .started_ms = x->outcome.started_ms};
    memcpy(ret->instance_id, x->outcome.instance_id, sizeof ret->instance_id);
    uv_mutex_unlock(&t->lock);
}

void executions_stats(struct executions *t, struct executions_stats *ret) {
    uv_mutex_lock(&t->lock);
    *ret = t->stats;
    ret->records = t->by_id.count;
    uv_mutex_unlock(&t->lock);
}
