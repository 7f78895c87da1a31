// A TOML 1.0 file as a flat list of keys: "[a] b = 1" is "a.b". The implementation stands on tomlplusplus (toml.cc).
#ifndef SPEAR_BASE_TOML_H
#define SPEAR_BASE_TOML_H

#include "base/err.h"

#ifdef __cplusplus
extern "C" {
#endif

struct toml_entry {
    char *key;   // dotted
    char *value; // strings as they are; numbers and booleans as text
    int line;
};

struct toml_file {
    struct toml_entry *entries;
    size_t count;
};

// ERR_INVALID_CONFIGURATION with "file:line:column: what". Arrays become comma-separated text; tables in arrays, dates and
// nested arrays are refused by name.
int toml_read(const char *path, struct toml_file *ret_file, struct err *e);
void toml_done(struct toml_file *file);

#ifdef __cplusplus
}
#endif

#endif
