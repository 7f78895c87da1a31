// How errors, numbers and foreign text look on stdout and stderr.
//
// Text from servers, file names and arguments is cleaned here before it reaches a terminal; a guest's own output is not,
// that is the guest's. Tables are table.c, progress bars progress.c.
#include "cli/output.h"

#include "base/encode.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEXT_MAX = 1 << 20, PIPE_STEP = 4096 /* PIPE_BUF: poll's promise */ };

const char *output_color(bool enabled, enum output_color color) {
    static const char *const codes[] = {"\x1b[0m",  "\x1b[1m",  "\x1b[2m", "\x1b[31m",
                                        "\x1b[32m", "\x1b[33m", "\x1b[36m"};
    return enabled ? codes[color] : "";
}

static void print_json_error(const char *code, const char *message, const char *hint) {
    struct json_out *out = json_out_new();
    json_node *error = json_add_object(out, json_out_object(out), "error");
    json_add_text(out, error, "code", code);
    json_add_text(out, error, "message", message);
    json_add_text(out, error, "hint", hint && hint[0] ? hint : NULL);
    struct buf text;
    buf_init(&text, TEXT_MAX);
    json_out_print(out, false, &text);
    fprintf(stderr, "%s\n", buf_text(&text));
    buf_done(&text);
    json_out_free(out);
}

static void print_error(const struct cli *cli, const char *message, const char *hint) {
    AUTO_FREE char *clean = output_clean(span_of(message));
    const char *plain = output_color(cli->color_err, OUTPUT_PLAIN);
    fprintf(stderr, "spear: %serror:%s %s\n", output_color(cli->color_err, OUTPUT_RED), plain, clean);
    if (!hint || !hint[0])
        return;
    AUTO_FREE char *clean_hint = output_clean(span_of(hint));
    fprintf(stderr, "%shint:%s %s\n", output_color(cli->color_err, OUTPUT_CYAN), plain, clean_hint);
}

int output_error(const struct cli *cli, const struct err *e, const char *hint) {
    const struct err_kind_info *info = err_kind_info(e->kind);
    if (e->kind == ERR_IO && e->sys == EPIPE)
        return CLI_EXIT_READER_GONE;
    fflush(stdout);
    if (cli->json)
        print_json_error(info->code, e->text, hint);
    else
        print_error(cli, e->text, hint);
    if (cli->signal)
        return 128 + cli->signal;
    return info->exit_code ? info->exit_code : CLI_EXIT_OTHER;
}

int output_usage_error(const struct cli *cli, const char *command, const struct err *e) {
    char hint[128];
    snprintf(hint, sizeof hint, "spear help%s%s", command[0] ? " " : "", command);
    output_error(cli, e, hint);
    return CLI_EXIT_USAGE;
}

void output_warning(const struct cli *cli, const char *format, ...) {
    char text[ERR_TEXT_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    AUTO_FREE char *clean = output_clean(span_of(text));
    if (!cli->quiet && !cli->json)
        fprintf(stderr, "spear: %swarning:%s %s\n", output_color(cli->color_err, OUTPUT_YELLOW),
                output_color(cli->color_err, OUTPUT_PLAIN), clean);
}

// ---- text

static bool is_control(struct span s, size_t length) {
    unsigned char c = (unsigned char)s.p[0];
    return c < 0x20 || c == 0x7F || (length == 2 && c == 0xC2 && (unsigned char)s.p[1] < 0xA0);
}

char *output_clean(struct span text) {
    struct buf out;
    buf_init(&out, TEXT_MAX);
    while (text.n) {
        size_t length = utf8_length(text);
        if (length == 0)
            buf_append_text(&out, "\xEF\xBF\xBD");
        else if (is_control(text, length))
            buf_printf(&out, "\\x%02x", (unsigned)(unsigned char)text.p[length - 1]);
        else
            buf_append(&out, text.p, length);
        text = span_slice(text, length ? length : 1, text.n);
    }
    size_t n;
    return buf_take(&out, &n);
}

size_t output_width(const char *text) {
    size_t width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xC0) != 0x80;
    return width;
}

