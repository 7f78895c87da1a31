// Function types as text, for error messages: "(i32, i64) -> (f64)".
#ifndef SPEAR_WORKER_SIGNATURE_H
#define SPEAR_WORKER_SIGNATURE_H

#include "worker/engine.h"

enum { SIGNATURE_TEXT = 256, NAME_TEXT = 104 };

void signature_text(const struct engine_signature *signature, char ret_text[SIGNATURE_TEXT]);
bool signature_equal(const struct engine_signature *a, const struct engine_signature *b);
// A name out of a module, fit for a message: control characters and quotes become '?', and what is long ends in "...".
void name_text(struct span name, char ret_text[NAME_TEXT]);

#endif
