// How many connections each client address has. One table for all loops: taken when a connection is accepted, given back
// when it is closed; the lock is held for a few instructions.
//
// A client is an IPv4 address or a /64 of IPv6, which is what one customer of a network gets.
#include "net/http_internal.h"

#include <sys/random.h>

enum { BUCKETS = 1024, IPV6_KEPT_BYTES = 8 };

struct client {
    struct client *next;
    uint64_t key;
    size_t connections;
};

struct http_clients {
    uv_mutex_t lock;
    bool loopback_unlimited;
    uint64_t seed; // so that nobody outside can fill one bucket
    struct client *buckets[BUCKETS];
};

struct http_clients *http_clients_new(bool loopback_unlimited) {
    struct http_clients *clients = NEW(struct http_clients);
    clients->loopback_unlimited = loopback_unlimited;
    (void)getrandom(&clients->seed, sizeof clients->seed, 0);
    ASSERT(uv_mutex_init(&clients->lock) == 0);
    return clients;
}

void http_clients_free(struct http_clients *clients) {
    if (!clients)
        return;
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct client *at = clients->buckets[i], *next; at; at = next) {
            next = at->next;
            free(at);
        }
    uv_mutex_destroy(&clients->lock);
    free(clients);
}

static bool is_ipv4(const struct sockaddr *peer, uint32_t *ret_address) {
    if (peer->sa_family == AF_INET) {
        *ret_address = ntohl(((const struct sockaddr_in *)(const void *)peer)->sin_addr.s_addr);
        return true;
    }
    const struct in6_addr *v6 = &((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr;
    if (!IN6_IS_ADDR_V4MAPPED(v6))
        return false;
    memcpy(ret_address, &v6->s6_addr[12], sizeof *ret_address);
    *ret_address = ntohl(*ret_address);
    return true;
}

// False when this client is not counted.
static bool make_key(const struct http_clients *clients, const struct sockaddr *peer, uint64_t *ret_key) {
    uint32_t v4;
    if (peer->sa_family != AF_INET && peer->sa_family != AF_INET6)
        return false;
    if (is_ipv4(peer, &v4)) {
        *ret_key = v4;
        return !(clients->loopback_unlimited && v4 >> 24 == IN_LOOPBACKNET);
    }
    const struct in6_addr *v6 = &((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr;
    memcpy(ret_key, v6->s6_addr, IPV6_KEPT_BYTES); // its first 32 bits are not 0, but for addresses of this machine
    return !(clients->loopback_unlimited && IN6_IS_ADDR_LOOPBACK(v6));
}

static struct client **find(struct http_clients *clients, uint64_t key) {
    uint64_t mixed = (key ^ clients->seed) * 0x9e3779b97f4a7c15u;
    struct client **at = &clients->buckets[(mixed ^ mixed >> 32) % BUCKETS];
    while (*at && (*at)->key != key)
        at = &(*at)->next;
    return at;
}

size_t http_clients_enter(struct http_clients *clients, const struct sockaddr *peer) {
    uint64_t key;
    if (!make_key(clients, peer, &key))
        return 0;
    uv_mutex_lock(&clients->lock);
    struct client **at = find(clients, key);
    if (!*at) {
        *at = NEW(struct client);
        (*at)->key = key;
    }
    size_t before = (*at)->connections++;
    uv_mutex_unlock(&clients->lock);
    return before;
}

void http_clients_leave(struct http_clients *clients, const struct sockaddr *peer) {
    uint64_t key;
    if (!make_key(clients, peer, &key))
        return;
    uv_mutex_lock(&clients->lock);
    struct client **at = find(clients, key), *client = *at;
    ASSERT(client && client->connections);
    if (--client->connections == 0) {
        *at = client->next;
        free(client);
    }
    uv_mutex_unlock(&clients->lock);
}
