// One invocation: strings from the shared memory, an instance in its first state, the entry's call, and how it ended.
#include "worker/invocation.h"

#include "base/clock.h"
#include "base/mem.h"
#include "worker/entry.h"
#include "worker/grants.h"
#include "worker/host.h"
#include "worker/main_arguments.h"
#include "worker/process.h"

#include <stddef.h>
#include <stdio.h>

struct request {
    struct span function, params;
    struct entry entry;
};

// Native code comes from spearlet's own cache alone, which has verified it.
static int load(struct server *s, const struct shared *shared, const struct ipc_spawn *spawn, struct err *e) {
    char path[32];
    if (!(spawn->flags & IPC_SPAWN_NATIVE))
        return engine_load(s->engine, shared->module, &s->module, e);
    snprintf(path, sizeof path, "/proc/self/fd/%d", PROCESS_FD_MODULE);
    return engine_load_native(s->engine, path, &s->module, e) || process_seal(spawn, e) ? -1 : 0;
}

int server_init(struct server *s, const struct shared *shared, const struct ipc_spawn *spawn, struct err *e) {
    size_t count;
    const struct engine_host_function *functions = host_functions(&count);
    s->shared = shared;
    ring_server_init(&s->ring, shared->ring, PROCESS_FD_WAKE);
    s->grant_count = spawn->grant_count;
    s->keeps_state = spawn->flags & IPC_SPAWN_KEEPS_STATE;
    s->table.open_max = spawn->limits.open_files;
    if (grants_open(spawn, s->grants, e) ||
        engine_new(functions, count, &s->guest, spawn->limits.memory_bytes, &s->engine, e) || load(s, shared, spawn, e))
        return -1;
    first_state_init(&s->state, s->engine, s->module);
    return 0;
}

// ---- the message

// The next NUL-terminated string of the area.
static int take_string(struct span *rest, struct span *ret, struct err *e) {
    const char *end = rest->n ? memchr(rest->p, '\0', rest->n) : NULL;
    if (!end)
        return err_set(e, ERR_INTERNAL, "malformed message: the strings area ends too early");
    *ret = span_make(rest->p, (size_t)(end - rest->p));
    *rest = span_slice(*rest, ret->n + 1, rest->n);
    return 0;
}

static int take_strings(struct server *s, const struct ipc_invoke *m, struct span rest, struct request *r,
                        struct err *e) {
    size_t count = (size_t)m->arg_count + m->environment_count;
    if (count > rest.n)
        return err_set(e, ERR_INTERNAL, "malformed message: %zu strings in %zu bytes", count, rest.n);
    if (count > s->strings_capacity) {
        s->strings = mem_realloc(s->strings, count * sizeof *s->strings);
        s->strings_capacity = count;
    }
    if (take_string(&rest, &r->function, e) || take_string(&rest, &r->params, e))
        return -1;
    for (size_t i = 0; i < count; i++)
        if (take_string(&rest, &s->strings[i], e))
            return -1;
    return 0;
}

// ---- where it writes

static bool is_alone(void *ctx) {
    return ring_is_alone(ctx);
}

static void move_area(struct guest_area *area, struct guest_area to) {
    memcpy(to.p, area->p, area->n);
    to.n = area->n;
    *area = to;
}

// Its slot is too small. The large areas may hold an earlier answer that is still to be read.
static void enlarge(struct guest *g) {
    struct server *s = CONTAINER_OF(g, struct server, guest);
    struct shared_areas to = shared_areas(s->shared, s->slot, true);
    ring_sleep(&s->ring, RING_WANTS_ROOM, is_alone, &s->ring);
    move_area(&g->output, to.output);
    move_area(&g->log, to.log);
    s->reply = to.reply;
    g->enlarge = NULL;
    g->large = true;
    guest_note_progress(g);
}

static int begin(struct server *s, unsigned slot, struct request *r, struct err *e) {
    struct ipc_slot *shared_slot = &s->shared->ring->slots[slot];
    const struct ipc_invoke *m = &shared_slot->invoke;
    struct shared_input input;
    if (shared_input(s->shared, slot, m, &input, e) || take_strings(s, m, input.strings, r, e))
        return -1;
    if (!s->is_kept) // a kept instance knows its descriptors by number
        wasi_table_begin(&s->table, s->grants, s->grant_count);
    bool large = m->flags & IPC_INVOKE_LARGE;
    struct shared_areas areas = shared_areas(s->shared, slot, large);
    s->slot = slot;
    s->reply = areas.reply;
    s->guest = (struct guest){.table = &s->table,
                              .payload = input.payload,
                              .output = areas.output,
                              .log = areas.log,
                              .large = large,
                              .enlarge = large ? NULL : enlarge,
                              .progress = &shared_slot->progress,
                              .args = s->strings,
                              .arg_count = m->arg_count,
                              .environment = s->strings + m->arg_count,
                              .environment_count = m->environment_count,
                              .head = &s->head};
    guest_note_progress(&s->guest);
    response_head_reset(&s->head);
    if (m->stream_bytes) {
        output_stream_begin(&s->stream, &s->guest.output, m->stream_bytes, &s->ring, shared_slot);
        s->guest.sink = &s->stream.sink;
    }
    return 0;
}

// ---- the guest

static bool left(const struct guest *g) {
    return g->exited || g->output_full;
}

