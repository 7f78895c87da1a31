// The end, step by step on loop 0, each one begun by the end of the one before:
//
//   sms is told; no new requests (503), running ones end ─▶ asynchronous ones end ─▶ instances stop, runtimes close
//   ─▶ every loop has delivered what was due ─▶ server and client go ─▶ the loops stop
//
// When the drain takes too long, or a second signal comes, the instances are stopped under what still runs, which ends
// it with an error. main.c frees what is left.
#include "spearlet/shutdown.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/notify.h"

#include <signal.h>
#include <unistd.h>

enum { SIGNALS = 2, EXIT_BY_SIGNAL = 128, LAST_GRACE_MS = 1000 };

static struct {
    struct spearlet *spearlet;
    uv_signal_t watchers[SIGNALS];
    struct loop_timer *timer, *leave_timer;
    unsigned signals;
    bool left, server_drained, service_closing, service_closed, ending;
    size_t rounds_left;
} state;

// ---- the last steps

static void free_servers(void *arg) {
    struct spearlet *s = arg;
    http_server_free(s->http);
    s->http = NULL;
    task_catalog_stop(s->tasks);
    token_verifier_stop(s->verifier);
    node_agent_stop(s->agent);
    sms_client_free(TAKE(s->sms));
    tls_reload_stop(TAKE(s->tls_reload));
    for (size_t i = 0; i < SIGNALS; i++)
        uv_close((uv_handle_t *)&state.watchers[i], NULL);
    loop_group_stop(s->loops);
}

static void end_round(void *arg) {
    if (--state.rounds_left == 0)
        free_servers(arg);
}

static void pass_loop(void *arg) {
    struct spearlet *s = arg;
    loop_post(loop_group_at(s->loops, 0), end_round, s);
}

// Posts keep their order, so that when each loop has come by, all answers are out.
static void go_round(struct spearlet *s) {
    state.rounds_left = loop_group_count(s->loops);
    for (size_t i = 0; i < loop_group_count(s->loops); i++)
        loop_post(loop_group_at(s->loops, i), pass_loop, s);
}

static void end_if_ready(void) {
    if (!state.left || !state.server_drained || !state.service_closed || state.ending)
        return;
    state.ending = true;
    loop_timer_cancel(TAKE(state.timer));
    loop_timer_cancel(TAKE(state.leave_timer));
    go_round(state.spearlet);
}

// ---- sms

static void on_left(void *ctx) {
    (void)ctx;
    state.left = true;
    end_if_ready();
}

static void on_leave_timeout(void *arg) {
    state.leave_timer = NULL;
    on_left(arg);
}

// ---- instances

static void on_service_closed(void *ctx) {
    (void)ctx;
    state.service_closed = true;
    end_if_ready();
}

static void close_service(uint64_t grace_ms) {
    if (state.service_closing)
        return;
    state.service_closing = true;
    function_service_close(state.spearlet->functions, grace_ms, on_service_closed, NULL);
}

static void on_idle(void *ctx) {
    const struct spearlet *s = ctx;
    close_service(s->settings.node.stop_grace_ms);
}

static void on_server_drained(void *ctx) {
    struct spearlet *s = ctx;
    state.server_drained = true;
    function_service_when_idle(s->functions, on_idle, s);
    end_if_ready();
}

static void on_drain_timeout(void *arg) {
    (void)arg;
    state.timer = NULL;
    log_warn("drain timeout: what still runs is ended");
    close_service(0);
}

// ---- signals

static void begin(struct spearlet *s) {
    uint64_t drain_ms = s->settings.drain_timeout_ms;
    notify_stopping();
    state.leave_timer = loop_timer_start(loop_group_at(s->loops, 0), LAST_GRACE_MS, on_leave_timeout, s);
    node_agent_leave(s->agent, on_left, s);
    state.timer = loop_timer_start(loop_group_at(s->loops, 0), drain_ms, on_drain_timeout, s);
    // A little more than ours: what is ended by our timer is still answered.
    http_server_drain(s->http, drain_ms + LAST_GRACE_MS, on_server_drained, s);
}

static void on_signal(uv_signal_t *watcher, int number) {
    (void)watcher;
    state.signals++;
    if (state.signals == 1) {
        log_info("draining signal=%d drain_timeout_ms=%llu", number,
                 (unsigned long long)state.spearlet->settings.drain_timeout_ms);
        begin(state.spearlet);
    } else if (state.signals == 2) {
        log_warn("ending what runs signal=%d", number);
        close_service(0);
    } else {
        log_warn("ending at once signal=%d", number);
        _exit(EXIT_BY_SIGNAL + number);
    }
}

void shutdown_watch(struct spearlet *s) {
    static const int numbers[SIGNALS] = {SIGTERM, SIGINT};
    state.spearlet = s;
    for (size_t i = 0; i < SIGNALS; i++) {
        ASSERT(uv_signal_init(&loop_group_at(s->loops, 0)->uv, &state.watchers[i]) == 0);
        ASSERT(uv_signal_start(&state.watchers[i], on_signal, numbers[i]) == 0);
    }
}
