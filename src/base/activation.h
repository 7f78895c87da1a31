// A listening socket that a service manager opened for us (sd_listen_fds(3)): LISTEN_PID, LISTEN_FDS, descriptor 3.
//
// Next step: http_server_config.listener.
#ifndef SPEAR_BASE_ACTIVATION_H
#define SPEAR_BASE_ACTIVATION_H

#include "base/err.h"

enum { ACTIVATION_ADDRESS_TEXT = 64 };

struct activation {
    int listener;                          // close-on-exec and non-blocking; the caller's. 0: none was passed
    char address[ACTIVATION_ADDRESS_TEXT]; // "127.0.0.1:8080", "[::1]:80"; "" without a listener
};

// Before any thread is there, as it takes the variables out of the environment, so that no child takes them for its own. Variables that are
// meant for another process are left. ERR_INVALID_CONFIGURATION for anything but one listening TCP socket, with what came instead.
int activation_take(struct activation *ret, struct err *e);

#endif
