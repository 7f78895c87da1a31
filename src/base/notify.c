// Telling whoever started us that we are ready: sd_notify(3) without libsystemd, a datagram to a socket.
#include "base/notify.h"

#include "base/mem.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

// '@' at the front stands for the NUL of an abstract address. Returns the address's length, 0 when the path is none.
static socklen_t fill_address(const char *path, struct sockaddr_un *ret) {
    size_t n = strlen(path);
    if (n < 2 || n >= sizeof ret->sun_path || (path[0] != '/' && path[0] != '@'))
        return 0;
    memset(ret, 0, sizeof *ret);
    ret->sun_family = AF_UNIX;
    memcpy(ret->sun_path, path, n);
    if (path[0] == '@')
        ret->sun_path[0] = '\0';
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
}

static int send_state(const char *state, int flags) {
    const char *path = getenv("NOTIFY_SOCKET");
    if (!path || !*path)
        return 0;
    struct sockaddr_un address;
    socklen_t length = fill_address(path, &address);
    if (length == 0) {
        errno = EINVAL;
        return -1;
    }
    AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    ssize_t n = sendto(fd, state, strlen(state), MSG_NOSIGNAL | flags, (struct sockaddr *)&address, length);
    return n < 0 ? -1 : 0;
}

int notify_send(const char *state) {
    return send_state(state, 0);
}

// Nobody can be told when this fails: whoever waits sees its own time limit.
void notify_ready(const char *http_address) {
    char *state = mem_printf("READY=1\nX_SPEAR_HTTP_ADDR=%s\n", http_address);
    (void)notify_send(state);
    free(state);
}

void notify_stopping(void) {
    (void)notify_send("STOPPING=1\n");
}

// A manager that does not read must not hold a loop up.
void notify_watchdog(void) {
    (void)send_state("WATCHDOG=1\n", MSG_DONTWAIT);
}
