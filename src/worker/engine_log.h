// The engine says where a module is at fault only in its log, which goes to stdout. This catches what it writes there and picks the place out.
#ifndef SPEAR_WORKER_ENGINE_LOG_H
#define SPEAR_WORKER_ENGINE_LOG_H

#include "base/span.h"

enum { ENGINE_LOG_BYTES = 4096, ENGINE_LOG_DETAIL = 320, ENGINE_LOG_NO_OFFSET = -1 };

struct engine_log {
    int reading, saved_stdout; // -1: nothing is caught
};
// Between the two, what the process writes to stdout is caught, as far as it fits.
void engine_log_begin(struct engine_log *log);
// Stdout is as before; the text is what was written (NUL-terminated).
void engine_log_end(struct engine_log *log, char ret_text[ENGINE_LOG_BYTES]);

struct engine_fault {
    int64_t offset;                 // in the bytes that were loaded, or ENGINE_LOG_NO_OFFSET
    char detail[ENGINE_LOG_DETAIL]; // "Value stack underflow, in instruction i32.add, in code section"; may be empty
};
void engine_log_parse(struct span text, struct engine_fault *ret);

#endif
