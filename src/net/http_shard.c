// What one loop keeps for its connections: their list, one timer for all deadlines, the list of those to look after
// before the loop waits again, the date of the current second. Ends them when the server drains or closes.
//
// Nothing here is shared with other threads but the two counters.
#include "net/http_internal.h"

enum {
    TICK_MIN_MS = 10,
    TICK_MAX_MS = 500,
    ROOM_QUIET_MS = 1000, // between requests for so long: may be hung up for another client
    ROOM_STEPS = 256      // connections looked at for it
};

static uint64_t shorter(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

// Deadlines are kept to a quarter of the shortest timeout, at best 10 ms and at worst half a second.
static uint64_t tick_ms(const struct http_server_config *config) {
    uint64_t shortest = shorter(shorter(config->header_timeout_ms, config->body_timeout_ms),
                                shorter(config->idle_timeout_ms, config->write_timeout_ms));
    uint64_t ms = shorter(shortest / 4, TICK_MAX_MS);
    return ms < TICK_MIN_MS ? TICK_MIN_MS : ms;
}

// The shard's word to the server, once: that it is quiet, later that it is closed.
static void report(struct http_shard *shard) {
    void (*drained)(struct http_shard *) = shard->drained;
    shard->drained = NULL;
    if (drained)
        drained(shard);
}

static bool is_quiet(const struct http_shard *shard) {
    if (shard->running)
        return false;
    for (const struct http_connection *c = shard->first; c; c = c->next)
        if (!http_connection_is_quiet(c))
            return false;
    return true;
}

static void on_handle_closed(uv_handle_t *handle) {
    struct http_shard *shard = handle->data;
    if (--shard->handles_open > 0)
        return;
    free(TAKE(shard->scratch));
    report(shard);
    http_server_unref(shard->server);
}

static void close_all_handles(struct http_shard *shard) {
    uv_close((uv_handle_t *)&shard->tick, on_handle_closed);
    uv_close((uv_handle_t *)&shard->prepare, on_handle_closed);
}

static void close_handles(struct http_shard *shard) {
    if (shard->closed)
        return;
    shard->closed = true;
    if (shard->open)
        close_all_handles(shard);
    else
        report(shard);
}

// While draining or closing: is the goal reached?
static void check_goal(struct http_shard *shard) {
    if (shard->closing && !shard->first && (shard->running == 0 || shard->cut))
        close_handles(shard);
    else if (shard->draining && !shard->closing && is_quiet(shard))
        report(shard);
}

static void run_marked(struct http_shard *shard) {
    while (shard->marked_first) {
        struct http_connection *c = shard->marked_first;
        http_shard_unmark(c);
        http_connection_run(c, NULL, 0);
    }
}

static void on_prepare(uv_prepare_t *prepare) {
    struct http_shard *shard = prepare->data;
    run_marked(shard);
    if (shard->draining)
        check_goal(shard);
}

static void hang_up_quiet(struct http_shard *shard) {
    for (struct http_connection *c = shard->first, *next; c; c = next) {
        next = c->next;
        if (http_connection_is_quiet(c))
            http_connection_hang_up(c);
    }
}

static void on_tick(uv_timer_t *tick) {
    struct http_shard *shard = tick->data;
    uint64_t now_ms = uv_now(&shard->loop->uv);
    for (struct http_connection *c = shard->first, *next; c; c = next) {
        next = c->next;
        http_deadline_tick(c, now_ms);
    }
    if (shard->closing)
        hang_up_quiet(shard);
}

void http_shard_open(struct http_shard *shard) {
    if (shard->open)
        return;
    shard->open = true;
    shard->scratch = mem_alloc(HTTP_READ_BYTES + TLS_RECORD_BYTES);
    ASSERT(uv_timer_init(&shard->loop->uv, &shard->tick) == 0);
    ASSERT(uv_prepare_init(&shard->loop->uv, &shard->prepare) == 0);
    shard->tick.data = shard->prepare.data = shard;
    shard->handles_open = 2;
    http_server_ref(shard->server);
    ASSERT(uv_prepare_start(&shard->prepare, on_prepare) == 0);
    uv_unref((uv_handle_t *)&shard->tick);
    uv_unref((uv_handle_t *)&shard->prepare);
}

void http_shard_add(struct http_connection *c) {
    struct http_shard *shard = c->shard;
    if (!shard->first) {
        uint64_t ms = tick_ms(&shard->server->config);
        ASSERT(uv_timer_start(&shard->tick, on_tick, ms, ms) == 0);
    }
    c->next = shard->first;
    if (c->next)
        c->next->previous = c;
    shard->first = c;
}

void http_shard_remove(struct http_connection *c) {
    struct http_shard *shard = c->shard;
    if (shard->hand == c)
        shard->hand = c->next;
    if (c->previous)
        c->previous->next = c->next;
    else
        shard->first = c->next;
    if (c->next)
        c->next->previous = c->previous;
    http_shard_unmark(c);
    if (!shard->first)
        uv_timer_stop(&shard->tick);
}

// Goes round the list from where the last search ended, so that every connection has its turn and a flood of new ones
// does not cost a walk over all each time.
bool http_shard_make_room(struct http_shard *shard) {
    uint64_t now_ms = uv_now(&shard->loop->uv);
    for (int i = 0; i < ROOM_STEPS && shard->first; i++) {
        struct http_connection *c = shard->hand ? shard->hand : shard->first;
        shard->hand = c->next;
        if (now_ms >= c->quiet_since_ms + ROOM_QUIET_MS && http_connection_is_quiet(c) && http_connection_hang_up(c))
            return true;
    }
    return false;
}

static struct http_connection *slowest_reader(const struct http_shard *shard) {
    struct http_connection *slowest = NULL;
    for (struct http_connection *c = shard->first; c; c = c->next)
        if (c->out.lent && c->write_deadline_ms && !c->broken &&
            (!slowest || c->write_deadline_ms < slowest->write_deadline_ms))
            slowest = c;
    return slowest;
}

void http_shard_lent(struct http_shard *shard, size_t n) {
    struct http_connection *slow;
    uint64_t max_bytes = shard->server->config.answers_max_bytes / shard->server->shard_count;
    shard->lent_bytes += n;
    for (uint64_t lent = shard->lent_bytes; lent > max_bytes && (slow = slowest_reader(shard)) != NULL;) {
        lent -= slow->out.lent_bytes < lent ? slow->out.lent_bytes : lent;
        slow->broken = true;
        http_shard_mark(slow);
    }
}

void http_shard_mark(struct http_connection *c) {
    if (c->marked)
        return;
    c->marked = true;
    c->next_marked = NULL;
    if (c->shard->marked_last)
        c->shard->marked_last->next_marked = c;
    else
        c->shard->marked_first = c;
    c->shard->marked_last = c;
}

void http_shard_unmark(struct http_connection *c) {
    if (!c->marked)
        return;
    struct http_shard *shard = c->shard;
    struct http_connection *previous = NULL;
    for (struct http_connection *at = shard->marked_first; at != c; at = at->next_marked)
        previous = at;
    if (previous)
        previous->next_marked = c->next_marked;
    else
        shard->marked_first = c->next_marked;
    if (shard->marked_last == c)
        shard->marked_last = previous;
    c->marked = false;
}

void http_shard_drain(struct http_shard *shard) {
    shard->draining = true;
    hang_up_quiet(shard);
    if (!shard->open)
        report(shard);
}

void http_shard_close(struct http_shard *shard, bool cut) {
    shard->draining = shard->closing = true;
    shard->cut = shard->cut || cut;
    for (struct http_connection *c = shard->first, *next; c; c = next) {
        next = c->next;
        if (cut)
            http_connection_cut(c);
        else if (http_connection_is_quiet(c))
            http_connection_hang_up(c);
    }
    check_goal(shard);
}

const char *http_shard_date(struct http_shard *shard) {
    int64_t now_s = clock_unix_s();
    if (now_s != shard->date_second) {
        clock_http_date(now_s, shard->date);
        shard->date_second = now_s;
    }
    return shard->date;
}

void http_shard_refused(struct http_shard *shard) {
    atomic_fetch_add_explicit(&shard->refused_total, 1, memory_order_relaxed);
}
