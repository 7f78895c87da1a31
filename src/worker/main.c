// spear-worker: started by spearlet, never by hand. See zygote.c for what it does.
#include "base/version.h"
#include "worker/zygote.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "ipc/worker_protocol.h"

static const char refusal[] =
    "spear-worker " SPEAR_VERSION " runs guests for spearlet, which starts it; it has no use by hand.\n"
    "To run a module: spear run MODULE\n";

static int is_spawn_socket(int fd) {
    int type = 0;
    socklen_t size = sizeof type;
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET;
}

int main(int argc, char **argv) {
    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "--version") == 0)) {
        fputs(refusal, stdout);
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "--zygote") == 0 && is_spawn_socket(IPC_ZYGOTE_FD))
        return zygote_run();
    fputs(refusal, stderr);
    return 2;
}
