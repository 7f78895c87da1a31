// Filling a struct err, and the one table that translates its kind for JSON, HTTP and the command line.
//
// Nothing here allocates or logs. A new kind is a line in err.h and a line in the table below.
#include "base/err.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>

// Exit codes of the command line; 69 and 77 are EX_UNAVAILABLE and EX_NOPERM of sysexits(3), 124 is what timeout(1) gives.
enum {
    EXIT_OTHER = 1,
    EXIT_USAGE = 2,
    EXIT_NOT_FOUND = 4,
    EXIT_CONFLICT = 5,
    EXIT_UNAVAILABLE = 69,
    EXIT_FORBIDDEN = 77,
    EXIT_TIMEOUT = 124
};

static const struct err_kind_info kinds[ERR_KIND_COUNT] = {
    [ERR_NONE] = {"None", "NONE", 200, 0},
    [ERR_ARTIFACT_NOT_FOUND] = {"ArtifactNotFound", "ARTIFACT_NOT_FOUND", 404, EXIT_NOT_FOUND},
    [ERR_TASK_NOT_FOUND] = {"TaskNotFound", "TASK_NOT_FOUND", 404, EXIT_NOT_FOUND},
    [ERR_INSTANCE_NOT_FOUND] = {"InstanceNotFound", "INSTANCE_NOT_FOUND", 404, EXIT_NOT_FOUND},
    [ERR_RUNTIME_NOT_FOUND] = {"RuntimeNotFound", "RUNTIME_NOT_FOUND", 404, EXIT_NOT_FOUND},
    [ERR_RUNTIME_ERROR] = {"RuntimeError", "RUNTIME_ERROR", 500, EXIT_OTHER},
    [ERR_INVALID_CONFIGURATION] = {"InvalidConfiguration", "INVALID_CONFIGURATION", 422, EXIT_USAGE},
    [ERR_INVALID_REQUEST] = {"InvalidRequest", "INVALID_REQUEST", 400, EXIT_OTHER},
    [ERR_EXECUTION_TIMEOUT] = {"ExecutionTimeout", "EXECUTION_TIMEOUT", 504, EXIT_TIMEOUT},
    [ERR_EXECUTION_TERMINATED] = {"ExecutionTerminated", "EXECUTION_TERMINATED", 500, EXIT_OTHER},
    [ERR_INSTANCE_DESTROYED] = {"InstanceDestroyed", "INSTANCE_DESTROYED", 503, EXIT_OTHER},
    [ERR_RESOURCE_EXHAUSTED] = {"ResourceExhausted", "RESOURCE_EXHAUSTED", 503, EXIT_OTHER},
    [ERR_INSTANCE_CREATION_FAILED] = {"InstanceCreationFailed", "INSTANCE_CREATION_FAILED", 500, EXIT_OTHER},
    [ERR_INSTANCE_STARTUP_FAILED] = {"InstanceStartupFailed", "INSTANCE_STARTUP_FAILED", 500, EXIT_OTHER},
    [ERR_NOT_SUPPORTED] = {"NotSupported", "NOT_SUPPORTED", 501, EXIT_OTHER},
    [ERR_IO] = {"Io", "IO", 500, EXIT_OTHER},
    [ERR_SERIALIZATION] = {"Serialization", "SERIALIZATION", 400, EXIT_OTHER},
    [ERR_UNAUTHORIZED] = {"Unauthorized", "UNAUTHORIZED", 401, EXIT_FORBIDDEN},
    [ERR_FORBIDDEN] = {"Forbidden", "FORBIDDEN", 403, EXIT_FORBIDDEN},
    [ERR_NOT_FOUND] = {"NotFound", "NOT_FOUND", 404, EXIT_NOT_FOUND},
    [ERR_FILE_NOT_FOUND] = {"FileNotFound", "FILE_NOT_FOUND", 404, EXIT_NOT_FOUND},
    [ERR_NODE_NOT_FOUND] = {"NodeNotFound", "NODE_NOT_FOUND", 404, EXIT_NOT_FOUND},
    [ERR_EXECUTION_NOT_FOUND] = {"ExecutionNotFound", "EXECUTION_NOT_FOUND", 404, EXIT_NOT_FOUND},
    [ERR_METHOD_NOT_ALLOWED] = {"MethodNotAllowed", "METHOD_NOT_ALLOWED", 405, EXIT_OTHER},
    [ERR_CONFLICT] = {"Conflict", "CONFLICT", 409, EXIT_CONFLICT},
    [ERR_LENGTH_REQUIRED] = {"LengthRequired", "LENGTH_REQUIRED", 411, EXIT_OTHER},
    [ERR_PAYLOAD_TOO_LARGE] = {"PayloadTooLarge", "PAYLOAD_TOO_LARGE", 413, EXIT_OTHER},
    [ERR_URI_TOO_LONG] = {"UriTooLong", "URI_TOO_LONG", 414, EXIT_OTHER},
    [ERR_UNSUPPORTED_MEDIA_TYPE] = {"UnsupportedMediaType", "UNSUPPORTED_MEDIA_TYPE", 415, EXIT_OTHER},
    [ERR_RANGE_NOT_SATISFIABLE] = {"RangeNotSatisfiable", "RANGE_NOT_SATISFIABLE", 416, EXIT_OTHER},
    [ERR_UNPROCESSABLE] = {"Unprocessable", "UNPROCESSABLE", 422, EXIT_OTHER},
    [ERR_CHECKSUM_MISMATCH] = {"ChecksumMismatch", "CHECKSUM_MISMATCH", 422, EXIT_OTHER},
    [ERR_HEADERS_TOO_LARGE] = {"HeadersTooLarge", "HEADERS_TOO_LARGE", 431, EXIT_OTHER},
    [ERR_INTERNAL] = {"Internal", "INTERNAL", 500, EXIT_OTHER},
    [ERR_BAD_GATEWAY] = {"BadGateway", "BAD_GATEWAY", 502, EXIT_UNAVAILABLE},
    [ERR_UNAVAILABLE] = {"Unavailable", "UNAVAILABLE", 503, EXIT_UNAVAILABLE},
    [ERR_INSUFFICIENT_STORAGE] = {"InsufficientStorage", "INSUFFICIENT_STORAGE", 507, EXIT_OTHER},
};

