// spear-worker: started by spearlet, never by hand. See zygote.c for what it does.
#include "base/span.h"
#include "base/version.h"
#include "worker/zygote.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipc/worker_protocol.h"

static const char refusal[] =
    "spear-worker " SPEAR_VERSION " runs guests for spearlet, which starts it; it has no use by hand.\n"
    "To run a module: spear run MODULE\n";

static int is_spawn_socket(int fd) {
    int type = 0;
    socklen_t size = sizeof type;
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET;
}

static bool parse_features(const char *text, uint32_t *ret) {
    uint64_t value;
    if (!span_to_u64(span_of(text), &value) || value > IPC_CAGE_ALL)
        return false;
    *ret = (uint32_t)value;
    return true;
}

int main(int argc, char **argv) {
    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "--version") == 0)) {
        fputs(refusal, stdout);
        return 0;
    }
    uint32_t wanted, required;
    if (argc == 4 && strcmp(argv[1], "--zygote") == 0 && parse_features(argv[2], &wanted) &&
        parse_features(argv[3], &required) && is_spawn_socket(IPC_ZYGOTE_FD))
        _exit(zygote_run(wanted, required)); // at once: what would look for leaks has no /proc to look at
    fputs(refusal, stderr);
    return 2;
}
