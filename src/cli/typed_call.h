// A call of a named export with typed parameters; used by invocation.c alone.
#ifndef SPEAR_CLI_TYPED_CALL_H
#define SPEAR_CLI_TYPED_CALL_H

#include "cli/invocation.h"

// Fills result->output, results, exit_code, error and where the record is. As invocation_run: 0 or -1.
int typed_call_run(struct api *api, const struct invocation *invocation, struct invocation_result *result);

#endif
