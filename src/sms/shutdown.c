// The end of sms, in order: no new requests, running ones end, the HTTP clients go (each on its loop), the loops stop.
//
// The store is stopped by main.c afterwards, so that whatever was submitted is committed.
#include "sms/shutdown.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/notify.h"

#include <signal.h>
#include <unistd.h>

enum { SIGNALS = 2, EXIT_BY_SIGNAL = 128 };

static struct {
    struct sms *sms;
    uv_signal_t watchers[SIGNALS];
    size_t clients_left; // counted on loop 0
    bool draining;
} shutdown_state;

static void client_freed(void *arg) {
    struct sms *s = arg;
    if (--shutdown_state.clients_left == 0) {
        http_server_free(s->server);
        s->server = NULL;
        loop_group_stop(s->loops);
    }
}

struct client_slot {
    struct sms *sms;
    size_t index;
};

static void free_client(void *arg) {
    struct client_slot *slot = arg;
    struct sms *s = slot->sms;
    http_client_free(TAKE(s->clients[slot->index]));
    loop_post(loop_group_at(s->loops, 0), client_freed, s);
    free(slot);
}

static void drained(void *ctx) {
    struct sms *s = ctx;
    shutdown_state.clients_left = loop_group_count(s->loops);
    tls_reload_stop(TAKE(s->tls_reload));
    for (size_t i = 0; i < SIGNALS; i++) {
        uv_close((uv_handle_t *)&shutdown_state.watchers[i], NULL);
    }
    for (size_t i = 0; i < loop_group_count(s->loops); i++) {
        struct client_slot *slot = NEW(struct client_slot);
        *slot = (struct client_slot){.sms = s, .index = i};
        loop_post(loop_group_at(s->loops, i), free_client, slot);
    }
}

static void on_signal(uv_signal_t *watcher, int number) {
    (void)watcher;
    struct sms *s = shutdown_state.sms;
    if (shutdown_state.draining) {
        log_warn("ending at once signal=%d", number);
        _exit(EXIT_BY_SIGNAL + number);
    }
    shutdown_state.draining = true;
    log_info("draining signal=%d drain_timeout_ms=%llu", number, (unsigned long long)s->config.drain_timeout_ms);
    notify_stopping();
    http_server_drain(s->server, s->config.drain_timeout_ms, drained, s);
}

void shutdown_watch(struct sms *s) {
    static const int numbers[SIGNALS] = {SIGTERM, SIGINT};
    shutdown_state.sms = s;
    for (size_t i = 0; i < SIGNALS; i++) {
        ASSERT(uv_signal_init(&loop_group_at(s->loops, 0)->uv, &shutdown_state.watchers[i]) == 0);
        ASSERT(uv_signal_start(&shutdown_state.watchers[i], on_signal, numbers[i]) == 0);
    }
}
