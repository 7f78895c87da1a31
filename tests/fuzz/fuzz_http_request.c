// Fuzzes the HTTP server with raw bytes on a real connection, sent in two pieces: whatever comes, each answer is one, what a handler sees is well
// formed, and the server is through with the connection when the client is.
#include "base/mem.h"
#include "fuzz/fuzz.h"
#include "net/http_fields.h"
#include "net/http_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BODY_MAX = 3000, TURNS_MAX = 20000, ANSWER_BYTES = 64 * 1024 };

static struct loop loop;
static struct http_server *server;
static struct sockaddr_in address;

// ---- the server

static void echo(struct http_exchange *x, struct span body, void *ctx) {
    (void)ctx;
    ASSERT(body.n <= BODY_MAX);
    http_respond(x, 200, NULL, 0, body);
}

static void check_request(struct http_exchange *x) {
    size_t count;
    const struct http_header *headers = http_headers(x, &count);
    struct span path = http_path(x), value;
    ASSERT(http_method(x).n && path.n && (path.p[0] == '/' || span_equal_text(path, "*")));
    for (size_t i = 0; i < count; i++)
        ASSERT(headers[i].name.n && http_field_value_ok(headers[i].name) && http_field_value_ok(headers[i].value));
    ASSERT(http_has_body(x) || http_content_length(x) == 0);
    (void)http_query_value(x, "q", &value);
}

static void handle(struct http_exchange *x, void *ctx) {
    check_request(x);
    if (http_has_body(x) && http_path(x).n % 2)
        http_body_collect(x, BODY_MAX, echo, ctx);
    else
        http_respond(x, 200, NULL, 0, SPAN_LITERAL("ok"));
}

static void begin(void) {
    struct http_server_config config = {.address = "127.0.0.1:0", .handler = handle};
    struct loop *loops[] = {&loop};
    struct span host;
    uint16_t port;
    struct err e;
    ASSERT(loop_init(&loop, &e) == 0 && http_server_start(&config, loops, 1, &server, &e) == 0);
    ASSERT(http_split_address(span_of(http_server_address(server)), &host, &port));
    address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
}

static void turn(void) {
    uv_run(&loop.uv, UV_RUN_NOWAIT);
}

// ---- the client

static int connect_client(void) {
    struct linger at_once = {.l_onoff = 1};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
    ASSERT(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == 0);
    ASSERT(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
    return fd;
}

struct client {
    int fd;
    char answer[ANSWER_BYTES];
    size_t n; // more than fits is read and dropped
    bool ended;
};

static void read_answers(struct client *c) {
    static char dropped[ANSWER_BYTES];
    for (ssize_t n; !c->ended;) {
        bool fits = c->n < sizeof c->answer;
        n = recv(c->fd, fits ? c->answer + c->n : dropped, fits ? sizeof c->answer - c->n : sizeof dropped, 0);
        if (n < 0 && errno == EAGAIN)
            return;
        c->ended = n <= 0;
        if (n > 0 && fits)
            c->n += (size_t)n;
    }
}

static void send_all(struct client *c, struct span bytes) {
    for (int turns = 0; bytes.n && turns < TURNS_MAX; turns++) {
        ssize_t n = send(c->fd, bytes.p, bytes.n, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN)
            return; // the server has closed: it may
        bytes = span_slice(bytes, n > 0 ? (size_t)n : 0, bytes.n);
        turn();
        read_answers(c);
    }
}

static void wait_for_end(struct client *c) {
    for (int turns = 0; !c->ended; turns++) {
        struct pollfd readable = {.fd = c->fd, .events = POLLIN};
        ASSERT(turns < TURNS_MAX);
        turn();
        if (turns > 100)
            (void)poll(&readable, 1, 1);
        read_answers(c);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct client c;
    if (!server)
        begin();
    c = (struct client){.fd = connect_client()};
    size_t cut = size ? (size_t)data[size - 1] * size / 256 : 0;
    send_all(&c, span_make(data, cut));
    send_all(&c, span_make(data + cut, size - cut));
    (void)shutdown(c.fd, SHUT_WR);
    wait_for_end(&c);
    ASSERT(c.n == 0 || span_starts_with(span_make(c.answer, c.n), "HTTP/1.1 "));
    close(c.fd);
    for (struct http_server_stats stats = {.connections_open = 1}; stats.connections_open;) {
        turn();
        http_server_stats(server, &stats);
    }
    return 0;
}
