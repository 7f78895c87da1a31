// What every command of `spear` knows: where sms is, how to print, and how a command describes itself.
//
// A command is a `struct command` in its own file, listed in main.c. Its `run` gives the exit code of the program; the
// table of exit codes is in docs/cli.md and follows base/err.c.
#ifndef SPEAR_CLI_CLI_H
#define SPEAR_CLI_CLI_H

#include "cli/args.h"

enum { CLI_EXIT_OTHER = 1, CLI_EXIT_USAGE = 2, CLI_EXIT_READER_GONE = 141 /* 128 + SIGPIPE, as a shell says */ };

struct cli {
    const char *sms_addr;        // host:port
    bool https;                  // https:// stood before it
    const char *ca, *cert, *key; // files for https; NULL: the system's authorities, no certificate
    bool json;                   // --json: results and errors as JSON
    bool quiet;                  // -q
    bool no_progress;            // the terminal is somebody else's: no progress bars
    char *token;                 // shown to sms and to its nodes; NULL: none. Never printed
    bool stdout_tty, stderr_tty;
    bool color_out, color_err;
    int signal; // a command was ended by this signal; the exit code is 128 + signal then
};

struct command {
    const char *name;      // "files ls"
    const char *arguments; // "[FILE...]", for the usage line
    const char *summary;   // one line
    const char *details;   // paragraphs for --help, or NULL
    struct flag_set flags;
    size_t rest_min, rest_max; // positional arguments
    bool guest_arguments;      // everything behind the first positional argument is the guest's, flags too
    int (*run)(struct cli *cli, const struct args *args);
};

#define FLAG_SET(array)                                                                                                \
    { (array), COUNT_OF(array) }

extern const struct command up_command, run_command, deploy_command, invoke_command;
extern const struct command files_ls_command, files_get_command, files_put_command, files_rm_command;
extern const struct command tasks_ls_command, tasks_get_command, tasks_rm_command;
extern const struct command token_create_command, token_list_command, token_revoke_command, audit_command;
extern const struct command nodes_ls_command, nodes_get_command, nodes_rm_command;

#endif
