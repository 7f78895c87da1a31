// SPEAR for guests in C and C++: what a module may import from the host, besides WASI preview 1.
//
// Nothing to link: each declaration is an import that the node resolves when the module is created. A module that
// imports a function its node does not have is refused there, by name, not when it first calls it.
//
//     clang --target=wasm32-wasi -O2 -I sdk/c -o app.wasm app.c
//     clang++ --target=wasm32-wasi -O2 -fno-exceptions -I sdk/c -o app.wasm app.cpp
//
// Failures are negative Linux error numbers (SPEAR_EINVAL, ...); they never touch errno. Pointers and lengths are the guest's own (32 bits);
// the host reads during the call and keeps nothing. docs/sdk.md has a first function in each language, docs/guests.md all that a guest sees.
#ifndef SPEAR_H
#define SPEAR_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Makes a declaration an import from module "spear".
#define SPEAR_IMPORT(name) __attribute__((__import_module__("spear"), __import_name__(name)))

// What functions answer, negated. The numbers are Linux's (errno of WASI has others): too long, not in the guest's memory, not allowed here,
// the guest's buffer is too small.
enum { SPEAR_E2BIG = 7, SPEAR_EFAULT = 14, SPEAR_EINVAL = 22, SPEAR_ENOSPC = 28 };

// How much a line of the log matters, least first.
enum spear_log_level { SPEAR_TRACE = 0, SPEAR_DEBUG = 1, SPEAR_INFO = 2, SPEAR_WARN = 3, SPEAR_ERROR = 4 };
enum { SPEAR_LOG_BYTES_MAX = 65536 }; // of one line

// Milliseconds since 1970-01-01 UTC, as the node's clock has it. Cannot fail. For durations use clock_gettime(CLOCK_MONOTONIC).
SPEAR_IMPORT("time_now_ms") int64_t spear_time_now_ms(void);

// Adds the line "[LEVEL] text" to the execution's log, which also holds what the guest writes to stderr. 0, or
// -SPEAR_EINVAL (unknown level), -SPEAR_E2BIG (longer than SPEAR_LOG_BYTES_MAX), -SPEAR_EFAULT (not in the guest's memory).
// A log that is full (limit.log_bytes) swallows the line and still answers 0.
SPEAR_IMPORT("log") int32_t spear_log(int32_t level, const char *text, size_t text_bytes);

#ifdef __cplusplus
}
#endif

#endif
