// The program's log: a line is put together on the stack, bounded, and written to stderr by one write(2).
//
// What comes from outside (a guest's output, a value in a message) cannot forge a line or steer the terminal: control
// characters are written as escapes. A line longer than LINE_BYTES is cut and ends with "...".
#include "base/log.h"

#include "base/clock.h"
#include "base/encode.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { LINE_BYTES = 8192, TAIL_BYTES = 8 }; // the tail keeps room for ..."} and the line's end

struct line {
    char bytes[LINE_BYTES];
    size_t n;
    bool cut;
};

// Written once by log_init before there are threads.
static struct {
    const char *program;
    enum log_level level;
    bool json;
} settings = {"spear", LOG_INFO, false};

static const char *const level_names[] = {"error", "warn", "info", "debug"};
static const char *const level_labels[] = {"ERROR", "WARN ", "INFO ", "DEBUG"};

void log_init(const char *program, enum log_level level, enum log_format format) {
    settings.program = program;
    settings.level = level;
    settings.json = format == LOG_FORMAT_JSON || (format == LOG_FORMAT_AUTO && !isatty(STDERR_FILENO));
}

bool log_enabled(enum log_level level) {
    return level <= settings.level;
}

int log_level_parse(struct span name, enum log_level *ret_level) {
    for (int i = LOG_ERROR; i <= LOG_DEBUG; i++) {
        if (!span_equal_text(name, level_names[i]))
            continue;
        *ret_level = (enum log_level)i;
        return 0;
    }
    return -1;
}

int log_format_parse(struct span name, enum log_format *ret_format) {
    static const char *const names[] = {"auto", "text", "json"};
    for (int i = LOG_FORMAT_AUTO; i <= LOG_FORMAT_JSON; i++) {
        if (!span_equal_text(name, names[i]))
            continue;
        *ret_format = (enum log_format)i;
        return 0;
    }
    return -1;
}

// Leaves the 8 KiB as they are.
static void line_init(struct line *l) {
    l->n = 0;
    l->cut = false;
}

static void put(struct line *l, const char *p, size_t n) {
    if (n > LINE_BYTES - TAIL_BYTES - l->n)
        l->cut = true;
    if (l->cut)
        return;
    memcpy(l->bytes + l->n, p, n);
    l->n += n;
}

static void put_text(struct line *l, const char *text) {
    put(l, text, strlen(text));
}

// The tail has its own room.
static void put_tail(struct line *l, const char *text) {
    size_t n = strlen(text);
    memcpy(l->bytes + l->n, text, n);
    l->n += n;
}

// A C1 control character (U+0080 to U+009F) steers terminals as well as the C0 ones do.
static bool is_control(struct span s, size_t length) {
    unsigned char c = (unsigned char)s.p[0];
    return c < 0x20 || c == 0x7F || (length == 2 && c == 0xC2 && (unsigned char)s.p[1] < 0xA0);
}

static void put_control(struct line *l, struct span s, size_t length) {
    char text[8];
    unsigned code = length == 2 ? (unsigned char)s.p[1] : (unsigned char)s.p[0];
    if (code == '\t' && !settings.json)
        put_text(l, "\t");
    else if (code == '\n')
        put_text(l, "\\n");
    else
        put(l, text, (size_t)snprintf(text, sizeof text, settings.json ? "\\u%04x" : "\\x%02x", code & 0xFF));
}

static void put_escaped(struct line *l, struct span s) {
    while (s.n && !l->cut) {
        size_t length = utf8_length(s);
        if (length == 0)
            put_text(l, "\xEF\xBF\xBD");
        else if (is_control(s, length))
            put_control(l, s, length);
        else if (settings.json && (s.p[0] == '"' || s.p[0] == '\\'))
            put(l, (const char[]){'\\', s.p[0]}, 2);
        else
            put(l, s.p, length);
        s = span_slice(s, length ? length : 1, s.n);
    }
}

static void put_member(struct line *l, const char *name, struct span value) {
    put_text(l, l->n ? ",\"" : "{\"");
    put_text(l, name);
    put_text(l, "\":\"");
    put_escaped(l, value);
    if (!l->cut)
        put_text(l, "\"");
}

static void put_local_time(struct line *l) {
    int64_t ms = clock_unix_ms();
    time_t seconds = (time_t)(ms / 1000);
    struct tm t;
    char text[32];
    localtime_r(&seconds, &t);
    put(l, text,
        (size_t)snprintf(text, sizeof text, "%02u:%02u:%02u.%03u ", (unsigned)t.tm_hour % 100, (unsigned)t.tm_min % 100,
                         (unsigned)t.tm_sec % 100, (unsigned)(ms % 1000)));
}

static void write_line(struct line *l) {
    if (l->cut)
        put_tail(l, settings.json ? "...\"" : "...");
    put_tail(l, settings.json ? "}\n" : "\n");
    size_t done = 0;
    while (done < l->n) {
        ssize_t n = write(STDERR_FILENO, l->bytes + done, l->n - done);
        if (n < 0 && errno != EINTR)
            return; // nobody is left to tell
        done += n > 0 ? (size_t)n : 0;
    }
}

static void begin_json(struct line *l, enum log_level level) {
    char now[RFC3339_TEXT];
    clock_rfc3339(clock_unix_ms(), now);
    put_member(l, "ts", span_of(now));
    put_member(l, "level", span_of(level_names[level]));
    put_member(l, "program", span_of(settings.program));
}

void log_write(enum log_level level, const char *format, ...) {
    if (!log_enabled(level))
        return;
    int saved = errno;
    char message[LINE_BYTES];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(message, sizeof message, format, args);
    va_end(args);
    struct span text = span_make(message, length < 0 ? 0 : strlen(message));
    struct line l;
    line_init(&l);
    if (settings.json) {
        begin_json(&l, level);
        put_member(&l, "message", text);
    } else {
        put_local_time(&l);
        put_text(&l, level_labels[level]);
        put_text(&l, " ");
        put_text(&l, settings.program);
        put_text(&l, ": ");
        put_escaped(&l, text);
    }
    write_line(&l);
    errno = saved;
}

void log_guest_line(const char *task, const char *execution_id, struct span text) {
    if (!log_enabled(LOG_INFO))
        return;
    int saved = errno;
    struct line l;
    line_init(&l);
    if (settings.json) {
        begin_json(&l, LOG_INFO);
        put_member(&l, "task", span_of(task));
        put_member(&l, "execution_id", span_of(execution_id));
        put_member(&l, "message", text);
    } else {
        put_local_time(&l);
        put_text(&l, "GUEST ");
        put_escaped(&l, span_of(task));
        put_text(&l, " ");
        put_escaped(&l, span_slice(span_of(execution_id), 0, 8));
        put_text(&l, ": ");
        put_escaped(&l, text);
    }
    write_line(&l);
    errno = saved;
}
