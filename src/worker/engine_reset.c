// Putting an instance back to an earlier state: memory by its image (memory_image.c), mutable globals through the exports that preparation added,
// growth by hand.
//
// The API cannot shrink a memory. It gives its live type, though, whose minimum is the number of pages: that is set back, and the pages above are made
// inaccessible again, as the engine reserved them; growing maps new ones there. engine_reset_try.c proves on the running engine that this is so.
#include "worker/engine_internal.h"

#include "base/mem.h"
#include "worker/engine_reset.h"
#include "worker/memory_image.h"

#include <sys/mman.h>

struct global {
    WasmEdge_GlobalInstanceContext *at;
    WasmEdge_Value value;
};

struct engine_snapshot {
    WasmEdge_MemoryInstanceContext *memory; // NULL: the module has none
    uint32_t pages;
    struct memory_image image;
    struct global *globals;
    size_t global_count;
};

static bool is_proven; // by engine_reset_try

void engine_reset_set_proven(bool proven) {
    is_proven = proven;
}

void engine_snapshot_free(struct engine_snapshot *s) {
    if (!s)
        return;
    memory_image_done(&s->image);
    free(s->globals);
    free(s);
}

// ---- the memory's size

// Where the live type keeps its minimum: after one byte of flags, aligned (AST::Limit of the engine's source).
enum { TYPE_MINIMUM_OFFSET = 4, TYPE_MAXIMUM_OFFSET = 8 };

static uint32_t *page_count_of(const WasmEdge_MemoryTypeContext *type) {
    return (uint32_t *)((uintptr_t)type + TYPE_MINIMUM_OFFSET);
}

bool engine_reset_knows_types(void) {
    const WasmEdge_Limit limit = {.HasMax = true, .Min = 0x1234, .Max = 0x5678};
    WasmEdge_MemoryTypeContext *type = WasmEdge_MemoryTypeCreate(limit);
    uint32_t maximum;
    memcpy(&maximum, (const char *)type + TYPE_MAXIMUM_OFFSET, sizeof maximum);
    bool known = *page_count_of(type) == limit.Min && maximum == limit.Max;
    WasmEdge_MemoryTypeDelete(type);
    return known;
}

static uint8_t *base_of(WasmEdge_MemoryInstanceContext *memory) {
    return WasmEdge_MemoryInstanceGetPointer(memory, 0, 1);
}

static bool shrink(WasmEdge_MemoryInstanceContext *memory, uint32_t pages) {
    uint32_t now = WasmEdge_MemoryInstanceGetPageSize(memory);
    if (now == pages)
        return true;
    uint8_t *base = base_of(memory);
    if (now < pages || !base)
        return false;
    void *tail = base + (size_t)pages * ENGINE_PAGE_BYTES;
    if (mmap(tail, (size_t)(now - pages) * ENGINE_PAGE_BYTES, PROT_NONE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) != tail)
        return false;
    *page_count_of(WasmEdge_MemoryInstanceGetMemoryType(memory)) = pages;
    return WasmEdge_MemoryInstanceGetPageSize(memory) == pages;
}

// ---- remembering

static bool remember_memory(struct engine_snapshot *s, const struct engine_instance *i) {
    if (!i->module->reset_memory.Length)
        return true;
    s->memory = WasmEdge_ModuleInstanceFindMemory(i->state, i->module->reset_memory);
    s->pages = WasmEdge_MemoryInstanceGetPageSize(s->memory);
    return s->pages == 0 || memory_image_take(&s->image, base_of(s->memory), (size_t)s->pages * ENGINE_PAGE_BYTES);
}

static void remember_globals(struct engine_snapshot *s, const struct engine_instance *i) {
    s->global_count = i->module->reset_global_count;
    s->globals = mem_calloc(s->global_count, sizeof *s->globals);
    for (size_t n = 0; n < s->global_count; n++) {
        struct global *g = &s->globals[n];
        g->at = WasmEdge_ModuleInstanceFindGlobal(i->state, i->module->reset_globals[n]);
        g->value = WasmEdge_GlobalInstanceGetValue(g->at);
    }
}

bool engine_remember(struct engine_instance *i) {
    ASSERT(!i->snapshot);
    if (!is_proven || !i->module->is_undoable)
        return false;
    struct engine_snapshot *s = NEW(struct engine_snapshot);
    if (!remember_memory(s, i)) {
        engine_snapshot_free(s);
        return false;
    }
    remember_globals(s, i);
    i->snapshot = s;
    return true;
}

// ---- putting back

bool engine_reset(struct engine_instance *i) {
    struct engine_snapshot *s = i->snapshot;
    if (!s || (s->memory && !shrink(s->memory, s->pages)))
        return false;
    if (s->pages && !memory_image_put_back(&s->image, base_of(s->memory)))
        return false;
    for (size_t n = 0; n < s->global_count; n++)
        if (!WasmEdge_ResultOK(WasmEdge_GlobalInstanceSetValue(s->globals[n].at, s->globals[n].value)))
            return false;
    return true;
}
