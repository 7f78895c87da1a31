// The first bytes of an uploaded file: whether they are a WebAssembly module's, and if not, what they look like and what helps.
//
// Pure functions over the first four bytes (more are shown, none are interpreted), so every program may ask: the command line
// before it uploads, spearlet when it has fetched, the worker before it parses.
#ifndef SPEAR_MODEL_MODULE_HEAD_H
#define SPEAR_MODEL_MODULE_HEAD_H

#include "base/err.h"

#include <stdbool.h>

enum { MODULE_MAGIC_BYTES = 4, MODULE_HEAD_BYTES = 8, MODULE_HEAD_TEXT = 3 * MODULE_HEAD_BYTES + 1 };

// "is <what>", then what to do about it. Both are static texts.
struct module_head {
    const char *what, *advice;
};

// True when the bytes are no module's but are known: programs, archives, texts. An empty file is unknown.
bool module_head_recognize(struct span file, struct module_head *ret);
// "7f 45 4c 46 02 01 01 00": the first MODULE_HEAD_BYTES of them, or "nothing".
void module_head_text(struct span file, char ret_text[MODULE_HEAD_TEXT]);
// 0 when the file begins with 00 61 73 6d; else ERR_INVALID_CONFIGURATION "missing WASM magic header: ..." with the first bytes seen, and
// what is recognised in them.
int module_head_check(struct span file, struct err *e);

#endif
