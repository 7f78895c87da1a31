// Invocations through a worker's ring (ipc/ring.h), and the pump that looks after the rings of a loop. What comes out of a ring is untrusted: a
// worker whose ring lies is killed (worker_process.c).
//
// After a loop has read its sockets, the pump wakes the workers that were given something (once, however much that was) and reads what they have
// finished; before the loop goes to sleep, it tells the busy ones that from now on they are to wake it.
#include "base/mem.h"
#include "runtime/worker_internal.h"

enum { ROUNDS_MAX = 4 };                  // of reading, before sockets have their turn again
enum { RENEW_US_MAX = 60 * 1000 * 1000 }; // more than that no worker is believed

struct worker_pump {
    uv_prepare_t prepare;
    uv_check_t check;
    uv_idle_t idle;       // active while there is something to read at once
    int handles_open;     // while they are being closed
    struct worker *first; // those with something in flight
};

// ---- what may be known of a slot

static bool is_over(const struct worker *w) {
    return w->ended || w->kill_reason.kind != ERR_NONE;
}

// Given and not taken back.
static uint32_t in_work(const struct worker *w) {
    return ring_in_flight(&w->ring) - w->withdrawn;
}

unsigned worker_room(const struct worker *w) {
    uint32_t slots = IPC_RING_SLOTS - ring_in_flight(&w->ring);
    if (!w->ready || w->stopping || is_over(w) || w->has_large || in_work(w) >= w->config.depth)
        return 0;
    uint32_t room = w->config.depth - in_work(w);
    return room < slots ? room : slots;
}

// The worker does not touch its areas any more: they are free at once.
bool worker_withdraw(struct worker *w, unsigned slot) {
    if (w->ended || !ring_withdraw(&w->ring, slot))
        return false;
    w->slots[slot].is_withdrawn = true;
    w->withdrawn++;
    w->has_large &= !w->slots[slot].is_large;
    return true;
}

bool worker_leftover(const struct worker *w, unsigned slot, struct worker_leftover *ret) {
    if (!ring_has_begun(&w->ring, slot))
        return false;
    worker_memory_read_progress(&w->memory, slot, ret);
    if (w->slots[slot].stream_bytes)
        ret->output.n = 0;
    return true;
}

bool worker_has_finished(const struct worker *w, unsigned slot) {
    return ring_is_finished(&w->ring, slot);
}

// ---- giving

static void pump_add(struct worker *w) {
    struct worker_pump *p = w->config.pump;
    if (w->is_pumped)
        return;
    w->is_pumped = true;
    w->pump_previous = NULL;
    w->pump_next = p->first;
    if (p->first)
        p->first->pump_previous = w;
    p->first = w;
}

void worker_pump_remove(struct worker *w) {
    if (!w->is_pumped)
        return;
    w->is_pumped = false;
    if (w->pump_previous)
        w->pump_previous->pump_next = w->pump_next;
    else
        w->config.pump->first = w->pump_next;
    if (w->pump_next)
        w->pump_next->pump_previous = w->pump_previous;
}

int worker_invoke(struct worker *w, const struct invocation *v, unsigned *ret_slot, struct err *e) {
    ASSERT(worker_room(w) > 0);
    int reserved = ring_reserve(&w->ring);
    ASSERT(reserved >= 0); // depth is IPC_RING_SLOTS at most
    unsigned slot = (unsigned)reserved;
    struct ipc_invoke invoke; // ours: the worker cannot change its mind for us
    if (worker_memory_write(&w->memory, slot, v, &invoke, e) < 0) {
        ring_give_back(&w->ring, slot);
        return -1;
    }
    w->slots[slot] = (struct worker_slot){.is_large = (invoke.flags & IPC_INVOKE_LARGE) != 0,
                                          .payload_bytes = v->payload.n,
                                          .stream_bytes = invoke.stream_bytes};
    ASSERT(!w->slots[slot].is_large || in_work(w) == 0);
    w->has_large |= w->slots[slot].is_large;
    ring_submit(&w->ring, slot);
    pump_add(w);
    *ret_slot = slot;
    return 0;
}

void worker_output_taken(struct worker *w, unsigned slot, uint64_t bytes) {
    struct worker_slot *s = &w->slots[slot];
    if (w->ended || s->stream_bytes == 0)
        return;
    ASSERT(bytes <= s->output_written - s->output_taken);
    s->output_taken += bytes;
    atomic_store(&w->ring.shared->slots[slot].output_taken, s->output_taken);
    ring_make_room(&w->ring);
}

