// Finds the end of each instruction, to know which ones a module has. Validates nothing: that is the engine's, which reads the same bytes by the
// same rules (WebAssembly core specification 2.0, "Binary Format", Instructions). What is not understood is answered as such, never as harmless.
#ifndef SPEAR_WORKER_WASM_INSTRUCTIONS_H
#define SPEAR_WORKER_WASM_INSTRUCTIONS_H

#include "base/span.h"

struct wasm_decoder {
    uint8_t immediates[256]; // by opcode
};

void wasm_decoder_init(struct wasm_decoder *d);
// True when nothing that these instructions (a function's, without its locals) do outlives a reset of memory and mutable globals: no change of a table, no
// dropped segment, and no instruction that is not known.
bool wasm_code_is_undoable(const struct wasm_decoder *d, struct span code);
// The length of the constant expression that the bytes begin with, its `end` included; 0 when that cannot be told.
size_t wasm_constant_bytes(const struct wasm_decoder *d, struct span bytes);

#endif
