// A closed-loop HTTP load generator: N keep-alive connections, each sends its next request when the answer to the last one
// is whole. One thread, epoll, bounded in requests and in time. Prints one JSON object: rate, median, p99, statuses.
//
// It is part of the benches (bench/bench.py starts it), not of the product, and knows only what they need: answers with
// Content-Length.
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 1024, ANSWER_MAX = 64 * 1024, SAMPLES_MAX = 8 * 1024 * 1024 };

struct connection {
    int fd;
    uint64_t sent_ns;
    size_t request_left;
    size_t head_bytes;  // of the answer so far gathered in `head`
    uint64_t body_left; // bytes of the answer's body still to come
    bool in_body;
    char head[ANSWER_MAX];
};

struct load {
    struct sockaddr_in address;
    char *request;
    size_t request_bytes, body_offset;
    bool unique;        // each body begins with a number of its own
    const char *status; // what a good answer's status begins with
    uint64_t end_ns, requests_max, requests, good, bad, broken;
    uint32_t *samples_ns;
    int epoll;
};

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void fail(const char *what) {
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void connection_open(struct load *l, struct connection *c) {
    int one = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&l->address, sizeof l->address) != 0)
        fail("connect");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, c->fd, &event) != 0)
        fail("epoll_ctl");
}

// Requests are small beside the socket's buffer, or sent by a blocking write: the peer reads as we write.
static bool connection_send(struct load *l, struct connection *c) {
    size_t done = 0;
    if (l->unique) {
        uint64_t number = now_ns() ^ ((uint64_t)getpid() << 40);
        memcpy(l->request + l->body_offset, &number, sizeof number);
    }
    c->sent_ns = now_ns();
    c->head_bytes = 0;
    c->in_body = false;
    while (done < l->request_bytes) {
        ssize_t n = send(c->fd, l->request + done, l->request_bytes - done, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR)
            return false;
        done += n > 0 ? (size_t)n : 0;
    }
    return true;
}

static void answer_done(struct load *l, struct connection *c) {
    uint64_t took = now_ns() - c->sent_ns;
    if (l->requests < SAMPLES_MAX)
        l->samples_ns[l->requests] = took > UINT32_MAX ? UINT32_MAX : (uint32_t)took;
    l->requests++;
    if (strncmp(c->head + 9, l->status, strlen(l->status)) == 0)
        l->good++;
    else
        l->bad++;
}

// Looks for the end of the head; sets the length of the body. False while it is incomplete.
static bool answer_head(struct connection *c, size_t *ret_body_here) {
    char *end = memmem(c->head, c->head_bytes, "\r\n\r\n", 4);
    if (!end)
        return false;
    *end = '\0';
    char *length = strcasestr(c->head, "\r\ncontent-length:");
    c->body_left = length ? strtoull(length + 17, NULL, 10) : 0;
    *ret_body_here = c->head_bytes - (size_t)(end + 4 - c->head);
    c->in_body = true;
    return true;
}

// Takes what the socket has. 1: an answer is whole, 0: more to come, -1: the connection broke.
static int connection_receive(struct connection *c) {
    static char sink[256 * 1024];
    char *to = c->in_body ? sink : c->head + c->head_bytes;
    size_t room = c->in_body ? sizeof sink : sizeof c->head - 1 - c->head_bytes;
    ssize_t n = recv(c->fd, to, room, 0);
    if (n <= 0)
        return -1;
    size_t here = (size_t)n;
    if (!c->in_body) {
        c->head_bytes += (size_t)n;
        if (!answer_head(c, &here))
            return 0;
    }
    if (here > c->body_left)
        return -1;
    c->body_left -= here;
    return c->body_left == 0;
}

static void connection_event(struct load *l, struct connection *c) {
    int got = connection_receive(c);
    if (got == 0)
        return;
    if (got > 0)
        answer_done(l, c);
    if (got > 0 && l->requests < l->requests_max && now_ns() < l->end_ns && connection_send(l, c))
        return;
    if (got < 0)
        l->broken++;
    close(c->fd);
    c->fd = -1;
}