// 0 also when the guest left through a host function: `left` tells.
static int instantiate(struct server *s, struct err *e) {
    return first_state_have(&s->state, e) && !left(&s->guest) ? -1 : 0;
}

static int write_results(struct server *s, const struct entry *entry, const struct engine_value *results,
                         struct ipc_result *ret, struct err *e) {
    struct buf text;
    buf_init(&text, s->shared->layout.reply_bytes);
    int failed = entry_results(entry, results, &text);
    if (failed) {
        err_set(e, ERR_RESOURCE_EXHAUSTED, "the results do not fit into %llu bytes",
                (unsigned long long)s->shared->layout.reply_bytes);
    } else {
        if (text.n > s->reply.capacity && s->guest.enlarge)
            s->guest.enlarge(&s->guest);
        memcpy(s->reply.p, buf_text(&text), text.n);
        ret->reply_bytes = text.n;
        ret->flags |= IPC_RESULT_HAS_RESULTS;
    }
    buf_done(&text);
    return failed ? -1 : 0;
}

static int call(struct server *s, struct entry *entry, struct ipc_result *ret, struct err *e) {
    struct engine_value results[ENGINE_PARAMS_MAX];
    bool exited = false;
    if (s->state.is_reactor && span_equal_text(entry->name, "_initialize"))
        return write_results(s, entry, results, ret, e); // it has run already
    if (main_arguments_give(s->state.instance, s->module, s->guest.args, s->guest.arg_count, entry, e) ||
        engine_call(s->state.instance, entry->name, entry->params, results, &exited, e))
        return -1;
    if (exited)
        return 0;
    if (entry->is_default && entry->signature.result_count)
        s->guest.exit_code = (uint32_t)results[0].of.i32;
    return entry->is_default ? 0 : write_results(s, entry, results, ret, e);
}

static void note_state(const struct server *s, struct ipc_result *ret) {
    ret->state = s->is_kept ? IPC_STATE_KEPT : s->state.source;
    ret->renew_us = ret->state == IPC_STATE_AHEAD || ret->state == IPC_STATE_RESET ? s->renew_us : 0;
}

static int run(struct server *s, struct request *r, struct ipc_result *ret, struct err *e) {
    uint64_t start_us = clock_monotonic_us();
    if (entry_select(s->module, r->function, r->params, &r->entry, e))
        return -1;
    process_set_guest_running(true);
    int failed = instantiate(s, e);
    note_state(s, ret);
    uint64_t instantiated_us = clock_monotonic_us();
    ret->instantiate_us = instantiated_us - start_us;
    if (!failed && !left(&s->guest))
        failed = call(s, &r->entry, ret, e);
    process_set_guest_running(false);
    ret->run_us = clock_monotonic_us() - instantiated_us;
    return failed;
}

// ---- the answer

static void conclude(const struct server *s, int failed, struct ipc_result *ret, struct err *e) {
    const struct guest *g = &s->guest;
    ret->exit_code = (int32_t)g->exit_code;
    if (g->output_full) {
        ret->exit_code = INVOCATION_EXIT_OTHER;
        failed = err_set(e, ERR_RESOURCE_EXHAUSTED, "limit.output_bytes (%llu) reached",
                         (unsigned long long)g->output.capacity);
    } else if (failed) {
        ret->exit_code = e->kind == ERR_RUNTIME_ERROR ? INVOCATION_EXIT_TRAP : INVOCATION_EXIT_OTHER;
    } else if (g->exit_code) {
        failed = err_set(e, ERR_RUNTIME_ERROR, "the guest exited with code %d", ret->exit_code);
    }
    if (failed) {
        ret->kind = (uint32_t)e->kind;
        snprintf(ret->text, sizeof ret->text, "%s", e->text);
    }
    ret->output_bytes = g->output.n;
    ret->log_bytes = g->log.n;
    ret->flags |= g->log_cut ? IPC_RESULT_LOG_CUT : 0;
    ret->flags |= g->has_head ? IPC_RESULT_HAS_HEAD : 0;
    ret->flags |= g->large ? IPC_RESULT_LARGE : 0;
}

int server_invoke(struct server *s, unsigned slot, struct err *e) {
    struct request request = {0};
    struct ipc_result *ret = &s->shared->ring->slots[slot].result;
    if (begin(s, slot, &request, e))
        return -1;
    memset(ret, 0, offsetof(struct ipc_result, text));
    int failed = run(s, &request, ret, e);
    if (!failed && !s->guest.output_full && s->guest.exit_code == 0)
        guest_end_output(&s->guest);
    conclude(s, failed, ret, e);
    // A command runs once in its life: its start-up code is not made for a second time.
    s->spoiled = ret->kind != ERR_NONE || s->guest.exited || span_equal_text(request.entry.name, "_start");
    return 0;
}

void server_clean(struct server *s) {
    s->is_kept = s->keeps_state && !s->spoiled;
    if (s->is_kept)
        return;
    uint64_t start_us = clock_monotonic_us();
    wasi_table_end(&s->table);
    wasi_table_begin(&s->table, s->grants, s->grant_count); // what a start made ahead may look at
    s->guest = (struct guest){.table = &s->table};
    first_state_renew(&s->state);
    s->renew_us = clock_monotonic_us() - start_us;
}
