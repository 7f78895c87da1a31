// Preparation: first our own parser, which bounds and strips, then the engine's load and validation of what is left, in a process that does
// nothing else.
#include "worker/prepare.h"

#include "worker/host.h"
#include "worker/wasm_module.h"

_Static_assert((int)WASM_OUTPUT_EXTRA_BYTES <= (int)IPC_PREPARE_EXTRA_BYTES, "the protocol promises enough room");

static int validate(const struct wasm_output *prepared, const struct ipc_limits *limits, struct err *e) {
    struct engine *engine = NULL;
    int64_t offset = -1;
    if (engine_new(NULL, 0, NULL, limits->memory_bytes, &engine, e))
        return -1;
    int failed = engine_check(engine, span_make(prepared->p, prepared->n), &offset, e);
    if (failed && offset >= 0)
        err_wrap(e, "offset %zu", wasm_uploaded_offset(prepared, (size_t)offset));
    engine_free(engine);
    return failed;
}

int prepare_module(const struct shared *s, const struct ipc_limits *limits, uint64_t *ret_module_bytes, struct err *e) {
    struct wasm_limits wasm = {.memory_bytes = limits->memory_bytes};
    wasm.functions = host_functions(&wasm.function_count);
    struct guest_area area = shared_output(s);
    struct wasm_output output = {.p = area.p, .capacity = area.capacity};
    if (wasm_prepare(s->module, &wasm, &output, e) || validate(&output, limits, e))
        return -1;
    *ret_module_bytes = output.n;
    return 0;
}
