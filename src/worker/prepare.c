// Preparation: first our own parser, which bounds and strips, then the engine's load and validation of what is left, in a process that does
// nothing else.
#include "worker/prepare.h"

#include "worker/host.h"
#include "worker/wasm_module.h"

_Static_assert((int)WASM_OUTPUT_EXTRA_BYTES <= (int)IPC_PREPARE_EXTRA_BYTES, "the protocol promises enough room");

static int validate(struct span prepared, const struct ipc_limits *limits, struct err *e) {
    struct engine *engine = NULL;
    struct engine_module *module = NULL;
    int failed =
        engine_new(NULL, 0, NULL, limits->memory_bytes, &engine, e) || engine_load(engine, prepared, &module, e);
    engine_module_free(module);
    engine_free(engine);
    return failed ? -1 : 0;
}

int prepare_module(const struct shared *s, const struct ipc_limits *limits, uint64_t *ret_module_bytes, struct err *e) {
    struct wasm_limits wasm = {.memory_bytes = limits->memory_bytes};
    wasm.functions = host_functions(&wasm.function_count);
    struct guest_area area = shared_output(s);
    struct wasm_output output = {.p = area.p, .capacity = area.capacity};
    if (wasm_prepare(s->module, &wasm, &output, e) || validate(span_make(output.p, output.n), limits, e))
        return -1;
    *ret_module_bytes = output.n;
    return 0;
}