// ---- reading

// The bytes from `from` on, up to the end of the window.
static void give_output(struct worker *w, unsigned slot, uint64_t from, uint64_t n, bool has_head) {
    const char *p = w->memory.base + w->memory.layout.output_offset + from % w->slots[slot].stream_bytes;
    w->config.events->output(w->config.ctx, slot, span_make(p, n), has_head);
}

// True when there was more of a streamed output.
static bool read_output(struct worker *w, unsigned slot) {
    struct worker_slot *s = &w->slots[slot];
    struct ipc_slot *shared = &w->ring.shared->slots[slot];
    uint64_t from = s->output_written;
    uint64_t n = s->stream_bytes ? atomic_load(&shared->output_written) - from : 0;
    if (n == 0)
        return false;
    if (n > s->stream_bytes - (from - s->output_taken)) {
        worker_broke_protocol(w, "it wrote output where there is no room");
        return false;
    }
    uint64_t straight = s->stream_bytes - from % s->stream_bytes;
    bool has_head = (atomic_load(&shared->output_flags) & IPC_OUTPUT_HAS_HEAD) != 0;
    s->output_written += n;
    give_output(w, slot, from, n < straight ? n : straight, has_head);
    if (n > straight)
        give_output(w, slot, from + straight, n - straight, has_head);
    return true;
}

static char *copy(struct span s) {
    char *p = mem_alloc(s.n + 1);
    if (s.n > 0)
        memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    return p;
}

static char *copy_some(struct span s) {
    return s.n ? copy(s) : NULL;
}

static struct invocation_result copy_answer(const struct worker_claim *claim, const char *reply) {
    const struct ipc_result *r = &claim->result;
    return (struct invocation_result){.exit_code = r->exit_code,
                                      .output = copy(claim->output),
                                      .output_bytes = claim->output.n,
                                      .log = copy_some(claim->log),
                                      .log_bytes = claim->log.n,
                                      .log_cut = (r->flags & IPC_RESULT_LOG_CUT) != 0,
                                      .has_head = (r->flags & IPC_RESULT_HAS_HEAD) != 0,
                                      .results_json = span_make(reply, claim->reply.n),
                                      .instantiate_us = r->instantiate_us,
                                      .run_us = r->run_us};
}

static void count_state(struct runtime_counters *c, const struct ipc_result *r) {
    _Atomic uint64_t *const counters[IPC_STATE_COUNT] = {[IPC_STATE_MADE] = &c->states_made,
                                                         [IPC_STATE_AHEAD] = &c->states_made_ahead,
                                                         [IPC_STATE_RESET] = &c->states_reset,
                                                         [IPC_STATE_KEPT] = &c->states_kept};
    if (r->state < IPC_STATE_COUNT && counters[r->state])
        counter_add(counters[r->state], 1);
    counter_add(&c->states_renew_us, r->renew_us < RENEW_US_MAX ? r->renew_us : RENEW_US_MAX);
}

// Its slot is free, and what was large given back, before anybody hears of it.
static void release(struct worker *w, unsigned slot, const struct worker_claim *claim) {
    const struct worker_slot *s = &w->slots[slot];
    bool large = claim->result.flags & IPC_RESULT_LARGE;
    worker_memory_shrink(&w->memory, s->is_large ? s->payload_bytes : 0, large ? claim->output.n : 0,
                         large ? claim->log.n : 0);
    w->has_large &= !s->is_large;
    ring_release(&w->ring);
    ring_make_room(&w->ring); // it may wait for the large areas
}

static void read_result(struct worker *w, unsigned slot) {
    struct worker_claim claim;
    if (worker_memory_read(&w->memory, slot, &claim) < 0 || !worker_kind_allowed(claim.result.kind)) {
        worker_broke_protocol(w, "it answered more than fits, or with an unknown kind of error");
        return;
    }
    if (w->slots[slot].stream_bytes)
        claim.output.n = 0;
    if (!(claim.result.flags & IPC_RESULT_HAS_RESULTS))
        claim.reply.n = 0;
    count_state(&w->config.shared->counters, &claim.result);
    AUTO_FREE char *reply = copy_some(claim.reply);
    struct worker_result result = {
        .answer = copy_answer(&claim, reply), .kind = (enum err_kind)claim.result.kind, .text = claim.result.text};
    release(w, slot, &claim);
    w->config.events->result(w->config.ctx, slot, &result);
    free(result.answer.output);
    free(result.answer.log);
}

