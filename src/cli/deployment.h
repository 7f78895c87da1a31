// A module made callable: uploaded and registered as a task. Used by `spear deploy` and `spear run`.
#ifndef SPEAR_CLI_DEPLOYMENT_H
#define SPEAR_CLI_DEPLOYMENT_H

#include "cli/transfer.h"

enum { TASK_ID_TEXT_MAX = 128 };

struct deployment {
    const struct local_file *module;
    const char *task_name, *version, *endpoint, *priority;
    char *const *guest_args; // argv[1]… of the guest
    size_t guest_arg_count;
    const struct args *flags;        // its --env K=V, --config K=V and (deploy) --arg A
    uint64_t time_ms, payload_bytes; // limits set besides --config, which wins; 0: none
};

struct deployed {
    struct uploaded file;
    char task_id[TASK_ID_TEXT_MAX];
};

// Checks --env and --config by themselves, before anything is sent. ERR_INVALID_CONFIGURATION.
int deployment_check_flags(const struct args *flags, struct err *e);
// Uploads, then registers; a file whose registration fails is removed again.
int deployment_make(struct api *api, const struct deployment *d, struct deployed *ret, struct err *e);

#endif
