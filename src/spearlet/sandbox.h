// What cages this node's guests, and what is said about it: in the log at start, in GET /status.
#ifndef SPEAR_SPEARLET_SANDBOX_H
#define SPEAR_SPEARLET_SANDBOX_H

#include "base/json.h"
#include "runtime/runtime.h"

// At start, before the loops run: waits until the worker program has told what it can have, and warns of each part that is missing. -1 with e when
// the setting asks for more than there is.
int sandbox_settle(struct runtime_shared *runtimes, enum sandbox_requirement requirement, struct err *e);
// Adds the member "sandbox".
void sandbox_add(const struct runtime_shared *runtimes, enum sandbox_requirement requirement, struct json_out *out,
                 json_node *root);

#endif
