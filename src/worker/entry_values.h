// Values between JSON and WebAssembly: i32 as -2^31 … 2^32-1, i64 as a number or a decimal string up to 2^64-1, floats as numbers or
// "NaN", "Infinity", "-Infinity". Nothing is rounded silently but floats.
#ifndef SPEAR_WORKER_ENTRY_VALUES_H
#define SPEAR_WORKER_ENTRY_VALUES_H

#include "base/buf.h"
#include "worker/engine.h"

// Only numbers, and at most ENGINE_PARAMS_MAX of them each way.
bool entry_values_callable(const struct engine_signature *signature);
// `json` is an array, or empty (no params). ERR_INVALID_REQUEST naming function, position, value and type.
int entry_values_read(struct span json, struct span function, const struct engine_signature *signature,
                      struct engine_value *ret, struct err *e);
int entry_values_write(const struct engine_value *values, uint32_t count, struct buf *out);

#endif
