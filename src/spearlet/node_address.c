// Finding this machine's address as sms sees it: a UDP socket that is connected towards sms has chosen one, without a
// packet being sent (udp(7), connect(2)).
#include "spearlet/node_address.h"

#include "base/address.h"
#include "base/mem.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int split(const char *address, char ret_host[ADDRESS_HOST_MAX + 1], uint16_t *ret_port, struct err *e) {
    struct span host;
    if (!address_split(span_of(address), &host, ret_port) || host.n > ADDRESS_HOST_MAX)
        return err_set(e, ERR_IO, "\"%s\" is not host:port", address);
    memcpy(ret_host, host.p, host.n);
    ret_host[host.n] = '\0';
    return 0;
}

// The caller frees it with freeaddrinfo.
static int look_up(const char *host, uint16_t port, struct addrinfo **ret, struct err *e) {
    char service[8];
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICSERV};
    snprintf(service, sizeof service, "%u", port);
    int status = getaddrinfo(host, service, &hints, ret);
    if (status != 0)
        return err_set(e, ERR_IO, "the host \"%s\" was not found: %s", host, gai_strerror(status));
    return 0;
}

static int to_text(const struct sockaddr *address, socklen_t n, char ret_ip[NODE_IP_TEXT], struct err *e) {
    int status = getnameinfo(address, n, ret_ip, NODE_IP_TEXT, NULL, 0, NI_NUMERICHOST);
    if (status != 0)
        return err_set(e, ERR_IO, "an address cannot be written: %s", gai_strerror(status));
    char *zone = strchr(ret_ip, '%');
    if (zone)
        *zone = '\0';
    return 0;
}

static int resolve(const char *host, uint16_t port, char ret_ip[NODE_IP_TEXT], struct err *e) {
    struct addrinfo *found;
    if (look_up(host, port, &found, e) < 0)
        return -1;
    int status = to_text(found->ai_addr, found->ai_addrlen, ret_ip, e);
    freeaddrinfo(found);
    return status;
}

static int own_end(const struct addrinfo *to, char ret_ip[NODE_IP_TEXT], struct err *e) {
    struct sockaddr_storage own;
    socklen_t n = sizeof own;
    AUTO_CLOSE int fd = socket(to->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, to->ai_addr, to->ai_addrlen) != 0 || getsockname(fd, (struct sockaddr *)&own, &n) != 0)
        return err_set_sys(e, ERR_IO, errno, "there is no way to sms");
    return to_text((struct sockaddr *)&own, n, ret_ip, e);
}

static int towards(const char *sms_http_addr, char ret_ip[NODE_IP_TEXT], struct err *e) {
    char host[ADDRESS_HOST_MAX + 1];
    uint16_t port;
    struct addrinfo *found;
    if (split(sms_http_addr, host, &port, e) < 0 || look_up(host, port, &found, e) < 0)
        return -1;
    int status = own_end(found, ret_ip, e);
    freeaddrinfo(found);
    return status;
}

int node_address_find(const char *advertise_addr, const char *bound_addr, const char *sms_http_addr,
                      struct node_address *ret, struct err *e) {
    char host[ADDRESS_HOST_MAX + 1];
    struct node_address found;
    uint16_t bound_port;
    if (split(bound_addr, host, &bound_port, e) < 0 ||
        (advertise_addr && split(advertise_addr, host, &found.port, e) < 0))
        return -1;
    if (!advertise_addr || found.port == 0)
        found.port = bound_port;
    bool is_wildcard = strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
    if ((is_wildcard ? towards(sms_http_addr, found.ip, e) : resolve(host, found.port, found.ip, e)) < 0)
        return -1;
    *ret = found;
    return 0;
}
