// Making one child process; used by supervisor.c alone.
#ifndef SPEAR_CLI_CHILD_PROCESS_H
#define SPEAR_CLI_CHILD_PROCESS_H

#include "cli/supervisor.h"

#include <sys/types.h>

struct child_process {
    pid_t pid;
    int pidfd;  // readable once it has ended
    int log_fd; // its stdout and stderr, not blocking
};

// `notify` is "NOTIFY_SOCKET=…". A program that cannot be executed is ERR_IO with its path.
int child_process_start(const struct child_config *config, const char *path, const char *notify,
                        struct child_process *ret, struct err *e);

#endif
