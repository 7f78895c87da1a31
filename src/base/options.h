// A program's settings: flags, then environment, then the TOML file, then defaults, in falling precedence.
//
// One table of `struct option_spec` drives all four, `--help`, `--print-config` and the reference in docs/. Unknown
// keys and bad values are errors that name the file and line (or the flag, or the variable) and what is allowed. An
// empty variable counts as unset; "~/" at the front of the file's path is $HOME. Flags are to be written out in full.
#ifndef SPEAR_BASE_OPTIONS_H
#define SPEAR_BASE_OPTIONS_H

#include "base/err.h"

#include <stdio.h>

enum option_type {
    OPTION_TEXT,        // any text
    OPTION_CHOICE,      // one of `choices` ("a|b|c")
    OPTION_ADDRESS,     // host:port
    OPTION_BYTES,       // 4096, 64KiB, 100MiB, 1GiB
    OPTION_DURATION_MS, // 500ms, 90s, 5m, 1h, 30d; a bare number is seconds
    OPTION_COUNT,       // a number without unit
    OPTION_FLAG         // no argument; true, false in the file and environment
};

struct option_spec {
    const char *name;        // "http-addr": the flag --http-addr, the key http_addr in the file ("a.b" stands in [a])
    const char *environment; // "SMS_HTTP_ADDR" or NULL
    enum option_type type;
    const char *default_value; // as text; NULL means unset
    const char *choices;       // for OPTION_CHOICE
    uint64_t min, max;         // for BYTES, DURATION_MS, COUNT; max 0 means no bound
    const char *argument;      // "HOST:PORT", shown in --help
    const char *help;
};

struct options; // the settled values

struct option_program {
    const char *name;
    const char *usage;               // "usage: sms [options]"
    const char *summary;             // one line
    const char *default_config_path; // "~/.sms/config.toml", or NULL; read only if present
    const char *config_environment;  // "SMS_CONFIG", or NULL
    const struct option_spec *specs;
    size_t spec_count;
};

// Parses argv (argv[0] is skipped). `--config FILE`, `--print-config`, `--help` and `--version` are understood in every
// program. With `ret_rest` positional arguments are allowed: parsing ends at the first one, whose index it gets (argc
// when none); without it they are an error. ERR_INVALID_CONFIGURATION.
int options_parse(const struct option_program *program, int argc, char **argv, struct options **ret, int *ret_rest,
                  struct err *e);
void options_free(struct options *o);

// What the user asked for besides running.
enum options_action { OPTIONS_RUN, OPTIONS_HELP, OPTIONS_VERSION, OPTIONS_PRINT_CONFIG };
enum options_action options_action(const struct options *o);
void options_print_help(const struct option_program *program, FILE *to);
// TOML with a comment behind each value: where it came from.
void options_print_config(const struct options *o, FILE *to);

// Values by name; an unknown name is an assertion. options_text may be NULL (unset).
const char *options_text(const struct options *o, const char *name);
uint64_t options_number(const struct options *o, const char *name); // bytes, milliseconds or a count
bool options_flag(const struct options *o, const char *name);
bool options_is_set(const struct options *o, const char *name); // given by flag, environment or file
// Where it was given ("--http-addr", "SMS_HTTP_ADDR", "/etc/sms.toml:3"), for errors found later; NULL for a default.
const char *options_where(const struct options *o, const char *name);

// The parsers by themselves, for other inputs of the same form.
int option_parse_bytes(struct span text, uint64_t *ret_bytes);
int option_parse_duration_ms(struct span text, uint64_t *ret_ms);

#endif