static void read_end(struct worker *w, unsigned slot) {
    if (w->slots[slot].is_withdrawn) {
        w->withdrawn--;
        ring_release(&w->ring);
        ring_make_room(&w->ring);
    } else {
        read_output(w, slot);
        if (!is_over(w))
            read_result(w, slot);
    }
}

// A worker that is to be killed is not listened to any more.
bool worker_drain(struct worker *w) {
    bool any = false;
    while (w->ready && !is_over(w)) {
        int slot = ring_finished(&w->ring);
        if (slot == RING_LIES) {
            worker_broke_protocol(w, "it finished more than it was given");
            break;
        }
        if (slot == RING_NOTHING) {
            slot = ring_oldest(&w->ring);
            return (slot >= 0 && read_output(w, (unsigned)slot)) || any;
        }
        read_end(w, (unsigned)slot);
        any = true;
    }
    return any;
}

// ---- the pump

static bool drain_all(struct worker_pump *p) {
    bool any = false;
    for (struct worker *w = p->first, *next; w; w = next) {
        any |= worker_drain(w);
        next = w->pump_next;
        if (ring_in_flight(&w->ring) == 0)
            worker_pump_remove(w);
    }
    return any;
}

static bool has_news(const struct worker *w) {
    int slot = ring_finished(&w->ring);
    if (slot != RING_NOTHING)
        return true;
    slot = ring_oldest(&w->ring);
    return slot >= 0 && w->slots[slot].stream_bytes &&
           atomic_load(&w->ring.shared->slots[slot].output_written) != w->slots[slot].output_written;
}

static void wake_all(struct worker_pump *p) {
    for (struct worker *w = p->first; w; w = w->pump_next)
        ring_wake(&w->ring);
}

// After sockets were read. Callbacks come from here, where a loop that runs one turn at a time sees them in that turn.
static void on_check(uv_check_t *check) {
    struct worker_pump *p = CONTAINER_OF(check, struct worker_pump, check);
    bool any = true;
    for (int round = 0; any && p->first && round < ROUNDS_MAX; round++) {
        wake_all(p);
        any = drain_all(p);
    }
}

static void on_idle(uv_idle_t *idle) {
    (void)idle; // it is there so that the loop does not sleep
}

// What came before we listened is not told again: then the loop does not go to sleep.
static void on_prepare(uv_prepare_t *prepare) {
    struct worker_pump *p = CONTAINER_OF(prepare, struct worker_pump, prepare);
    bool news = false;
    wake_all(p);
    for (struct worker *w = p->first; w; w = w->pump_next) {
        ring_listen(&w->ring);
        news |= !is_over(w) && has_news(w);
    }
    if (news)
        uv_idle_start(&p->idle, on_idle);
    else
        uv_idle_stop(&p->idle);
}

struct worker_pump *worker_pump_new(struct loop *loop) {
    struct worker_pump *p = NEW(struct worker_pump);
    ASSERT(uv_prepare_init(&loop->uv, &p->prepare) == 0 && uv_check_init(&loop->uv, &p->check) == 0 &&
           uv_idle_init(&loop->uv, &p->idle) == 0);
    ASSERT(uv_prepare_start(&p->prepare, on_prepare) == 0 && uv_check_start(&p->check, on_check) == 0);
    uv_unref((uv_handle_t *)&p->prepare);
    uv_unref((uv_handle_t *)&p->check);
    uv_unref((uv_handle_t *)&p->idle);
    return p;
}

static void on_closed(uv_handle_t *handle) {
    struct worker_pump *p = handle->data;
    if (--p->handles_open == 0)
        free(p);
}

static void close_handle(struct worker_pump *p, uv_handle_t *handle) {
    handle->data = p;
    p->handles_open++;
    uv_close(handle, on_closed);
}

void worker_pump_free(struct worker_pump *p) {
    ASSERT(!p->first);
    close_handle(p, (uv_handle_t *)&p->prepare);
    close_handle(p, (uv_handle_t *)&p->check);
    close_handle(p, (uv_handle_t *)&p->idle);
}
