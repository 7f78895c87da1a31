// Module `spear`: what guests may import besides WASI (for guests: sdk/c/spear.h). Failures are negative Linux error numbers.
#ifndef SPEAR_WORKER_SPEAR_HOST_H
#define SPEAR_WORKER_SPEAR_HOST_H

#include "worker/host.h"

enum { SPEAR_LOG_BYTES_MAX = 65536 };

engine_host_fn spear_host_time_now_ms; // () -> i64
engine_host_fn spear_host_log;         // (level, ptr, len) -> i32

#endif
