// The HTTP server as a whole: the listening socket, dealing connections out to the loops in turn, drain, counters.
//
// Runs on loop 0; the other loops get their work by loop_post and report back the same way. What a loop does with its
// connections is in http_shard.c, a connection's life in http_connection.c. The map of the files is http_internal.h.
#include "net/http_fields.h"
#include "net/http_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <unistd.h>

enum {
    BACKLOG = 4096,
    ACCEPTS_A_TURN = 64,
    ACCEPT_PAUSE_MS = 100,   // without descriptors or memory
    REFUSALS_MAX = 256,      // connections above connections_max that are told so; the next ones are just closed
    CLIENT_REFUSALS_MAX = 16 // the same of one client
};

// What http_server.h says of each setting that is 0.
enum {
    TARGET_BYTES = 8 * 1024,
    HEADERS_BYTES = 32 * 1024,
    ARENA_BYTES = 1024 * 1024,
    CONNECTIONS = 10000,
    ANSWERS_BYTES = 512 * 1024 * 1024,
    HEADER_TIMEOUT_MS = 10 * 1000,
    BODY_TIMEOUT_MS = 30 * 1000,
    IDLE_TIMEOUT_MS = 75 * 1000,
    WRITE_TIMEOUT_MS = 60 * 1000
};

// A connection on its way from the listener to its loop.
struct arrival {
    struct http_shard *shard;
    int fd;
    enum { ARRIVAL_WELCOME, ARRIVAL_NO_ROOM, ARRIVAL_TOO_MANY } reception;
    socklen_t peer_bytes;
    struct sockaddr_storage peer;
};

static void on_arrival(void *arg) {
    struct arrival *arrival = arg;
    const char *refusal = NULL;
    http_shard_open(arrival->shard);
    if (arrival->reception == ARRIVAL_TOO_MANY)
        refusal = "too many connections from this address; close some, or use one for many requests";
    else if (arrival->reception == ARRIVAL_NO_ROOM && !http_shard_make_room(arrival->shard))
        refusal = "too many connections; try again in a moment";
    http_connection_new(arrival->shard, arrival->fd, (struct sockaddr *)&arrival->peer, arrival->peer_bytes, refusal);
}

static void on_posted_arrival(void *arg) {
    on_arrival(arg);
    free(arg);
}

void http_server_gone(struct http_server *s, const struct sockaddr *peer) {
    atomic_fetch_sub(&s->connections_open, 1);
    if (s->clients)
        http_clients_leave(s->clients, peer);
}

static void turn_away(struct http_server *s, const struct arrival *arrival) {
    close(arrival->fd);
    http_server_gone(s, (const struct sockaddr *)&arrival->peer);
}

// Counts a new connection; false when it is not even to be told that there are too many.
static bool receive(struct http_server *s, struct arrival *arrival) {
    const struct http_server_config *config = &s->config;
    size_t of_client = s->clients ? http_clients_enter(s->clients, (struct sockaddr *)&arrival->peer) : 0;
    uint64_t open = atomic_fetch_add(&s->connections_open, 1);
    atomic_fetch_add(&s->connections_total, 1);
    if (s->clients && of_client >= config->connections_per_client_max)
        arrival->reception = ARRIVAL_TOO_MANY;
    else if (open >= config->connections_max)
        arrival->reception = ARRIVAL_NO_ROOM;
    return open < config->connections_max + REFUSALS_MAX &&
           (!s->clients || of_client < config->connections_per_client_max + CLIENT_REFUSALS_MAX);
}

static void deal_out(struct http_server *s, struct arrival *arrival) {
    if (!receive(s, arrival)) {
        atomic_fetch_add(&s->refused_total, 1);
        turn_away(s, arrival);
        return;
    }
    arrival->shard = &s->shards[s->next_shard];
    s->next_shard = (s->next_shard + 1) % s->shard_count;
    if (arrival->shard == &s->shards[0]) {
        on_arrival(arrival);
        return;
    }
    struct arrival *copy = mem_dup(arrival, sizeof *arrival);
    if (!loop_post(arrival->shard->loop, on_posted_arrival, copy)) {
        turn_away(s, arrival);
        free(copy);
    }
}

