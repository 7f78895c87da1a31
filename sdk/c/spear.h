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
enum {
    SPEAR_ENOENT = 2,
    SPEAR_E2BIG = 7,
    SPEAR_EFAULT = 14,
    SPEAR_EINVAL = 22,
    SPEAR_ENOSPC = 28,
    SPEAR_EALREADY = 114
};

// How much a line of the log matters, least first.
enum spear_log_level { SPEAR_TRACE = 0, SPEAR_DEBUG = 1, SPEAR_INFO = 2, SPEAR_WARN = 3, SPEAR_ERROR = 4 };
enum { SPEAR_LOG_BYTES_MAX = 65536 }; // of one line

// Milliseconds since 1970-01-01 UTC, as the node's clock has it. Cannot fail. For durations use clock_gettime(CLOCK_MONOTONIC).
SPEAR_IMPORT("time_now_ms") int64_t spear_time_now_ms(void);

// Adds the line "[LEVEL] text" to the execution's log, which also holds what the guest writes to stderr. 0, or
// -SPEAR_EINVAL (unknown level), -SPEAR_E2BIG (longer than SPEAR_LOG_BYTES_MAX), -SPEAR_EFAULT (not in the guest's memory).
// A log that is full (limit.log_bytes) swallows the line and still answers 0.
SPEAR_IMPORT("log") int32_t spear_log(int32_t level, const char *text, size_t text_bytes);

// ---- the request and the response by calls. They are another way to what a guest has anyway: the body is stdin, fields are the
// variables of CGI/1.1 (docs/guests.md), what is written is stdout, and both ways may be mixed.
//
// A text comes into a buffer: *size is the room before the call and the text's size after it (no NUL). 0; -SPEAR_ENOSPC when there is less
// room than that, and nothing is copied; -SPEAR_ENOENT when there is no such thing (also: not asked over HTTP); -SPEAR_EFAULT.

// The next bytes of the body: how many, 0 at its end; -SPEAR_EFAULT.
SPEAR_IMPORT("request_read") int32_t spear_request_read(void *buffer, size_t room);
// "GET".
SPEAR_IMPORT("request_method") int32_t spear_request_method(char *text, size_t *size);
// Path and query as the client sent them, "/e/shop/orders/7?x=1"; HTTP triggers only.
SPEAR_IMPORT("request_target") int32_t spear_request_target(char *text, size_t *size);
// The value of a header field; case is ignored. Several fields of a name come as one list.
SPEAR_IMPORT("request_header")
int32_t spear_request_header(const char *name, size_t name_bytes, char *text, size_t *size);

// The answer's status (200 … 599) and header fields; with either, the platform's defaults (200, http.content_type) hold for what was not said.
// Before the first byte of output: later they are -SPEAR_EALREADY. -SPEAR_EINVAL: not a status; not a field name, or a control character in the
// value. -SPEAR_E2BIG: more than 60 fields, or 30 KiB. A guest that fails is answered with the failure, unless output has gone out already.
SPEAR_IMPORT("response_status") int32_t spear_response_status(int32_t status);
SPEAR_IMPORT("response_header")
int32_t spear_response_header(const char *name, size_t name_bytes, const char *value, size_t value_bytes);
// Writes all of it to stdout and gives its size; -SPEAR_EFAULT, -SPEAR_EINVAL (2 GiB or more). When the output is streamed it is on its way to
// the client with this, and the call waits while the client reads too slowly. Do not let stdio hold back what stands before it: fflush(stdout).
SPEAR_IMPORT("response_write") int32_t spear_response_write(const void *bytes, size_t size);

#ifdef __cplusplus
}
#endif

#endif
