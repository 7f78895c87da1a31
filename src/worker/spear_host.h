// Module `spear`: what guests may import besides WASI (for guests: sdk/c/spear.h). Failures are negative Linux error numbers.
#ifndef SPEAR_WORKER_SPEAR_HOST_H
#define SPEAR_WORKER_SPEAR_HOST_H

#include "worker/host.h"

enum { SPEAR_LOG_BYTES_MAX = 65536 };

engine_host_fn spear_host_time_now_ms; // () -> i64
engine_host_fn spear_host_log;         // (level, ptr, len) -> i32

// spear_http.c. A text comes into (ptr, len_ptr): *len_ptr is the room before, the size after; -ENOSPC when that is more, -ENOENT
// when there is no such thing. The response's calls but the last are -EALREADY when output has begun.
engine_host_fn spear_host_request_read;    // (ptr, len) -> i32: bytes, 0 at the end
engine_host_fn spear_host_request_method;  // (ptr, len_ptr) -> i32
engine_host_fn spear_host_request_target;  // (ptr, len_ptr) -> i32
engine_host_fn spear_host_request_header;  // (name, name_len, ptr, len_ptr) -> i32
engine_host_fn spear_host_response_status; // (status) -> i32
engine_host_fn spear_host_response_header; // (name, name_len, value, value_len) -> i32
engine_host_fn spear_host_response_write;  // (ptr, len) -> i32: bytes, always all

#endif
