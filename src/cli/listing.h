// What `ls`, `get` and `rm` of files, tasks and nodes have in common.
#ifndef SPEAR_CLI_LISTING_H
#define SPEAR_CLI_LISTING_H

#include "cli/api.h"
#include "cli/table.h"

// The flags --limit, --offset, --all and --filter; without the last for what has nothing to look for.
extern const struct flag listing_flags[];
enum { LISTING_FLAGS = 4, LISTING_PAGE_FLAGS = 3 };

struct listing {
    const char *command; // "files ls"
    const char *path;    // "/api/v1/files"
    const char *member;  // "files"
    const char *id;      // the member of an object that -q prints
    const struct table_column *columns;
    size_t column_count;
    void (*row)(struct table *t, json_val *object); // adds a cell a column
    const char *empty;                              // said on stderr when there is nothing: "no files; ..."
    bool no_pages;                                  // the route gives all at once
};
int listing_run(struct cli *cli, const struct args *args, const struct listing *listing);

// Fetches `before` + the first positional argument + `after`: the server's JSON with --json, else print(cli, object).
int listing_show(struct cli *cli, const struct args *args, const char *before, const char *after,
                 void (*print)(const struct cli *cli, json_val *object));
// Deletes `before` + each positional argument + `after`; goes on after a failure and gives the first one's exit code.
int listing_remove(struct cli *cli, const struct args *args, const char *before, const char *after);

// "2026-11-23T01:02:03Z (5 min ago)"; a field of listing_show.
void listing_print_time(const struct cli *cli, const char *label, int64_t unix_s);

#endif