size_t output_prefix_bytes(const char *text, size_t width) {
    size_t i = 0;
    for (size_t seen = 0; text[i]; i++) {
        seen += ((unsigned char)text[i] & 0xC0) != 0x80;
        if (seen > width)
            break;
    }
    return i;
}

// ---- numbers

void output_size(uint64_t bytes, char ret_text[OUTPUT_NUMBER_TEXT]) {
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= 1023.95 && unit + 1 < COUNT_OF(units)) {
        value /= 1024;
        unit++;
    }
    snprintf(ret_text, OUTPUT_NUMBER_TEXT, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
}

void output_age(int64_t age_s, char ret_text[OUTPUT_NUMBER_TEXT]) {
    long long s = age_s < 0 ? 0 : (long long)age_s;
    if (s < 120)
        snprintf(ret_text, OUTPUT_NUMBER_TEXT, "%lld s", s);
    else if (s < 2LL * 3600)
        snprintf(ret_text, OUTPUT_NUMBER_TEXT, "%lld min", s / 60);
    else if (s < 2LL * 86400)
        snprintf(ret_text, OUTPUT_NUMBER_TEXT, "%lld h", s / 3600);
    else
        snprintf(ret_text, OUTPUT_NUMBER_TEXT, "%lld d", s / 86400);
}

void output_duration(uint64_t us, char ret_text[OUTPUT_NUMBER_TEXT]) {
    if (us < 1000000)
        snprintf(ret_text, OUTPUT_NUMBER_TEXT, "%.1f ms", (double)us / 1e3);
    else
        snprintf(ret_text, OUTPUT_NUMBER_TEXT, "%.2f s", (double)us / 1e6);
}

// ---- writing

static bool wait_writable(int fd, bool (*stop)(void *ctx), void *ctx) {
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    while (poll(&p, 1, -1) < 0 && errno == EINTR)
        if (stop && stop(ctx))
            return false;
    return true;
}

bool output_write(int fd, struct span bytes, bool (*stop)(void *ctx), void *ctx, struct err *e) {
    struct stat info;
    bool may_wait = fstat(fd, &info) == 0 && !S_ISREG(info.st_mode);
    while (bytes.n) {
        if (may_wait && !wait_writable(fd, stop, ctx)) {
            err_set(e, ERR_EXECUTION_TERMINATED, "interrupted");
            return false;
        }
        ssize_t n = write(fd, bytes.p, may_wait && bytes.n > PIPE_STEP ? PIPE_STEP : bytes.n);
        if (n < 0 && errno != EINTR && errno != EAGAIN) {
            err_set_sys(e, ERR_IO, errno, "the output could not be written");
            return false;
        }
        bytes = span_slice(bytes, n > 0 ? (size_t)n : 0, bytes.n);
    }
    return true;
}

// Asked after a failure: errno may be another call's by now.
static bool reader_has_gone(void) {
    struct pollfd p = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return poll(&p, 1, 0) > 0 && (p.revents & (POLLERR | POLLHUP)) != 0;
}

int output_finish(const struct cli *cli, int code) {
    struct err e;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    if (errno == EPIPE || reader_has_gone())
        return code ? code : CLI_EXIT_READER_GONE; // it had enough: nothing to tell it
    err_set_sys(&e, ERR_IO, errno, "stdout could not be written");
    return output_error(cli, &e, NULL);
}

void output_put(FILE *to, struct span bytes) {
    if (bytes.n)
        fwrite(bytes.p, 1, bytes.n, to);
}

void output_json_line(struct span json) {
    while (json.n && (json.p[json.n - 1] == '\n' || json.p[json.n - 1] == ' '))
        json.n--;
    output_put(stdout, json);
    putchar('\n');
}