// What was written, or would have been, is `length` long: when it did not fit, the end becomes "..." and no UTF-8
// character stays half.
static void mark_cut(char text[ERR_TEXT_MAX], size_t length) {
    if (length < ERR_TEXT_MAX)
        return;
    size_t at = ERR_TEXT_MAX - 4;
    while (at > 0 && ((unsigned char)text[at] & 0xC0) == 0x80)
        at--;
    memcpy(text + at, "...", 4);
}

// Formats behind the `used` bytes that are there; returns the length that the whole would have.
static size_t append_v(char text[ERR_TEXT_MAX], size_t used, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));
static size_t append_v(char text[ERR_TEXT_MAX], size_t used, const char *format, va_list args) {
    size_t at = used < ERR_TEXT_MAX ? used : ERR_TEXT_MAX - 1;
    int length = vsnprintf(text + at, ERR_TEXT_MAX - at, format, args);
    ASSERT(length >= 0);
    return used + (size_t)length;
}

static size_t append(char text[ERR_TEXT_MAX], size_t used, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static size_t append(char text[ERR_TEXT_MAX], size_t used, const char *format, ...) {
    va_list args;
    va_start(args, format);
    size_t length = append_v(text, used, format, args);
    va_end(args);
    return length;
}

// The new text is put together aside, because the arguments may point into the old one.
static void store(struct err *e, char text[ERR_TEXT_MAX], size_t length) {
    mark_cut(text, length);
    memcpy(e->text, text, strlen(text) + 1);
}

int err_set(struct err *e, enum err_kind kind, const char *format, ...) {
    if (!e)
        return -1;
    char text[ERR_TEXT_MAX];
    va_list args;
    va_start(args, format);
    size_t length = append_v(text, 0, format, args);
    va_end(args);
    store(e, text, length);
    e->kind = kind;
    e->sys = 0;
    return -1;
}

int err_set_sys(struct err *e, enum err_kind kind, int error_number, const char *format, ...) {
    if (!e)
        return -1;
    char text[ERR_TEXT_MAX], reason[128];
    va_list args;
    va_start(args, format);
    size_t length = append_v(text, 0, format, args);
    va_end(args);
    length = append(text, length, ": %s", strerror_r(error_number, reason, sizeof reason));
    store(e, text, length);
    e->kind = kind;
    e->sys = error_number;
    return -1;
}

int err_wrap(struct err *e, const char *format, ...) {
    if (!e)
        return -1;
    char text[ERR_TEXT_MAX];
    va_list args;
    va_start(args, format);
    size_t length = append_v(text, 0, format, args);
    va_end(args);
    store(e, text, append(text, length, ": %s", e->text));
    return -1;
}

void err_clear(struct err *e) {
    if (!e)
        return;
    e->kind = ERR_NONE;
    e->sys = 0;
    e->text[0] = '\0';
}

const struct err_kind_info *err_kind_info(enum err_kind kind) {
    if ((unsigned)kind >= ERR_KIND_COUNT)
        kind = ERR_INTERNAL;
    return &kinds[kind];
}

enum err_kind err_kind_by_name(struct span name) {
    for (int kind = ERR_NONE + 1; kind < ERR_KIND_COUNT; kind++)
        if (span_equal_text(name, kinds[kind].name))
            return (enum err_kind)kind;
    return ERR_NONE;
}

enum err_kind err_kind_by_code(struct span code) {
    for (int kind = ERR_NONE + 1; kind < ERR_KIND_COUNT; kind++)
        if (span_equal_text(code, kinds[kind].code))
            return (enum err_kind)kind;
    return ERR_NONE;
}
