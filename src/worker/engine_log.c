// Lines of WasmEdge's log look like "[time] [error]     In instruction: i32.add (0x65) , Bytecode offset: 0x00000023". Only what is
// known is taken; an engine that words it otherwise costs a detail, not an answer.
#include "worker/engine_log.h"

#include "base/mem.h"
#include "worker/signature.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void engine_log_begin(struct engine_log *log) {
    int ends[2];
    *log = (struct engine_log){-1, -1};
    // Not blocking: what does not fit is lost, and nobody waits.
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK))
        return;
    fflush(stdout);
    log->saved_stdout = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
    if (log->saved_stdout >= 0 && dup2(ends[1], STDOUT_FILENO) >= 0)
        log->reading = TAKE_FD(ends[0]);
    mem_close_fd(&ends[0]);
    mem_close_fd(&ends[1]);
}

void engine_log_end(struct engine_log *log, char ret_text[ENGINE_LOG_BYTES]) {
    fflush(stdout);
    ssize_t n = log->reading >= 0 ? read(log->reading, ret_text, ENGINE_LOG_BYTES - 1) : 0;
    ret_text[n > 0 ? n : 0] = '\0';
    if (log->saved_stdout >= 0)
        dup2(log->saved_stdout, STDOUT_FILENO);
    mem_close_fd(&log->saved_stdout);
    mem_close_fd(&log->reading);
}

// What follows `label` in the line, up to the next comma; false when it is not there.
static bool value_after(struct span line, const char *label, struct span *ret) {
    size_t n = strlen(label);
    for (size_t i = 0; i + n <= line.n; i++) {
        if (memcmp(line.p + i, label, n) == 0) {
            struct span rest = span_slice(line, i + n, line.n);
            *ret = span_trim(span_slice(rest, 0, span_find(rest, ',')));
            return true;
        }
    }
    return false;
}

static void add_detail(struct engine_fault *f, const char *before, struct span words) {
    char shown[NAME_TEXT];
    size_t at = strlen(f->detail);
    if (span_ends_with(words, "."))
        words.n--;
    name_text(words, shown);
    snprintf(f->detail + at, sizeof f->detail - at, "%s%s%s", at ? ", " : "", before, shown);
}

static void parse_line(struct span line, bool first, struct engine_fault *f) {
    struct span value;
    if (value_after(line, "Bytecode offset: 0x", &value)) {
        char digits[32];
        snprintf(digits, sizeof digits, "%.*s", (int)(value.n < 16 ? value.n : 16), value.p);
        f->offset = (int64_t)strtoll(digits, NULL, 16);
    }
    if (value_after(line, "In instruction: ", &value))
        add_detail(f, "in instruction ", span_slice(value, 0, span_find(value, ' ')));
    else if (value_after(line, "At AST node: ", &value) && span_ends_with(value, " section"))
        add_detail(f, "in the ", value);
    else if (!first && value_after(line, "[error] ", &value) && !value_after(line, ": ", &(struct span){0}))
        add_detail(f, "", value);
}

void engine_log_parse(struct span text, struct engine_fault *ret) {
    struct span line;
    *ret = (struct engine_fault){.offset = ENGINE_LOG_NO_OFFSET};
    for (bool first = true; span_next(&text, '\n', &line); first = false)
        parse_line(line, first, ret);
}
