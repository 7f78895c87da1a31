// Errors: what went wrong, of which kind, with the value that was at fault.
//
// A function that can fail takes `struct err *e` last and returns 0, or -1 after filling e. The caller owns e; it has a
// fixed size, so reporting never allocates, and it may be NULL when only the fact matters. A text names the offending
// value and what to do. The outputs (`ret_*`) are untouched on failure.
//
// One table (err.c) gives each kind its name (contract section 1), the upper-case code of HTTP bodies, the HTTP status
// and the exit code of the command line.
#ifndef SPEAR_BASE_ERR_H
#define SPEAR_BASE_ERR_H

#include "base/span.h"

#include <stddef.h>

enum err_kind {
    ERR_NONE = 0,
    // The kinds of the contract, spelled so in JSON and logs.
    ERR_ARTIFACT_NOT_FOUND,
    ERR_TASK_NOT_FOUND,
    ERR_INSTANCE_NOT_FOUND,
    ERR_RUNTIME_NOT_FOUND,
    ERR_RUNTIME_ERROR,
    ERR_INVALID_CONFIGURATION,
    ERR_INVALID_REQUEST,
    ERR_EXECUTION_TIMEOUT,
    ERR_EXECUTION_TERMINATED,
    ERR_INSTANCE_DESTROYED,
    ERR_RESOURCE_EXHAUSTED,
    ERR_INSTANCE_CREATION_FAILED,
    ERR_INSTANCE_STARTUP_FAILED,
    ERR_NOT_SUPPORTED,
    ERR_IO,
    ERR_SERIALIZATION,
    // Kinds that only an HTTP interface has.
    ERR_UNAUTHORIZED,           // 401: no token, or one that is not known
    ERR_FORBIDDEN,              // 403: the token's scopes do not allow it
    ERR_NOT_FOUND,              // 404: no such path
    ERR_FILE_NOT_FOUND,         // 404
    ERR_NODE_NOT_FOUND,         // 404
    ERR_EXECUTION_NOT_FOUND,    // 404
    ERR_METHOD_NOT_ALLOWED,     // 405
    ERR_CONFLICT,               // 409
    ERR_LENGTH_REQUIRED,        // 411
    ERR_PAYLOAD_TOO_LARGE,      // 413
    ERR_URI_TOO_LONG,           // 414
    ERR_UNSUPPORTED_MEDIA_TYPE, // 415
    ERR_RANGE_NOT_SATISFIABLE,  // 416
    ERR_UNPROCESSABLE,          // 422: well-formed, but a field is missing, mistyped or out of range
    ERR_CHECKSUM_MISMATCH,      // 422
    ERR_HEADERS_TOO_LARGE,      // 431
    ERR_INTERNAL,               // 500
    ERR_BAD_GATEWAY,            // 502: the node answered with nonsense or not at all
    ERR_UNAVAILABLE,            // 503: draining, or no live node
    ERR_INSUFFICIENT_STORAGE,   // 507
    ERR_KIND_COUNT
};

enum { ERR_TEXT_MAX = 1024 };

struct err {
    enum err_kind kind;
    int sys;                 // errno where there was one, else 0
    char text[ERR_TEXT_MAX]; // NUL-terminated; cut off with "..." when longer
};

struct err_kind_info {
    const char *name; // "TaskNotFound"
    const char *code; // "TASK_NOT_FOUND"
    int http_status;
    int exit_code; // of the command line; docs/cli.md lists them
};

// Fills e (NULL allowed) and returns -1, so that `return err_set(...)` reads well.
int err_set(struct err *e, enum err_kind kind, const char *format, ...) __attribute__((format(printf, 3, 4)));
// The same for a failed system call: appends ": <strerror(error_number)>".
int err_set_sys(struct err *e, enum err_kind kind, int error_number, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
// Puts "<context>: " before the text on the way up; the kind stays. Returns -1.
int err_wrap(struct err *e, const char *format, ...) __attribute__((format(printf, 2, 3)));
void err_clear(struct err *e);

// Never NULL; an unknown kind answers as ERR_INTERNAL.
const struct err_kind_info *err_kind_info(enum err_kind kind);
// The kind of a name such as "TaskNotFound", or ERR_NONE when there is none of that name.
enum err_kind err_kind_by_name(struct span name);
// The kind of a code such as "TASK_NOT_FOUND", or ERR_NONE.
enum err_kind err_kind_by_code(struct span code);

#endif
