// What the files of options share; for nobody else.
#ifndef SPEAR_BASE_OPTIONS_INTERNAL_H
#define SPEAR_BASE_OPTIONS_INTERNAL_H

#include "base/options.h"

struct option_value {
    char *text;      // as it was given; NULL when unset
    uint64_t number; // of BYTES, DURATION_MS, COUNT; 0 or 1 of FLAG
    char *where;     // "--http-addr", "SMS_HTTP_ADDR", "/etc/sms.toml:3"; NULL for the default
};

struct options {
    const struct option_program *program;
    enum options_action action;
    struct option_value *values; // one a spec, in their order
};

enum { OPTION_REASON_MAX = 256 };

// The number of a text of this spec's type (0 for those without); -1 with what is wrong ("is not HOST:PORT").
int option_value_parse(const struct option_spec *spec, struct span text, uint64_t *ret_number,
                       char ret_reason[OPTION_REASON_MAX]);
// The key in a file: hyphens become underscores. The caller frees it.
char *option_key(const struct option_spec *spec);

#endif
