// Fuzzes the module parser: it refuses with a text, or gives a module that it accepts again unchanged.
#include "base/mem.h"
#include "fuzz/fuzz.h"
#include "worker/host.h"
#include "worker/reset_names.h"
#include "worker/wasm_module.h"

// The host table's functions refer to it; the parser only compares their types and calls none of them.
void *engine_memory_at(struct engine_memory *memory, uint32_t offset, uint64_t n) {
    (void)memory, (void)offset, (void)n;
    return NULL;
}

static int prepare(struct span module, uint8_t *to, size_t capacity, size_t *ret_n) {
    size_t count;
    const struct engine_host_function *functions = host_functions(&count);
    struct wasm_limits limits = {.memory_bytes = 16 << 20, .functions = functions, .function_count = count};
    struct wasm_output out = {.p = to, .capacity = capacity};
    struct err e;
    int status = wasm_prepare(module, &limits, &out, &e);
    ASSERT(status == 0 || e.text[0]);
    *ret_n = out.n;
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    size_t capacity = size + 2 * WASM_OUTPUT_EXTRA_BYTES, n, again_n;
    AUTO_FREE uint8_t *first = mem_alloc(capacity), *again = mem_alloc(capacity);
    if (prepare(span_make(data, size), first, capacity, &n) != 0)
        return 0;
    // A module with the exports that preparation adds is refused, since no upload may have their names.
    if (prepare(span_make(first, n), again, capacity, &again_n) != 0) {
        ASSERT(span_contains(span_make(first, n), SPAN_LITERAL(RESET_NAME_PREFIX)));
        return 0;
    }
    ASSERT(n == again_n && memcmp(first, again, n) == 0);
    return 0;
}
