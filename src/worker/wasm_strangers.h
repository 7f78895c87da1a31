// Modules of other worlds, recognised by what they import: which toolchain made them, and how to build them for this host.
#ifndef SPEAR_WORKER_WASM_STRANGERS_H
#define SPEAR_WORKER_WASM_STRANGERS_H

#include "worker/engine.h"

// What an import that the host does not have tells about its module: a sentence with a next step, never NULL, static.
const char *wasm_stranger_advice(struct span module, struct span name);

#endif
