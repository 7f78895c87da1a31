// Fuzzes the params of a call: JSON against a signature (its length, then one type each). What is read survives being written and read again.
#include "base/mem.h"
#include "fuzz/fuzz.h"
#include "worker/entry_values.h"

enum { WRITTEN_MAX = 4096 };

static size_t take_signature(const uint8_t *data, size_t size, struct engine_signature *ret) {
    *ret = (struct engine_signature){.param_count = size ? data[0] % (ENGINE_PARAMS_MAX + 1) : 0};
    size_t used = size ? 1 : 0;
    for (uint32_t i = 0; i < ret->param_count; i++)
        ret->params[i] = used < size ? (enum engine_type)(data[used++] % ENGINE_OTHER) : ENGINE_I32;
    return used;
}

static void read_back(const struct engine_signature *signature, const struct engine_value *values) {
    struct engine_value again[ENGINE_PARAMS_MAX];
    struct buf text, second;
    buf_init(&text, WRITTEN_MAX);
    buf_init(&second, WRITTEN_MAX);
    ASSERT(entry_values_write(values, signature->param_count, &text) == 0);
    ASSERT(entry_values_read(buf_span(&text), SPAN_LITERAL("f"), signature, again, NULL) == 0);
    ASSERT(entry_values_write(again, signature->param_count, &second) == 0);
    ASSERT(span_equal(buf_span(&text), buf_span(&second)));
    buf_done(&text);
    buf_done(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct engine_signature signature;
    struct engine_value values[ENGINE_PARAMS_MAX] = {0};
    struct err e;
    size_t used = take_signature(data, size, &signature);
    if (entry_values_read(span_make(data + used, size - used), SPAN_LITERAL("f"), &signature, values, &e) == 0)
        read_back(&signature, values);
    else
        ASSERT(e.kind == ERR_INVALID_REQUEST && e.text[0]);
    return 0;
}
