// The trial that a reset has to pass on the engine that is loaded before it is used on guests: a memory that is written and grown, a global that is set,
// then all of it back, nothing readable above the memory's end, and zeros there when it grows again.
#include "worker/engine_internal.h"

#include "base/mem.h"
#include "worker/engine_reset.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

// s(at, value): i32.store8     l(at) -> i32: i32.load8_u     g(pages) -> i32: memory.grow     p(value): global.set     r() -> i32: global.get
// and the exports that preparation adds (reset_names.h).
static const uint8_t module_bytes[] = {
    0x00,
    0x61,
    0x73,
    0x6d,
    0x01,
    0x00,
    0x00,
    0x00,
    // types
    0x01,
    0x13,
    0x04,
    0x60,
    0x02,
    0x7f,
    0x7f,
    0x00,
    0x60,
    0x01,
    0x7f,
    0x01,
    0x7f,
    0x60,
    0x01,
    0x7f,
    0x00,
    0x60,
    0x00,
    0x01,
    0x7f,
    // functions
    0x03,
    0x06,
    0x05,
    0x00,
    0x01,
    0x01,
    0x02,
    0x03,
    // memory 1 4
    0x05,
    0x04,
    0x01,
    0x01,
    0x01,
    0x04,
    // global i32 7
    0x06,
    0x06,
    0x01,
    0x7f,
    0x01,
    0x41,
    0x07,
    0x0b,
    // exports
    0x07,
    0x48,
    0x08,
    0x01,
    0x73,
    0x00,
    0x00,
    0x01,
    0x6c,
    0x00,
    0x01,
    0x01,
    0x67,
    0x00,
    0x02,
    0x01,
    0x70,
    0x00,
    0x03,
    0x01,
    0x72,
    0x00,
    0x04,
    0x0b,
    0x73,
    0x70,
    0x65,
    0x61,
    0x72,
    0x3a,
    0x72,
    0x65,
    0x73,
    0x65,
    0x74,
    0x00,
    0x00,
    0x12,
    0x73,
    0x70,
    0x65,
    0x61,
    0x72,
    0x3a,
    0x72,
    0x65,
    0x73,
    0x65,
    0x74,
    0x20,
    0x6d,
    0x65,
    0x6d,
    0x6f,
    0x72,
    0x79,
    0x02,
    0x00,
    0x0d,
    0x73,
    0x70,
    0x65,
    0x61,
    0x72,
    0x3a,
    0x72,
    0x65,
    0x73,
    0x65,
    0x74,
    0x20,
    0x30,
    0x03,
    0x00,
    // code
    0x0a,
    0x26,
    0x05,
    0x09,
    0x00,
    0x20,
    0x00,
    0x20,
    0x01,
    0x3a,
    0x00,
    0x00,
    0x0b,
    0x07,
    0x00,
    0x20,
    0x00,
    0x2d,
    0x00,
    0x00,
    0x0b,
    0x06,
    0x00,
    0x20,
    0x00,
    0x40,
    0x00,
    0x0b,
    0x06,
    0x00,
    0x20,
    0x00,
    0x24,
    0x00,
    0x0b,
    0x04,
    0x00,
    0x23,
    0x00,
    0x0b,
    // data 42
    0x0b,
    0x07,
    0x01,
    0x00,
    0x41,
    0x00,
    0x0b,
    0x01,
    0x2a,
};
enum { DATA_BYTE = 42, GLOBAL_VALUE = 7, PAGES = 1, BEYOND = ENGINE_PAGE_BYTES };

static int32_t call(struct engine_instance *i, const char *name, int32_t first, int32_t second, bool *ret_trapped) {
    const struct engine_value params[] = {{.type = ENGINE_I32, .of.i32 = first},
                                          {.type = ENGINE_I32, .of.i32 = second}};
    struct engine_value results[ENGINE_PARAMS_MAX] = {{.type = ENGINE_I32}};
    bool exited;
    *ret_trapped = engine_call(i, span_of(name), params, results, &exited, NULL) != 0;
    return results[0].of.i32;
}

// The kernel refuses to write where nothing may be (the system call itself: the C library may write random bytes on its own).
static bool is_fenced(struct engine_instance *i) {
    uint8_t *base =
        WasmEdge_MemoryInstanceGetPointer(WasmEdge_ModuleInstanceFindMemory(i->state, i->module->reset_memory), 0, 1);
    return syscall(SYS_getrandom, base + BEYOND, 1, 0) == -1 && errno == EFAULT;
}

static bool is_first_state(struct engine_instance *i) {
    bool trapped;
    return call(i, "g", 0, 0, &trapped) == PAGES && call(i, "r", 0, 0, &trapped) == GLOBAL_VALUE &&
           call(i, "l", 0, 0, &trapped) == DATA_BYTE && call(i, "l", BEYOND - 1, 0, &trapped) == 0 && !trapped &&
           (call(i, "l", BEYOND, 0, &trapped), trapped) && is_fenced(i);
}

static void disturb(struct engine_instance *i) {
    bool trapped;
    call(i, "s", 0, 1, &trapped);
    call(i, "s", BEYOND - 1, 1, &trapped);
    call(i, "p", 1, 0, &trapped);
    call(i, "g", 2, 0, &trapped);
    call(i, "s", BEYOND, 1, &trapped);
    call(i, "l", -1, 0, &trapped); // ends in a trap
}

// Growing again gives zeros where something was written before.
static bool grows_anew(struct engine_instance *i) {
    bool trapped;
    return call(i, "g", 1, 0, &trapped) == PAGES && call(i, "l", BEYOND, 0, &trapped) == 0 && !trapped;
}

static bool try_on(struct engine_instance *i) {
    if (!is_first_state(i) || !engine_remember(i))
        return false;
    for (int round = 0; round < 2; round++) {
        disturb(i);
        if (!engine_reset(i) || !is_first_state(i) || !grows_anew(i) || !engine_reset(i))
            return false;
    }
    return true;
}

void engine_reset_try(void) {
    struct engine *g = NULL;
    struct engine_module *m = NULL;
    struct engine_instance *i = NULL;
    if (!engine_reset_knows_types())
        return;
    engine_reset_set_proven(true); // for the trial
    bool works = !engine_new(NULL, 0, NULL, 4 * ENGINE_PAGE_BYTES, &g, NULL) &&
                 !engine_load(g, span_make(module_bytes, sizeof module_bytes), &m, NULL) &&
                 !engine_instantiate(g, m, &i, NULL) && try_on(i);
    engine_reset_set_proven(works);
    engine_instance_free(i);
    engine_module_free(m);
    engine_free(g);
}
