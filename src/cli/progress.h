// A progress bar on stderr, for a terminal only; it draws at most some times a second and leaves nothing behind.
#ifndef SPEAR_CLI_PROGRESS_H
#define SPEAR_CLI_PROGRESS_H

#include "cli/cli.h"

struct progress {
    bool on;
    const char *verb; // "upload"; kept by reference
    char *name;
    uint64_t total_bytes, done_bytes; // total 0: unknown
    uint64_t start_us, drawn_us;
    bool color;
};

// Off when stderr is no terminal, with -q and with --json.
void progress_start(struct progress *p, const struct cli *cli, const char *verb, const char *name,
                    uint64_t total_bytes);
void progress_add(struct progress *p, uint64_t bytes);
// Draws the end and clears the line. Harmless when called twice.
void progress_end(struct progress *p);

#endif
