// Hears SIGHUP and has the credentials read again, one reading at a time; a signal during one makes another.
#include "net/tls_reload.h"

#include "base/mem.h"

#include <signal.h>
#include <stdio.h>

enum { LINE_BYTES = 4096 };

struct tls_reload {
    struct tls_reload_config config;
    uv_signal_t signal;
    struct err errors[TLS_RELOAD_MAX];
    bool reading, again, stopped, closed;
};

static void free_if_over(struct tls_reload *r) {
    if (r->closed && !r->reading)
        free(r);
}

static void read_files(void *arg) {
    struct tls_reload *r = arg;
    for (size_t i = 0; i < TLS_RELOAD_MAX; i++) {
        r->errors[i] = (struct err){.kind = ERR_NONE};
        if (r->config.list[i].credentials)
            tls_credentials_reload(r->config.list[i].credentials, &r->errors[i]);
    }
}

static void on_read(void *arg);

static void begin(struct tls_reload *r) {
    r->reading = true;
    r->again = false;
    loop_work(r->config.loop, read_files, on_read, r);
}

static void warn(struct tls_reload *r, struct tls_credentials *credentials) {
    struct buf text;
    buf_init(&text, LINE_BYTES);
    tls_credentials_warning(credentials, &text);
    if (text.n)
        r->config.say(LOG_WARN, buf_text(&text));
    buf_done(&text);
}

static void report_one(struct tls_reload *r, size_t i) {
    char line[LINE_BYTES];
    const char *name = r->config.list[i].name;
    if (r->errors[i].kind != ERR_NONE) {
        snprintf(line, sizeof line, "TLS not reloaded, the old files stay in use setting=%s error=\"%s\"", name,
                 r->errors[i].text);
        r->config.say(LOG_ERROR, line);
        return;
    }
    snprintf(line, sizeof line, "TLS reloaded setting=%s", name);
    r->config.say(LOG_INFO, line);
    warn(r, r->config.list[i].credentials);
}

static void report(struct tls_reload *r) {
    bool any = false;
    for (size_t i = 0; i < TLS_RELOAD_MAX; i++)
        if (r->config.list[i].credentials) {
            any = true;
            report_one(r, i);
        }
    if (!any)
        r->config.say(LOG_INFO, "SIGHUP: nothing to reload, TLS is not configured");
}

static void on_read(void *arg) {
    struct tls_reload *r = arg;
    r->reading = false;
    if (!r->stopped)
        report(r);
    if (!r->stopped && r->again)
        begin(r);
    else
        free_if_over(r);
}

static void on_signal(uv_signal_t *signal, int number) {
    struct tls_reload *r = signal->data;
    (void)number;
    if (r->reading)
        r->again = true;
    else
        begin(r);
}

struct tls_reload *tls_reload_watch(const struct tls_reload_config *config) {
    struct tls_reload *r = NEW(struct tls_reload);
    r->config = *config;
    ASSERT(uv_signal_init(&config->loop->uv, &r->signal) == 0);
    r->signal.data = r;
    ASSERT(uv_signal_start(&r->signal, on_signal, SIGHUP) == 0);
    for (size_t i = 0; i < TLS_RELOAD_MAX; i++)
        if (config->list[i].credentials)
            warn(r, config->list[i].credentials);
    return r;
}

static void on_closed(uv_handle_t *handle) {
    struct tls_reload *r = handle->data;
    r->closed = true;
    free_if_over(r);
}

void tls_reload_stop(struct tls_reload *r) {
    if (!r || r->stopped)
        return;
    r->stopped = true;
    uv_close((uv_handle_t *)&r->signal, on_closed);
}
