// What `spear` writes: errors with a next step, text that cannot steer a terminal, sizes and ages for people.
#ifndef SPEAR_CLI_OUTPUT_H
#define SPEAR_CLI_OUTPUT_H

#include "base/buf.h"
#include "cli/cli.h"

#include <stdio.h>

// Writes the error to stderr, as "spear: error: …" and "hint: …" or with --json as {"error":{"code","message","hint"}}, and
// gives the exit code of its kind (128 + signal when the command was interrupted). `hint` may be NULL or "". A reader of
// ours that has gone (ERR_IO of EPIPE) is told nothing: CLI_EXIT_READER_GONE.
int output_error(const struct cli *cli, const struct err *e, const char *hint);
// The same for a mistake in the command line: the hint names the command's help.
int output_usage_error(const struct cli *cli, const char *command, const struct err *e);
void output_warning(const struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));

enum output_color { OUTPUT_PLAIN, OUTPUT_BOLD, OUTPUT_DIM, OUTPUT_RED, OUTPUT_GREEN, OUTPUT_YELLOW, OUTPUT_CYAN };
// The escape sequence, or "" when colours are off.
const char *output_color(bool enabled, enum output_color color);

// A heap copy in which control characters (C0, DEL, C1) stand as \xNN and bytes that are not UTF-8 as U+FFFD.
char *output_clean(struct span text);
// Columns that a text takes on a terminal: one a code point.
size_t output_width(const char *text);
// Bytes of its first `width` code points.
size_t output_prefix_bytes(const char *text, size_t width);

enum { OUTPUT_NUMBER_TEXT = 24, OUTPUT_LINE_MAX = 64 * 1024, OUTPUT_JSON_MAX = 1024 * 1024 };
void output_size(uint64_t bytes, char ret_text[OUTPUT_NUMBER_TEXT]);  // "12.3 KiB"
void output_age(int64_t age_s, char ret_text[OUTPUT_NUMBER_TEXT]);    // "5 min"
void output_duration(uint64_t us, char ret_text[OUTPUT_NUMBER_TEXT]); // "3.4 ms"

// Writes bytes to a descriptor, however slow its reader, and asks `stop` (NULL allowed) whenever a signal came in while
// waiting. False when the reader has gone, the disk is full or `stop` said so: e tells.
bool output_write(int fd, struct span bytes, bool (*stop)(void *ctx), void *ctx, struct err *e);
// stdout was written to: flushes it and gives `code`, or reports that it could not be written. Without a word
// CLI_EXIT_READER_GONE instead of 0 when its reader has gone.
int output_finish(const struct cli *cli, int code);
// Appends to a stream; nothing for an empty span.
void output_put(FILE *to, struct span bytes);
// JSON text and a newline on stdout.
void output_json_line(struct span json);

#endif
