// Role prepare: an uploaded module in, the module that workers load out.
#ifndef SPEAR_WORKER_PREPARE_H
#define SPEAR_WORKER_PREPARE_H

#include "worker/shared.h"

// Parses, strips and validates s->module into the output area. ERR_INVALID_CONFIGURATION when the module is refused.
int prepare_module(const struct shared *s, const struct ipc_limits *limits, uint64_t *ret_module_bytes, struct err *e);

#endif
