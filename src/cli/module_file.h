// A module on this machine: opened, looked at, digested, before anything is sent.
#ifndef SPEAR_CLI_MODULE_FILE_H
#define SPEAR_CLI_MODULE_FILE_H

#include "base/digest.h"
#include "base/err.h"

struct local_file {
    int fd;
    uint64_t size_bytes;
    char *name; // without its directories
    char sha256[SHA256_HEX + 1];
};

// Any regular file. ERR_FILE_NOT_FOUND when it is missing, ERR_INVALID_CONFIGURATION when it is a directory, ERR_IO.
int local_file_open(const char *path, struct local_file *ret, struct err *e);
// Also checks that it is a core WebAssembly module by its first bytes. `ret_hint` (may be left alone) gets a next step on failure.
int module_file_open(const char *path, struct local_file *ret, const char **ret_hint, struct err *e);
void local_file_done(struct local_file *f); // of a zeroed one too

#endif
