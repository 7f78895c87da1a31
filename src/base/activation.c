// Taking over one listening socket, and refusing what is none: a wrong unit file should say so at start, not at the first client.
#include "base/activation.h"

#include "base/mem.h"
#include "base/span.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FIRST_FD = 3 };

// The number of a variable, 0 when it is unset or none.
static uint64_t number_of(const char *name) {
    const char *text = getenv(name);
    uint64_t number = 0;
    return text && span_to_u64(span_of(text), &number) ? number : 0;
}

static int option_of(int fd, int option) {
    int value = -1;
    socklen_t n = sizeof value;
    return getsockopt(fd, SOL_SOCKET, option, &value, &n) == 0 ? value : -1;
}

static int refuse(struct err *e, const char *what) {
    return err_set(e, ERR_INVALID_CONFIGURATION,
                   "the socket passed as descriptor %d (LISTEN_FDS) is %s; give one listening TCP socket, as "
                   "ListenStream=HOST:PORT makes it",
                   FIRST_FD, what);
}

static int check(int fd, struct err *e) {
    if (option_of(fd, SO_TYPE) < 0)
        return refuse(e, "no socket");
    int domain = option_of(fd, SO_DOMAIN);
    if (domain != AF_INET && domain != AF_INET6)
        return refuse(e, domain == AF_UNIX ? "a Unix socket" : "not of the internet's families");
    if (option_of(fd, SO_TYPE) != SOCK_STREAM)
        return refuse(e, "for datagrams");
    return option_of(fd, SO_ACCEPTCONN) == 1 ? 0 : refuse(e, "not listening (Accept=yes makes such)");
}

static int name_address(int fd, char ret[ACTIVATION_ADDRESS_TEXT], struct err *e) {
    struct sockaddr_storage bound = {0};
    socklen_t n = sizeof bound;
    char host[INET6_ADDRSTRLEN], port[8];
    if (getsockname(fd, (struct sockaddr *)&bound, &n) < 0 ||
        getnameinfo((struct sockaddr *)&bound, n, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV))
        return refuse(e, "without an address");
    snprintf(ret, ACTIVATION_ADDRESS_TEXT, bound.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
    return 0;
}

int activation_take(struct activation *ret, struct err *e) {
    uint64_t count = number_of("LISTEN_FDS");
    *ret = (struct activation){0};
    if (count == 0 || number_of("LISTEN_PID") != (uint64_t)getpid())
        return 0;
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    if (count != 1)
        return err_set(e, ERR_INVALID_CONFIGURATION,
                       "LISTEN_FDS passes %llu sockets; one is expected: keep one ListenStream= line",
                       (unsigned long long)count);
    if (check(FIRST_FD, e) < 0 || name_address(FIRST_FD, ret->address, e) < 0)
        return -1;
    if (fcntl(FIRST_FD, F_SETFD, FD_CLOEXEC) < 0 || fcntl(FIRST_FD, F_SETFL, O_NONBLOCK) < 0)
        return err_set_sys(e, ERR_IO, errno, "descriptor %d", FIRST_FD);
    ret->listener = FIRST_FD;
    return 0;
}
