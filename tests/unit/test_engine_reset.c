// A reset against a new instance, on random modules: after whatever an invocation did, every byte of memory, every mutable global and every table entry is what a
// new instance has, and both go on the same way; as bytecode, and a few of them as native code, which has to compute the same. SPEAR_RESET_MODULES=N tries N modules instead of a few hundred.
#include "random_module.h"
#include "unit.h"
#include "worker/engine_internal.h"
#include "worker/page_scan.h"
#include "worker/wasm_module.h"

enum {
    MODULES = 400,
    MODULES_PER_NATIVE_ONE = 20,
    MEMORY_BYTES_MAX = 64 << 20,
    ROUNDS = 3,
    CALLS_MAX = 5,
    PREPARED_EXTRA_BYTES = 1 << 16
};

static struct { uint64_t modules, refused_starts, resets, traps, grown; } counts;

// ---- what a module is run on

struct trial {
    uint64_t seed;
    struct random_module made;
    struct engine *engine;
    struct engine_module *module;
    struct engine_module *bytecode; // of native code; else NULL
};

static const char *native_directory; // NULL: bytecode

// The compiler is not made to run twice in one process.
static int compile_aside(struct span prepared, enum engine_level level, const char *path, struct err *e) {
    int status = -1;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        _exit(engine_compile(prepared, level, path, e) ? 1 : 0);
    if (child > 0 && waitpid(child, &status, 0) == child && status == 0)
        return 0;
    return err_set(e, ERR_RUNTIME_ERROR, "compiling it ended with status 0x%x", (unsigned)status);
}

static int load(struct trial *t, struct span prepared, struct err *e) {
    if (!native_directory)
        return engine_load(t->engine, prepared, &t->module, e);
    AUTO_FREE char *path = mem_printf("%s/%llu.so", native_directory, (unsigned long long)t->seed);
    enum engine_level level = t->seed % 2 ? ENGINE_LEVEL_O0 : ENGINE_LEVEL_O2;
    return compile_aside(prepared, level, path, e) || engine_load_native(t->engine, path, &t->module, e) ||
                   engine_load(t->engine, prepared, &t->bytecode, e)
               ? -1
               : 0;
}

static void trial_begin(struct trial *t, uint64_t seed) {
    const struct wasm_limits limits = {.memory_bytes = MEMORY_BYTES_MAX};
    struct err e;
    *t = (struct trial){.seed = seed};
    random_module_make(seed, &t->made);
    size_t capacity = t->made.bytes.n + PREPARED_EXTRA_BYTES;
    AUTO_FREE uint8_t *prepared = mem_alloc(capacity);
    struct wasm_output out = {.p = prepared, .capacity = capacity};
    if (wasm_prepare(buf_span(&t->made.bytes), &limits, &out, &e) ||
        engine_new(NULL, 0, NULL, MEMORY_BYTES_MAX, &t->engine, &e) || load(t, span_make(out.p, out.n), &e))
        fail_msg("module %llu: %s", (unsigned long long)seed, e.text);
}

static void trial_end(struct trial *t) {
    engine_module_free(t->module);
    engine_module_free(t->bytecode);
    engine_free(t->engine);
    buf_done(&t->made.bytes);
}

// The result, or what stands for the trap.
static int64_t call(struct engine_instance *i, uint32_t function, int32_t param) {
    char name[3] = {'f', (char)('0' + function), '\0'};
    const struct engine_value params[] = {{.type = ENGINE_I32, .of.i32 = param}};
    struct engine_value results[ENGINE_PARAMS_MAX];
    struct err e;
    bool exited;
    if (engine_call(i, span_of(name), params, results, &exited, &e)) {
        counts.traps++;
        return INT64_MIN + (int64_t)strlen(e.text);
    }
    return results[0].of.i32;
}

// A few calls, the same ones for the same number.
static void call_some(const struct trial *t, struct engine_instance *i, uint64_t seed, int64_t ret_results[CALLS_MAX]) {
    for (int n = 0; n < CALLS_MAX; n++) {
        uint32_t function = random_next(&seed) % t->made.function_count;
        ret_results[n] = call(i, function, (int32_t)random_next(&seed));
    }
}

// ---- comparing

static WasmEdge_MemoryInstanceContext *memory_of(const struct engine_instance *i) {
    return i->module->reset_memory.Length ? WasmEdge_ModuleInstanceFindMemory(i->state, i->module->reset_memory) : NULL;
}

static void compare_memory(const struct trial *t, const struct engine_instance *a, const struct engine_instance *b) {
    WasmEdge_MemoryInstanceContext *x = memory_of(a), *y = memory_of(b);
    if (!x)
        return;
    uint32_t pages = WasmEdge_MemoryInstanceGetPageSize(x);
    if (pages != WasmEdge_MemoryInstanceGetPageSize(y))
        fail_msg("module %llu: %u pages", (unsigned long long)t->seed, pages);
    if (pages && memcmp(WasmEdge_MemoryInstanceGetPointer(x, 0, 1), WasmEdge_MemoryInstanceGetPointer(y, 0, 1),
                        (size_t)pages * ENGINE_PAGE_BYTES) != 0)
        fail_msg("module %llu: memory differs", (unsigned long long)t->seed);
}

static WasmEdge_Value global_of(const struct engine_instance *i, size_t n) {
    return WasmEdge_GlobalInstanceGetValue(WasmEdge_ModuleInstanceFindGlobal(i->state, i->module->reset_globals[n]));
}

