// WASI: poll_oneoff over clocks and descriptors, which are always ready. A sleep is really slept; what bounds it is the deadline.
//
// First pass: everything that is ready now. If there is nothing, the earliest clock is waited for, then the pass is repeated.
#include "worker/wasi.h"
#include "worker/wasi_clock.h"
#include "worker/wasi_files.h"

#include <errno.h>

enum { TAG_CLOCK, TAG_FD_READ, TAG_FD_WRITE };
enum { WAITABLE_CLOCKS = 2 }; // realtime and monotonic; a CPU clock stands still while one sleeps
enum { CLOCK_ABSOLUTE = 1, EVENT_BYTES = 32, SUBSCRIPTION_BYTES_MAX = 56, WRITE_BYTES = 65536 };

// Where the fields of a subscription stand; the version of 2019 had one more.
struct layout {
    uint32_t bytes, clock_id, timeout, flags;
};
static const struct layout layout_preview1 = {48, 16, 24, 40};
static const struct layout layout_unstable = {56, 24, 32, 48};

struct subscription {
    uint64_t userdata, timeout_ns;
    uint32_t fd, clock_id;
    uint16_t flags;
    uint8_t tag;
};

static void decode(const struct layout *l, const uint8_t *raw, struct subscription *ret) {
    memcpy(&ret->userdata, raw, 8);
    ret->tag = raw[8];
    memcpy(&ret->fd, raw + 16, 4);
    memcpy(&ret->clock_id, raw + l->clock_id, 4);
    memcpy(&ret->timeout_ns, raw + l->timeout, 8);
    memcpy(&ret->flags, raw + l->flags, 2);
}

// One poll in progress.
struct poll {
    const struct host_call *call;
    const struct layout *layout;
    uint32_t subscriptions_at, events_at, count, event_count;
    uint64_t start_ns[WAITABLE_CLOCKS]; // relative timeouts count from here
    bool has_wait;
    uint64_t wait_ns; // until the earliest clock that is not due yet
};

static bool put_event(struct poll *p, const struct subscription *s, enum wasi_errno error, uint64_t bytes) {
    uint8_t raw[EVENT_BYTES] = {0};
    uint16_t code = (uint16_t)error;
    memcpy(raw, &s->userdata, 8);
    memcpy(raw + 8, &code, 2);
    raw[10] = s->tag;
    memcpy(raw + 16, &bytes, 8);
    uint64_t at = p->events_at + (uint64_t)p->event_count++ * EVENT_BYTES;
    return at <= UINT32_MAX && host_put(p->call, (uint32_t)at, raw, EVENT_BYTES);
}

static uint64_t now_ns(uint32_t wasi_id) {
    clockid_t id;
    struct timespec now = {0};
    return wasi_clock_id(wasi_id, &id) && !clock_gettime(id, &now) ? wasi_nanoseconds(now) : 0;
}

// Nanoseconds until the clock is due.
static uint64_t remaining_ns(const struct poll *p, const struct subscription *s) {
    uint64_t due = s->timeout_ns;
    if (!(s->flags & CLOCK_ABSOLUTE) && __builtin_add_overflow(p->start_ns[s->clock_id], due, &due))
        due = UINT64_MAX;
    uint64_t now = now_ns(s->clock_id);
    return due > now ? due - now : 0;
}

static bool visit_clock(struct poll *p, const struct subscription *s) {
    clockid_t id;
    if (s->clock_id >= WAITABLE_CLOCKS)
        return put_event(p, s, wasi_clock_id(s->clock_id, &id) ? WASI_ENOTSUP : WASI_EINVAL, 0);
    uint64_t left = remaining_ns(p, s);
    if (left == 0)
        return put_event(p, s, WASI_SUCCESS, 0);
    if (!p->has_wait || left < p->wait_ns) {
        p->has_wait = true;
        p->wait_ns = left;
    }
    return true;
}

// How much there is to read or room to write; an error if the descriptor is not for that.
static enum wasi_errno readiness(const struct poll *p, const struct subscription *s, uint64_t *ret_bytes) {
    const struct guest *g = p->call->guest;
    const struct wasi_file *f = wasi_table_at(g->table, s->fd);
    bool reads = s->tag == TAG_FD_READ;
    if (!f || (f->kind == WASI_KIND_STREAM && reads != (f->stream == GUEST_STDIN)))
        return WASI_EBADF;
    if (!(f->rights & WASI_RIGHT_POLL_FD_READWRITE))
        return WASI_ENOTCAPABLE;
    *ret_bytes = reads ? 0 : WRITE_BYTES;
    if (reads && f->kind == WASI_KIND_STREAM)
        *ret_bytes = g->payload.n - g->payload_at;
    else if (reads && f->kind == WASI_KIND_FILE)
        *ret_bytes = wasi_file_left(f);
    return WASI_SUCCESS;
}

// Streams, files and directories never make anyone wait.
static bool visit_descriptor(struct poll *p, const struct subscription *s) {
    uint64_t bytes = 0;
    enum wasi_errno error = readiness(p, s, &bytes);
    return put_event(p, s, error, bytes);
}

static enum wasi_errno collect(struct poll *p) {
    p->event_count = 0;
    p->has_wait = false;
    for (uint32_t i = 0; i < p->count; i++) {
        uint8_t raw[SUBSCRIPTION_BYTES_MAX];
        struct subscription s;
        uint64_t at = p->subscriptions_at + (uint64_t)i * p->layout->bytes;
        if (at > UINT32_MAX || !host_get(p->call, (uint32_t)at, raw, p->layout->bytes))
            return WASI_EFAULT;
        decode(p->layout, raw, &s);
        if (s.tag > TAG_FD_WRITE)
            return WASI_EINVAL;
        if (!(s.tag == TAG_CLOCK ? visit_clock(p, &s) : visit_descriptor(p, &s)))
            return WASI_EFAULT;
    }
    return WASI_SUCCESS;
}

static void sleep_for(uint64_t ns) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    uint64_t seconds = ns / 1000000000u;
    // Ten years stand for ever, and cannot overflow.
    until.tv_sec += (time_t)(seconds < 315360000u ? seconds : 315360000u);
    until.tv_nsec += (long)(ns % 1000000000u);
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR) {
    }
}

static enum wasi_errno poll_oneoff(const struct host_call *c, const struct layout *layout) {
    struct poll p = {.call = c,
                     .layout = layout,
                     .subscriptions_at = host_u32(c, 0),
                     .events_at = host_u32(c, 1),
                     .count = host_u32(c, 2)};
    if (p.count == 0 || p.count > WASI_SUBSCRIPTIONS_MAX)
        return WASI_EINVAL;
    for (uint32_t id = 0; id < WAITABLE_CLOCKS; id++)
        p.start_ns[id] = now_ns(id);
    enum wasi_errno result = collect(&p);
    while (result == WASI_SUCCESS && p.event_count == 0) {
        sleep_for(p.wait_ns);
        result = collect(&p);
    }
    if (result != WASI_SUCCESS)
        return result;
    return host_put_u32(c, host_u32(c, 3), p.event_count) ? WASI_SUCCESS : WASI_EFAULT;
}

WASI_FUNCTION(poll_oneoff) {
    return poll_oneoff(c, &layout_preview1);
}

WASI_FUNCTION(unstable_poll_oneoff) {
    return poll_oneoff(c, &layout_unstable);
}