static int compare(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void print_result(struct load *l, uint64_t took_ns) {
    size_t count = l->requests < SAMPLES_MAX ? l->requests : SAMPLES_MAX;
    qsort(l->samples_ns, count, sizeof *l->samples_ns, compare);
    double p50 = count ? l->samples_ns[count / 2] / 1e3 : 0, p99 = count ? l->samples_ns[count * 99 / 100] / 1e3 : 0;
    double max = count ? l->samples_ns[count - 1] / 1e3 : 0;
    printf("{\"requests\":%llu,\"ok\":%llu,\"other\":%llu,\"broken\":%llu,\"seconds\":%.3f,\"per_second\":%.1f,"
           "\"p50_us\":%.1f,\"p99_us\":%.1f,\"max_us\":%.1f}\n",
           (unsigned long long)l->requests, (unsigned long long)l->good, (unsigned long long)l->bad,
           (unsigned long long)l->broken, (double)took_ns / 1e9, (double)l->requests / ((double)took_ns / 1e9), p50,
           p99, max);
}

static void run(struct load *l, size_t connection_count) {
    static struct connection connections[CONNECTIONS_MAX];
    uint64_t start = now_ns(), hard_end = l->end_ns + 10000000000u;
    size_t open = connection_count;
    for (size_t i = 0; i < connection_count; i++) {
        connection_open(l, &connections[i]);
        if (!connection_send(l, &connections[i]))
            fail("send");
    }
    while (open > 0 && now_ns() < hard_end) {
        struct epoll_event events[256];
        int n = epoll_wait(l->epoll, events, 256, 1000);
        for (int i = 0; i < n; i++) {
            struct connection *c = events[i].data.ptr;
            connection_event(l, c);
            open -= c->fd < 0;
        }
    }
    print_result(l, now_ns() - start);
}

// The whole request as it goes over the wire. With a body of `body_bytes` times 'x'.
static char *request_make(const char *method, const char *path, const char *headers, size_t body_bytes,
                          size_t *ret_bytes) {
    size_t room = strlen(path) + strlen(headers) + 256 + body_bytes;
    char *text = malloc(room);
    if (!text)
        fail("malloc");
    int n = snprintf(text, room, "%s %s HTTP/1.1\r\nHost: bench\r\n%sContent-Length: %zu\r\n\r\n", method, path,
                     headers, body_bytes);
    memset(text + n, 'x', body_bytes);
    *ret_bytes = (size_t)n + body_bytes;
    return text;
}

int main(int argc, char **argv) {
    const char *method = "GET", *headers = "";
    size_t connections = 1, body_bytes = 0;
    double seconds = 1;
    struct load l = {.requests_max = SAMPLES_MAX, .status = "2"};
    for (int option; (option = getopt(argc, argv, "m:c:s:n:b:h:e:u")) != -1;) {
        switch (option) {
        case 'm':
            method = optarg;
            break;
        case 'c':
            connections = strtoul(optarg, NULL, 10);
            break;
        case 's':
            seconds = strtod(optarg, NULL);
            break;
        case 'n':
            l.requests_max = strtoull(optarg, NULL, 10);
            break;
        case 'b':
            body_bytes = strtoul(optarg, NULL, 10);
            break;
        case 'h':
            headers = optarg;
            break; // "Name: value\r\n", whole lines
        case 'e':
            l.status = optarg;
            break;
        case 'u':
            l.unique = true;
            break;
        default:
            return 2;
        }
    }
    char *colon = optind + 2 == argc ? strchr(argv[optind], ':') : NULL;
    l.unique = l.unique && body_bytes >= sizeof(uint64_t);
    if (!colon || connections < 1 || connections > CONNECTIONS_MAX || seconds <= 0 || seconds > 60) {
        fprintf(stderr, "usage: load [-m METHOD] [-c CONNECTIONS] [-s SECONDS] [-n REQUESTS] [-b BODY_BYTES] [-u] [-h "
                        "HEADER_LINES] [-e STATUS] IPV4:PORT PATH\n");
        return 2;
    }
    *colon = '\0';
    l.address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10))};
    if (inet_pton(AF_INET, argv[optind], &l.address.sin_addr) != 1)
        fail(argv[optind]);
    l.request = request_make(method, argv[optind + 1], headers, body_bytes, &l.request_bytes);
    l.body_offset = l.request_bytes - body_bytes;
    l.samples_ns = malloc(SAMPLES_MAX * sizeof *l.samples_ns);
    l.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (!l.samples_ns || l.epoll < 0)
        fail("setup");
    l.end_ns = now_ns() + (uint64_t)(seconds * 1e9);
    run(&l, connections);
    return 0;
}
