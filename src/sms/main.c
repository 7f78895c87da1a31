// sms, the control plane of SPEAR: opens the store, starts the loops and the server, serves until it is told to stop.
//
// Settings are config.c's, the routes routes.c's, the end shutdown.c's.
#include "base/activation.h"
#include "base/address.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/notify.h"
#include "base/watchdog.h"
#include "net/http_server_options.h"
#include "sms/auth.h"
#include "sms/nodes_api.h"
#include "sms/routes.h"
#include "sms/shutdown.h"
#include "sms/tokens_change.h"

#include <signal.h>
#include <stdio.h>

// Threads that write uploads and send files; libuv reads the variable at its first use.
static const char pool_threads[] = "8";

struct http_client *sms_client(struct sms *s, struct http_exchange *x) {
    return s->clients[loop_group_index(s->loops, http_exchange_loop(x))];
}

// ---- one HTTP client a loop, made on its thread
struct client_start {
    struct sms *sms;
    size_t index;
    struct err *err;
    uv_sem_t made;
};

static void make_client(void *arg) {
    struct client_start *start = arg;
    struct sms *s = start->sms;
    struct http_client **client = &s->clients[start->index];
    if (http_client_new(loop_group_at(s->loops, start->index), client, start->err) == 0) {
        http_client_use_tls(*client, s->node_tls);
    }
    uv_sem_post(&start->made);
}

// Loop 0 is this thread's and does not run yet.
static int make_clients(struct sms *s, struct err *e) {
    struct client_start start = {.sms = s, .err = e};
    ASSERT(uv_sem_init(&start.made, 0) == 0);
    bool made = true;
    for (size_t i = 0; made && i < loop_group_count(s->loops); i++) {
        start.index = i;
        if (i == 0) {
            make_client(&start);
        } else {
            loop_post(loop_group_at(s->loops, i), make_client, &start);
        }
        uv_sem_wait(&start.made);
        made = s->clients[i] != NULL;
    }
    uv_sem_destroy(&start.made);
    return made ? 0 : -1;
}

static int open_data(struct sms *s, int *ret_lock_fd, struct err *e) {
    size_t swept = 0;
    if (file_make_dirs(s->config.data_dir, 0700, e) != 0 || file_lock_dir(s->config.data_dir, ret_lock_fd, e) != 0 ||
        store_open(s->config.data_dir, &s->store, &swept, e) != 0) {
        return err_wrap(e, "data directory");
    }
    if (swept != 0) {
        log_info("contents without a record removed count=%zu", swept);
    }
    s->nodes = nodes_new(s->config.heartbeat_timeout_ms);
    s->tokens = tokens_new();
    return store_run_now(s->store, auth_load, s, e) != 0 ? -1 : nodes_load(s, e);
}

// Without a token everybody may do everything: then nobody but this machine is to reach us.
static int check_openness(const struct sms *s, struct err *e) {
    const char *address = s->config.http_addr;
    if (tokens_count(s->tokens) != 0 || address_is_loopback(span_of(address))) {
        return 0;
    }
    if (s->config.insecure) {
        log_warn("open to everybody who can reach it: there is no token address=%s", address);
        return 0;
    }
    return err_set(
        e, ERR_INVALID_CONFIGURATION,
        "%s is not a loopback address, and without a token everybody who reaches it may do everything; serve "
        "127.0.0.1 (--http-addr 127.0.0.1:8080), or make a token first (sms --create-admin-token NAME "
        "--data-dir %s), or give --insecure",
        address, s->config.data_dir);
}

// ---- TLS
static void tls_failed(void *ctx, const char *peer, const char *why) {
    (void)ctx;
    log_warn("TLS handshake failed peer=%s reason=\"%s\"", peer, why);
}

static void say(enum log_level level, const char *text) {
    log_write(level, "%s", text);
}

static int read_tls(struct sms *s, struct err *e) {
    return http_server_options_tls(s->config.options, &s->tls, e) != 0 ||
                   http_client_options_tls(s->config.options, "node", &s->node_tls, e) != 0
               ? -1
               : 0;
}

