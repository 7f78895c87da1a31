// Puts argv where a guest's main finds it. The array comes first, then the texts.
#include "worker/main_arguments.h"

#include "base/mem.h"

enum { POINTER_BYTES = 4, PAGE_BYTES = 65536 };

static bool takes_arguments(const struct entry *entry) {
    return entry->is_default && entry->signature.param_count == 2;
}

static uint64_t size_of(const struct span *args, size_t arg_count) {
    uint64_t bytes = (arg_count + 1) * (uint64_t)POINTER_BYTES;
    for (size_t i = 0; i < arg_count; i++)
        bytes += args[i].n + 1;
    return bytes;
}

static bool has_malloc(const struct engine_module *module) {
    struct engine_signature s;
    return engine_export(module, SPAN_LITERAL("malloc"), &s) && s.param_count == 1 && s.params[0] == ENGINE_I32 &&
           s.result_count == 1 && s.results[0] == ENGINE_I32;
}

static int find_room(struct engine_instance *instance, const struct engine_module *module, uint64_t bytes,
                     uint32_t *ret_at, struct err *e) {
    struct engine_value size = {.type = ENGINE_I32, .of.i32 = (int32_t)bytes}, place = {.type = ENGINE_I32};
    bool exited = false;
    if (!has_malloc(module))
        return engine_memory_grow(instance, module, (uint32_t)((bytes + PAGE_BYTES - 1) / PAGE_BYTES), ret_at, e);
    if (engine_call(instance, SPAN_LITERAL("malloc"), &size, &place, &exited, e))
        return err_wrap(e, "in malloc, asked for argv");
    if (exited || place.of.i32 == 0)
        return err_set(e, ERR_RESOURCE_EXHAUSTED, "the guest's malloc has no %llu bytes for argv",
                       (unsigned long long)bytes);
    *ret_at = (uint32_t)place.of.i32;
    return 0;
}

static void write_all(char *to, uint32_t at, const struct span *args, size_t arg_count) {
    size_t text = (arg_count + 1) * POINTER_BYTES;
    for (size_t i = 0; i < arg_count; i++) {
        uint32_t pointer = at + (uint32_t)text;
        memcpy(to + i * POINTER_BYTES, &pointer, sizeof pointer);
        memcpy(to + text, args[i].p, args[i].n);
        to[text + args[i].n] = '\0';
        text += args[i].n + 1;
    }
    memset(to + arg_count * POINTER_BYTES, 0, POINTER_BYTES);
}

int main_arguments_give(struct engine_instance *instance, const struct engine_module *module, const struct span *args,
                        size_t arg_count, struct entry *entry, struct err *e) {
    struct engine_memory *memory = engine_instance_memory(instance, module);
    uint64_t bytes = size_of(args, arg_count);
    uint32_t at;
    if (!takes_arguments(entry) || !memory)
        return 0;
    if (find_room(instance, module, bytes, &at, e))
        return -1;
    char *to = engine_memory_at(memory, at, bytes);
    if (!to)
        return err_set(e, ERR_RUNTIME_ERROR, "the guest's malloc gave a place for argv that is outside its memory");
    write_all(to, at, args, arg_count);
    entry->params[0].of.i32 = (int32_t)arg_count;
    entry->params[1].of.i32 = (int32_t)at;
    return 0;
}
