// Rows and columns for people: aligned, cut to the width of a terminal.
#ifndef SPEAR_CLI_TABLE_H
#define SPEAR_CLI_TABLE_H

#include "cli/cli.h"

struct table;

struct table_column {
    const char *title;
    bool right;   // numbers
    bool shrinks; // may be cut when the terminal is narrow
};

// `columns` is kept by reference.
struct table *table_new(const struct table_column *columns, size_t column_count);
void table_free(struct table *t); // NULL allowed
// The next cell, row by row; text is cleaned of control characters and copied.
void table_add(struct table *t, const char *text);
void table_add_span(struct table *t, struct span text);
void table_add_size(struct table *t, uint64_t bytes);
void table_add_age(struct table *t, int64_t since_unix_s);      // 0: "-"
void table_print(const struct table *t, const struct cli *cli); // to stdout

// "label  value" lines of one object, to stdout.
void table_print_field(const struct cli *cli, const char *label, struct span value);

#endif
