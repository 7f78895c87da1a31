// The words of a command line, sorted into flags and the rest by a table of flags.
//
// Forms: --name VALUE, --name=VALUE, --switch, -x VALUE, -xVALUE; "--" ends the flags. An unknown flag is an error that
// names the nearest known one. Values are the caller's argv, kept by reference.
#ifndef SPEAR_CLI_ARGS_H
#define SPEAR_CLI_ARGS_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct flag {
    const char *name;     // "data-file"
    char letter;          // 'f', or 0
    const char *argument; // "FILE"; NULL: a switch
    const char *help;
};

struct flag_value {
    const struct flag *flag;
    const char *value; // NULL for a switch
};

struct flag_set {
    const struct flag *flags;
    size_t count;
};

enum { ARGS_FLAGS_MAX = 4096 };

struct args {
    struct flag_value *values; // in the order given
    size_t value_count;
    char **rest; // what is not a flag, in order
    size_t rest_count;
};

enum args_stop { ARGS_ALL, ARGS_STOP_AT_FIRST }; // the second: all from the first word that is no flag is rest

// Appends to `args`, so that flags in front of a command and behind it come together; `rest` is replaced.
// ERR_INVALID_CONFIGURATION. Free with args_done in either case.
int args_parse(struct args *args, const struct flag_set sets[], size_t set_count, char **argv, size_t argc,
               enum args_stop stop, struct err *e);
void args_done(struct args *args);

bool args_has(const struct args *args, const char *name);
// The last value given, or NULL.
const char *args_text(const struct args *args, const char *name);
// The values of a flag that may be repeated, one a call; *cursor starts at 0. NULL at the end.
const char *args_each(const struct args *args, const char *name, size_t *cursor);
// Leave *ret as it is when the flag is absent. ERR_INVALID_CONFIGURATION with the value and what is allowed.
int args_count(const struct args *args, const char *name, uint64_t min, uint64_t max, uint64_t *ret, struct err *e);
int args_duration_ms(const struct args *args, const char *name, uint64_t *ret_ms, struct err *e);
int args_bytes(const struct args *args, const char *name, uint64_t *ret_bytes, struct err *e);

// The candidate that looks most like `word`, or NULL when none is near.
const char *args_nearest(const char *word, const char *const candidates[], size_t count);

#endif