static void watch_tls(struct sms *s) {
    const struct tls_reload_config config = {
        .loop = loop_group_at(s->loops, 0), .list = {{"tls-cert", s->tls}, {"node-tls-ca", s->node_tls}}, .say = say};
    s->tls_reload = tls_reload_watch(&config);
}

static int start_server(struct sms *s, struct err *e) {
    struct loop *loops[SMS_LOOPS_MAX];
    size_t count = loop_group_count(s->loops);
    for (size_t i = 0; i < count; i++) {
        loops[i] = loop_group_at(s->loops, i);
    }
    struct http_server_config config = {.address = s->config.http_addr,
                                        .listener = s->activation.listener,
                                        .handler = routes_handle,
                                        .ctx = s,
                                        .tls = s->tls,
                                        .tls_failed = tls_failed};
    uint64_t descriptors = file_raise_descriptor_limit();
    if (!http_server_options_read(s->config.options, descriptors, &config)) {
        log_warn("connections-max lowered to half of the descriptors allowed here connections_max=%zu descriptors=%llu "
                 "hint=\"raise the limit: ulimit -Hn, LimitNOFILE=\"",
                 config.connections_max, (unsigned long long)descriptors);
    }
    return http_server_start(&config, loops, count, &s->server, e);
}

static int start(struct sms *s, int *ret_lock_fd, struct err *e) {
    if (read_tls(s, e) != 0 || open_data(s, ret_lock_fd, e) != 0 || check_openness(s, e) != 0 ||
        loop_group_new(s->config.threads, &s->loops, e) != 0) {
        return -1;
    }
    return make_clients(s, e) != 0 ? -1 : start_server(s, e);
}

static int serve(struct sms *s) {
    AUTO_CLOSE int lock_fd = -1;
    struct err err;
    if (start(s, &lock_fd, &err) != 0) {
        log_error("start failed error=\"%s\"", err.text);
        return err.kind == ERR_INVALID_CONFIGURATION ? err_kind_info(err.kind)->exit_code : EXIT_FAILURE;
    }
    shutdown_watch(s);
    watch_tls(s);
    log_info("listening address=%s data_dir=%s threads=%zu tokens=%zu", http_server_address(s->server),
             s->config.data_dir, loop_group_count(s->loops), tokens_count(s->tokens));
    notify_ready(http_server_address(s->server));
    struct watchdog *watchdog = watchdog_new(s->loops);
    loop_group_run(s->loops);
    store_stop(s->store);
    loop_group_free(s->loops);
    watchdog_free(watchdog);
    store_close(s->store);
    nodes_free(s->nodes);
    tls_credentials_free(s->tls);
    tls_credentials_free(s->node_tls);
    tokens_free(s->tokens);
    log_info("ended");
    return EXIT_SUCCESS;
}

// A connection that broke is an error code of the write, not the end of the program.
static void ignore_broken_pipes(void) {
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    ASSERT(sigaction(SIGPIPE, &ignore, NULL) == 0);
}

// The address of a socket that was passed to us stands in for the configured one.
static int take_listener(struct sms *s, struct err *e) {
    if (activation_take(&s->activation, e) != 0) {
        return -1;
    }
    if (s->activation.listener) {
        s->config.http_addr = s->activation.address;
    }
    return 0;
}

int main(int argc, char **argv) {
    static struct sms s; // what a failed start leaves behind stays reachable until the process ends, a moment later
    struct err err;
    bool run = false;
    file_keep_standard_descriptors();
    if (sms_config_read(argc, argv, &s.config, &run, &err) != 0) {
        fprintf(stderr, "sms: %s\n", err.text);
        return err_kind_info(err.kind)->exit_code;
    }
    int code = EXIT_SUCCESS;
    if (run && s.config.create_admin_token != NULL) {
        code = token_create_offline(&s, s.config.create_admin_token);
    } else if (run && take_listener(&s, &err) != 0) {
        fprintf(stderr, "sms: %s\n", err.text);
        code = err_kind_info(err.kind)->exit_code;
    } else if (run) {
        log_init("sms", s.config.log_level, s.config.log_format);
        ignore_broken_pipes();
        setenv("UV_THREADPOOL_SIZE", pool_threads, 0);
        code = serve(&s);
    }
    sms_config_done(&s.config);
    return code;
}
