// A file that appears under its name whole or not at all.
#ifndef SPEAR_CLI_OUTPUT_FILE_H
#define SPEAR_CLI_OUTPUT_FILE_H

#include "base/err.h"

#include <stdbool.h>

struct output_file {
    int fd;
    bool special; // a device or pipe that was there
    char *path;
    char *temporary; // beside it; NULL while it has no name
};

// ERR_IO with the path; ERR_INVALID_CONFIGURATION when it is a directory.
int output_file_open(const char *path, struct output_file *ret, struct err *e);
int output_file_commit(struct output_file *f, struct err *e);
void output_file_done(struct output_file *f); // what was not committed is gone

#endif