static void on_acceptable(uv_poll_t *poll, int status, int events);

static void resume_accepting(void *arg) {
    struct http_server *s = arg;
    s->accept_pause = NULL;
    uv_poll_start(&s->accept_poll, UV_READABLE, on_acceptable);
}

// Without descriptors or memory accept fails and the socket stays readable: look away for a while instead of spinning.
static void pause_accepting(struct http_server *s) {
    uv_poll_stop(&s->accept_poll);
    s->accept_pause = loop_timer_start(s->shards[0].loop, ACCEPT_PAUSE_MS, resume_accepting, s);
}

static bool accept_again(int error_number) {
    return error_number == EINTR || error_number == ECONNABORTED || error_number == EPROTO || error_number == EPERM;
}

static void on_acceptable(uv_poll_t *poll, int status, int events) {
    (void)status;
    (void)events;
    struct http_server *s = poll->data;
    for (int i = 0; i < ACCEPTS_A_TURN && s->listener >= 0; i++) {
        struct arrival arrival = {.peer_bytes = sizeof arrival.peer};
        arrival.fd =
            accept4(s->listener, (struct sockaddr *)&arrival.peer, &arrival.peer_bytes, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (arrival.fd >= 0) {
            deal_out(s, &arrival);
        } else if (errno == EAGAIN) {
            return;
        } else if (!accept_again(errno)) {
            pause_accepting(s);
            return;
        }
    }
}

// ---- start

// NULL with e filled when there is no such address.
static struct addrinfo *resolve(const char *address, struct err *e) {
    struct span host;
    uint16_t port;
    if (!http_split_address(span_of(address), &host, &port)) {
        err_set(e, ERR_INVALID_CONFIGURATION, "address \"%s\" is not host:port", address);
        return NULL;
    }
    AUTO_FREE char *name = span_dup(host);
    char service[8];
    snprintf(service, sizeof service, "%u", (unsigned)port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *info = NULL;
    int status = getaddrinfo(name, service, &hints, &info);
    if (status != 0)
        err_set(e, ERR_IO, "address \"%s\" cannot be resolved: %s", address, gai_strerror(status));
    return info;
}

static int open_listener(const struct addrinfo *info, const char *address, int *ret_fd, struct err *e) {
    AUTO_CLOSE int fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0 || // accepted sockets inherit it
        bind(fd, info->ai_addr, info->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0)
        return err_set_sys(e, ERR_IO, errno, "cannot listen on %s", address);
    *ret_fd = TAKE_FD(fd);
    return 0;
}

static char *address_text(int listener) {
    struct sockaddr_storage bound = {0};
    socklen_t bound_bytes = sizeof bound;
    char host[INET6_ADDRSTRLEN] = "?", port[8] = "?";
    getsockname(listener, (struct sockaddr *)&bound, &bound_bytes);
    getnameinfo((struct sockaddr *)&bound, bound_bytes, host, sizeof host, port, sizeof port,
                NI_NUMERICHOST | NI_NUMERICSERV);
    return mem_printf(bound.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

static int listen_on(const char *address, int *ret_fd, char **ret_address, struct err *e) {
    struct addrinfo *info = resolve(address, e);
    if (!info)
        return -1;
    int result = open_listener(info, address, ret_fd, e);
    freeaddrinfo(info);
    if (result < 0)
        return -1;
    *ret_address = address_text(*ret_fd);
    return 0;
}

// One that was made elsewhere. Its maker keeps it too, so that clients wait in it from one start of ours to the next.
static char *take_over(int fd, int *ret_fd) {
    int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    *ret_fd = fd;
    return address_text(fd);
}

static void default_to(uint64_t *setting, uint64_t value) {
    if (*setting == 0)
        *setting = value;
}

static void default_to_size(size_t *setting, size_t value) {
    if (*setting == 0)
        *setting = value;
}

static void fill_defaults(struct http_server_config *config) {
    default_to_size(&config->target_max_bytes, TARGET_BYTES);
    default_to_size(&config->headers_max_bytes, HEADERS_BYTES);
    default_to_size(&config->arena_max_bytes, ARENA_BYTES);
    default_to_size(&config->connections_max, CONNECTIONS);
    default_to(&config->answers_max_bytes, ANSWERS_BYTES);
    default_to(&config->header_timeout_ms, HEADER_TIMEOUT_MS);
    default_to(&config->body_timeout_ms, BODY_TIMEOUT_MS);
    default_to(&config->idle_timeout_ms, IDLE_TIMEOUT_MS);
    default_to(&config->write_timeout_ms, WRITE_TIMEOUT_MS);
}

static struct http_server *server_new(const struct http_server_config *config, struct loop *const loops[],
                                      size_t loop_count) {
    struct http_server *s = mem_calloc(1, sizeof *s + loop_count * sizeof s->shards[0]);
    s->config = *config;
    s->config.address = NULL; // the caller's
    fill_defaults(&s->config);
    if (config->connections_per_client_max)
        s->clients = http_clients_new(config->loopback_unlimited);
    s->references = 2; // the owner, accept_poll
    s->shard_count = loop_count;
    for (size_t i = 0; i < loop_count; i++) {
        s->shards[i].server = s;
        s->shards[i].loop = loops[i];
    }
    return s;
}

int http_server_start(const struct http_server_config *config, struct loop *const loops[], size_t loop_count,
                      struct http_server **ret, struct err *e) {
    ASSERT(loop_count > 0 && config->handler);
    int listener = -1;
    char *address = NULL;
    if (config->listener)
        address = take_over(config->listener, &listener);
    else if (listen_on(config->address, &listener, &address, e) < 0)
        return -1;
    struct http_server *s = server_new(config, loops, loop_count);
    s->listener = listener;
    s->address = address;
    ASSERT(uv_poll_init(&loops[0]->uv, &s->accept_poll, listener) == 0);
    s->accept_poll.data = s;
    ASSERT(uv_poll_start(&s->accept_poll, UV_READABLE, on_acceptable) == 0);
    *ret = s;
    return 0;
}

const char *http_server_address(const struct http_server *s) {
    return s->address;
}

void http_server_ref(struct http_server *s) {
    atomic_fetch_add(&s->references, 1);
}

static void unref_many(struct http_server *s, int count) {
    if (atomic_fetch_sub(&s->references, count) > count)
        return;
    http_clients_free(s->clients);
    free(s->address);
    free(s);
}

void http_server_unref(struct http_server *s) {
    unref_many(s, 1);
}

static void on_accept_poll_closed(uv_handle_t *handle) {
    http_server_unref(handle->data);
}

static void close_listener(struct http_server *s) {
    if (s->listener < 0)
        return;
    loop_timer_cancel(s->accept_pause);
    s->accept_pause = NULL;
    uv_close((uv_handle_t *)&s->accept_poll, on_accept_poll_closed);
    close(s->listener);
    s->listener = -1;
}

// ---- drain: first no exchange may be left (new requests get 503 meanwhile), then every loop closes what is its

static void finish_drain(void *arg) {
    struct http_server *s = arg;
    s->drain_state = HTTP_DRAIN_DONE;
    loop_timer_cancel(s->drain_timer);
    s->drain_timer = NULL;
    s->drain_done(s->drain_ctx);
}

static void on_shard_closed(void *arg) {
    struct http_server *s = ((struct http_shard *)arg)->server;
    if (--s->drain_waiting == 0)
        finish_drain(s);
}

static void report_closed(struct http_shard *shard) {
    loop_post(shard->server->shards[0].loop, on_shard_closed, shard);
}

static void close_shard(void *arg) {
    struct http_shard *shard = arg;
    shard->drained = report_closed;
    http_shard_close(shard, false);
}

static void cut_shard(void *arg) {
    struct http_shard *shard = arg;
    shard->drained = report_closed;
    http_shard_close(shard, true);
}

static void close_all_shards(struct http_server *s, loop_fn *how) {
    for (size_t i = 0; i < s->shard_count; i++)
        loop_post(s->shards[i].loop, how, &s->shards[i]);
}

static void begin_closing(struct http_server *s, loop_fn *how) {
    s->drain_state = HTTP_DRAIN_CLOSING;
    s->drain_waiting = s->shard_count;
    close_listener(s);
    close_all_shards(s, how);
}

static void on_shard_quiet(void *arg) {
    struct http_server *s = ((struct http_shard *)arg)->server;
    if (s->drain_state == HTTP_DRAIN_RUNNING && --s->drain_waiting == 0)
        begin_closing(s, close_shard);
}

static void report_quiet(struct http_shard *shard) {
    loop_post(shard->server->shards[0].loop, on_shard_quiet, shard);
}

static void drain_shard(void *arg) {
    struct http_shard *shard = arg;
    shard->drained = report_quiet;
    http_shard_drain(shard);
}

static void on_grace_over(void *arg) {
    struct http_server *s = arg;
    s->drain_timer = NULL;
    if (s->drain_state == HTTP_DRAIN_RUNNING)
        begin_closing(s, cut_shard);
    else if (s->drain_state == HTTP_DRAIN_CLOSING)
        close_all_shards(s, cut_shard);
}

void http_server_drain(struct http_server *s, uint64_t grace_ms, void (*done)(void *ctx), void *ctx) {
    ASSERT(s->drain_state == HTTP_DRAIN_NONE);
    s->drain_state = HTTP_DRAIN_RUNNING;
    s->drain_done = done;
    s->drain_ctx = ctx;
    s->drain_waiting = s->shard_count;
    s->drain_timer = loop_timer_start(s->shards[0].loop, grace_ms, on_grace_over, s);
    for (size_t i = 0; i < s->shard_count; i++)
        loop_post(s->shards[i].loop, drain_shard, &s->shards[i]);
}

static void abandon_shard(void *arg) {
    struct http_shard *shard = arg;
    shard->drained = NULL;
    http_shard_close(shard, true);
    http_server_unref(shard->server);
}

void http_server_free(struct http_server *s) {
    if (!s)
        return;
    ASSERT(s->drain_state == HTTP_DRAIN_NONE || s->drain_state == HTTP_DRAIN_DONE);
    close_listener(s);
    int references = 1;
    for (size_t i = 0; s->drain_state == HTTP_DRAIN_NONE && i < s->shard_count; i++) {
        http_server_ref(s);
        if (!loop_post(s->shards[i].loop, abandon_shard, &s->shards[i]))
            references++; // that loop is done, and the shard with it
    }
    unref_many(s, references);
}

void http_server_stats(const struct http_server *s, struct http_server_stats *ret) {
    *ret = (struct http_server_stats){
        .connections_open = atomic_load_explicit(&s->connections_open, memory_order_relaxed),
        .connections_total = atomic_load_explicit(&s->connections_total, memory_order_relaxed),
        .refused_total = atomic_load_explicit(&s->refused_total, memory_order_relaxed),
        .tls_failed_total = atomic_load_explicit(&s->tls_failed_total, memory_order_relaxed),
    };
    for (size_t i = 0; i < s->shard_count; i++) {
        ret->requests_total += atomic_load_explicit(&s->shards[i].requests_total, memory_order_relaxed);
        ret->refused_total += atomic_load_explicit(&s->shards[i].refused_total, memory_order_relaxed);
    }
}
