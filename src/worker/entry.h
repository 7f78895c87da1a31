// Which export an invocation calls, and its params and results as JSON (contract, section 5, "Entry").
#ifndef SPEAR_WORKER_ENTRY_H
#define SPEAR_WORKER_ENTRY_H

#include "base/buf.h"
#include "worker/engine.h"

struct entry {
    struct span name;
    bool is_default; // an i32 that it returns is the exit code; its results are not told otherwise
    struct engine_signature signature;
    struct engine_value params[ENGINE_PARAMS_MAX];
};

// `function` empty or "__spear_default_entry__": `_start`, else `main` with () or (argc, argv: main_arguments.h). Any other name: that
// export. `params_json` is a JSON array, or empty. The name belongs to the caller or to the module. ERR_INVALID_REQUEST says what does not fit and lists
// the exports with their types.
int entry_select(const struct engine_module *module, struct span function, struct span params_json, struct entry *ret,
                 struct err *e);
// Appends the results as a JSON array: i64 beyond 2^53 as decimal strings, "NaN", "Infinity", "-Infinity". -1 past the buffer's ceiling.
int entry_results(const struct entry *entry, const struct engine_value *results, struct buf *out);

#endif
