// Preparation: first our own parser, which bounds and strips, then the engine's load and validation of what is left, in a process that does
// nothing else.
#include "worker/prepare.h"

#include "base/mem.h"
#include "worker/host.h"
#include "worker/wasm_module.h"

_Static_assert((int)WASM_OUTPUT_EXTRA_BYTES <= (int)IPC_PREPARE_EXTRA_BYTES, "the protocol promises enough room");

// The engine names the proposal that an instruction belongs to; what to do about it is ours to say. An engine that words it otherwise costs
// the advice, not the refusal.
static void add_advice(struct err *e) {
    static const char *const proposals[][2] = {
        {"Threads proposal", "threads are not supported: rebuild it without -pthread and atomics"},
        {"Exception Handling proposal",
         "exception handling is not supported: rebuild it with -fno-exceptions (Rust: panic=abort)"},
        {"Garbage Collection proposal", "garbage collection is not supported: rebuild it from a language that compiles "
                                        "to plain WebAssembly (C, C++, Rust, Go, AssemblyScript)"},
        {"Function References proposal", "typed function references are not supported: rebuild it without them"},
        {"Memory64 proposal", "64-bit memories are not supported: rebuild it for wasm32"},
        {"Multi Memories proposal", "only one memory is supported: rebuild it with one"},
        {"Relaxed SIMD proposal", "relaxed SIMD is not supported: rebuild it without -mrelaxed-simd"},
    };
    struct err found = *e;
    for (size_t i = 0; i < COUNT_OF(proposals); i++) {
        if (strstr(found.text, proposals[i][0])) {
            err_set(e, found.kind, "%s; %s", found.text, proposals[i][1]);
            return;
        }
    }
}

static int validate(const struct wasm_output *prepared, const struct ipc_limits *limits, struct err *e) {
    struct engine *engine = NULL;
    int64_t offset = -1;
    if (engine_new(NULL, 0, NULL, limits->memory_bytes, &engine, e))
        return -1;
    int failed = engine_check(engine, span_make(prepared->p, prepared->n), &offset, e);
    if (failed && offset >= 0)
        err_wrap(e, "offset %zu", wasm_uploaded_offset(prepared, (size_t)offset));
    if (failed && e)
        add_advice(e);
    engine_free(engine);
    return failed;
}

int prepare_module(const struct shared *s, const struct ipc_limits *limits, uint64_t *ret_module_bytes, struct err *e) {
    struct wasm_limits wasm = {.memory_bytes = limits->memory_bytes};
    wasm.functions = host_functions(&wasm.function_count);
    struct guest_area area = shared_areas(s, 0, true).output;
    struct wasm_output output = {.p = area.p, .capacity = area.capacity};
    if (wasm_prepare(s->module, &wasm, &output, e) || validate(&output, limits, e))
        return -1;
    *ret_module_bytes = output.n;
    return 0;
}
