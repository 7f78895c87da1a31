// One invocation through sms, with the guest's output, log and exit code. Used by `spear invoke` and `spear run`.
#ifndef SPEAR_CLI_INVOCATION_H
#define SPEAR_CLI_INVOCATION_H

#include "cli/api.h"

struct invocation {
    const char *task;     // name or id
    const char *function; // NULL: the default entry
    const char *params;   // a JSON array, or NULL
    struct span payload;
    const struct args *flags; // its --header K:V
    uint64_t timeout_ms;      // 0: the task's own
    bool want_record;         // fetch the execution's record on success too
};

struct invocation_result {
    struct api_reply reply;
    struct buf output;            // of a failed guest too
    struct buf results;           // of a named export: a JSON array; "" when there are none
    struct buf log;               // from the record
    struct buf record;            // the execution's record as JSON, "" when it was not fetched
    bool output_omitted, log_cut; // the node did not keep all of it
    int exit_code;                // of a guest that ended with a code other than 0; else 0
    struct err error;             // why it failed; ERR_NONE on success
};

// Checks --header and --params by themselves. ERR_INVALID_CONFIGURATION.
int invocation_check_flags(const struct args *flags, struct err *e);
// 0 when the guest ended with 0; -1 with result->error. Free the result with invocation_result_done in either case.
int invocation_run(struct api *api, const struct invocation *invocation, struct invocation_result *result);
void invocation_result_done(struct invocation_result *result);
// Says on stderr what the node did not keep.
void invocation_warn_of_loss(const struct cli *cli, const struct invocation_result *result);
// The exit code for the shell: the guest's (256 and more, and negative ones, become 1), else by the error's kind.
int invocation_exit_code(const struct invocation_result *result);

#endif