static void compare_globals(const struct trial *t, const struct engine_instance *a, const struct engine_instance *b) {
    for (size_t n = 0; n < t->module->reset_global_count; n++) {
        WasmEdge_Value x = global_of(a, n), y = global_of(b, n);
        if (memcmp(&x.Value, &y.Value, sizeof x.Value) != 0)
            fail_msg("module %llu: mutable global %zu differs", (unsigned long long)t->seed, n);
    }
}

// Tables cannot be reached from outside, so they are looked at by what calls through them do.
static void compare(const struct trial *t, const struct engine_module *module, struct engine_instance *a,
                    uint64_t seed) {
    struct engine_instance *b = NULL;
    struct err e;
    int64_t of_a[CALLS_MAX], of_b[CALLS_MAX];
    if (engine_instantiate(t->engine, module, &b, &e))
        fail_msg("module %llu: a second instance: %s", (unsigned long long)t->seed, e.text);
    if (seed % 3 == 0)
        call(b, 0, 1); // as in try_resets
    compare_memory(t, a, b);
    compare_globals(t, a, b);
    call_some(t, a, seed, of_a);
    call_some(t, b, seed, of_b);
    if (memcmp(of_a, of_b, sizeof of_a) != 0)
        fail_msg("module %llu: the same calls have other results", (unsigned long long)t->seed);
    compare_memory(t, a, b);
    compare_globals(t, a, b);
    engine_instance_free(b);
}

// ---- the property

static void disturb(const struct trial *t, struct engine_instance *i, uint64_t seed) {
    int64_t unused[CALLS_MAX];
    uint32_t at;
    call_some(t, i, seed, unused);
    if (engine_instance_memory(i, t->module) && seed % 4 == 0)
        engine_memory_grow(i, t->module, 1, &at, NULL); // as for argv
    WasmEdge_MemoryInstanceContext *memory = memory_of(i);
    counts.grown += memory && WasmEdge_MemoryInstanceGetPageSize(memory) > 4;
}

static void try_resets(const struct trial *t, struct engine_instance *i) {
    uint64_t seed = t->seed * 0x9e3779b97f4a7c15u + 7;
    bool initialized = seed % 3 == 0;
    if (initialized)
        call(i, 0, 1); // stands for _initialize
    if (engine_remember(i) == t->made.leaves_traces)
        fail_msg("module %llu %s", (unsigned long long)t->seed,
                 t->made.leaves_traces ? "leaves traces, but can be reset" : "cannot be reset");
    if (t->made.leaves_traces) {
        assert_false(engine_reset(i));
        return;
    }
    for (int round = 0; round < ROUNDS; round++) {
        disturb(t, i, seed + (uint64_t)round);
        if (!engine_reset(i))
            fail_msg("module %llu: not reset", (unsigned long long)t->seed);
        compare(t, t->module, i, seed);
        if (!engine_reset(i)) // what the comparison's calls did
            fail_msg("module %llu: not reset again", (unsigned long long)t->seed);
        if (t->bytecode) {
            compare(t, t->bytecode, i, seed);
            assert_true(engine_reset(i));
        }
        counts.resets += 2;
    }
}

static void try_module(uint64_t seed) {
    struct trial t;
    struct engine_instance *i = NULL;
    trial_begin(&t, seed);
    counts.modules++;
    if (engine_instantiate(t.engine, t.module, &i, NULL))
        counts.refused_starts++; // its start function traps, or a segment does not fit
    else
        try_resets(&t, i);
    engine_instance_free(i);
    trial_end(&t);
}

static uint64_t module_count(void) {
    uint64_t n;
    const char *text = getenv("SPEAR_RESET_MODULES");
    return text && span_to_u64(span_of(text), &n) ? n : MODULES;
}

// Where the kernel does not tell touched pages, all of a small memory is compared, and a larger one cannot be reset.
static void without_scan(void **state) {
    (void)state;
    assert_false(page_scan_is_possible());
    for (uint64_t seed = 1; seed <= module_count() / 8; seed++) {
        struct random_module made;
        random_module_make(seed, &made);
        buf_done(&made.bytes);
        if (made.memory_pages <= 12) // starting may grow it by four
            try_module(seed);
    }
}

static void as_native_code(void **state) {
    (void)state;
    char *directory = unit_directory();
    native_directory = directory;
    for (uint64_t n = 1; n <= module_count() / MODULES_PER_NATIVE_ONE; n++)
        try_module(n * MODULES_PER_NATIVE_ONE);
    native_directory = NULL;
    unit_directory_done(directory);
}

static void with_scan(void **state) {
    (void)state;
    page_scan_open();
    if (!page_scan_is_possible())
        fail_msg("/proc/self/pagemap does not tell touched pages");
    for (uint64_t seed = 1; seed <= module_count(); seed++)
        try_module(seed);
    print_message("%llu modules (%llu do not start), %llu resets, %llu traps, %llu times grown\n",
                  (unsigned long long)counts.modules, (unsigned long long)counts.refused_starts,
                  (unsigned long long)counts.resets, (unsigned long long)counts.traps,
                  (unsigned long long)counts.grown);
    assert_true(counts.resets > counts.modules && counts.traps && counts.grown);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_scan),
        cmocka_unit_test(with_scan),
        cmocka_unit_test(as_native_code),
    };
    engine_warm_up();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
