// The program's own log, on stderr: one line an event, text on a terminal, JSON (one object a line) otherwise.
//
// Libraries do not log; programs log an error once, at the top. Thread-safe; a line is written whole by one write(2).
#ifndef SPEAR_BASE_LOG_H
#define SPEAR_BASE_LOG_H

#include "base/err.h"

#include <stdbool.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };
enum log_format { LOG_FORMAT_AUTO, LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

// Call once, before threads. `program` is kept by reference.
void log_init(const char *program, enum log_level level, enum log_format format);
bool log_enabled(enum log_level level);
int log_level_parse(struct span name, enum log_level *ret_level);    // "error", "warn", "info", "debug"; -1 unknown
int log_format_parse(struct span name, enum log_format *ret_format); // "auto", "text", "json"; -1 unknown

// `event` is a short fixed phrase ("listening"); fields follow as printf text "key=value key2=value2".
void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_write(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_write(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_DEBUG, __VA_ARGS__)
// A guest's stderr, one line of it: execution id and task as fields of their own in JSON.
void log_guest_line(const char *task, const char *execution_id, struct span line);

#endif
