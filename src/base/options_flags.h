// Reading the command line by an option table; the rest of options.c's work starts from what it found.
#ifndef SPEAR_BASE_OPTIONS_FLAGS_H
#define SPEAR_BASE_OPTIONS_FLAGS_H

#include "base/options.h"

struct options_flags {
    const char **texts; // one a spec: the argument (of a flag without one "true"), NULL when not given; borrowed
    const char *config_path;
    enum options_action action;
    int rest; // index of the first positional argument, argc when none
};

// ERR_INVALID_CONFIGURATION naming the argument at fault. `texts` is the caller's, all NULL, spec_count long.
int options_flags_parse(const struct option_program *program, int argc, char **argv, struct options_flags *flags,
                        struct err *e);

#endif
