// Types, values and signatures, ours and the API's.
#include "worker/engine_internal.h"

#include "base/mem.h"

enum engine_type engine_type_from(WasmEdge_ValType type) {
    if (WasmEdge_ValTypeIsI32(type))
        return ENGINE_I32;
    if (WasmEdge_ValTypeIsI64(type))
        return ENGINE_I64;
    if (WasmEdge_ValTypeIsF32(type))
        return ENGINE_F32;
    return WasmEdge_ValTypeIsF64(type) ? ENGINE_F64 : ENGINE_OTHER;
}

WasmEdge_ValType engine_type_to(enum engine_type type) {
    switch (type) {
    case ENGINE_I32:
        return WasmEdge_ValTypeGenI32();
    case ENGINE_I64:
        return WasmEdge_ValTypeGenI64();
    case ENGINE_F32:
        return WasmEdge_ValTypeGenF32();
    case ENGINE_F64:
    case ENGINE_OTHER:
        break;
    }
    ASSERT(type == ENGINE_F64);
    return WasmEdge_ValTypeGenF64();
}

WasmEdge_Value engine_value_to(const struct engine_value *value) {
    switch (value->type) {
    case ENGINE_I32:
        return WasmEdge_ValueGenI32(value->of.i32);
    case ENGINE_I64:
        return WasmEdge_ValueGenI64(value->of.i64);
    case ENGINE_F32:
        return WasmEdge_ValueGenF32(value->of.f32);
    case ENGINE_F64:
    case ENGINE_OTHER:
        break;
    }
    ASSERT(value->type == ENGINE_F64);
    return WasmEdge_ValueGenF64(value->of.f64);
}

struct engine_value engine_value_from(WasmEdge_Value value, enum engine_type type) {
    struct engine_value ret = {.type = type};
    if (type == ENGINE_I32)
        ret.of.i32 = WasmEdge_ValueGetI32(value);
    else if (type == ENGINE_I64)
        ret.of.i64 = WasmEdge_ValueGetI64(value);
    else if (type == ENGINE_F32)
        ret.of.f32 = WasmEdge_ValueGetF32(value);
    else if (type == ENGINE_F64)
        ret.of.f64 = WasmEdge_ValueGetF64(value);
    return ret;
}

void engine_signature_from(const WasmEdge_FunctionTypeContext *type, struct engine_signature *ret) {
    WasmEdge_ValType types[ENGINE_PARAMS_MAX];
    *ret = (struct engine_signature){0};
    ret->param_count = WasmEdge_FunctionTypeGetParametersLength(type);
    ret->result_count = WasmEdge_FunctionTypeGetReturnsLength(type);
    WasmEdge_FunctionTypeGetParameters(type, types, ENGINE_PARAMS_MAX);
    for (uint32_t i = 0; i < ret->param_count && i < ENGINE_PARAMS_MAX; i++)
        ret->params[i] = engine_type_from(types[i]);
    WasmEdge_FunctionTypeGetReturns(type, types, ENGINE_PARAMS_MAX);
    for (uint32_t i = 0; i < ret->result_count && i < ENGINE_PARAMS_MAX; i++)
        ret->results[i] = engine_type_from(types[i]);
}
