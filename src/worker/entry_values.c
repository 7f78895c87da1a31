// The conversions of entry_values.h, one function a type and direction.
#include "worker/entry_values.h"

#include "base/json.h"
#include "base/mem.h"
#include "worker/signature.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

enum { VALUE_TEXT = 64 };
static const int64_t exact_in_double_max = INT64_C(1) << 53;

static bool only_numbers(const enum engine_type *types, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        if (types[i] == ENGINE_OTHER)
            return false;
    return true;
}

bool entry_values_callable(const struct engine_signature *s) {
    return s->param_count <= ENGINE_PARAMS_MAX && s->result_count <= ENGINE_PARAMS_MAX &&
           only_numbers(s->params, s->param_count) && only_numbers(s->results, s->result_count);
}

// ---- from JSON

// "-12" or "18446744073709551615" as 64 bits, in two's complement.
static bool parse_integer(struct span text, int64_t *ret) {
    bool negative = text.n && text.p[0] == '-';
    uint64_t magnitude;
    if (!span_to_u64(negative ? span_slice(text, 1, text.n) : text, &magnitude))
        return false;
    if (negative && magnitude > (uint64_t)INT64_MAX + 1)
        return false;
    *ret = (int64_t)(negative ? 0 - magnitude : magnitude);
    return true;
}

static bool read_i64(json_val *v, struct span text, int64_t *ret) {
    return json_is_string(v) ? parse_integer(json_string(v), ret) : json_is_integer(v) && parse_integer(text, ret);
}

static bool read_i32(json_val *v, struct span text, int32_t *ret) {
    int64_t wide;
    if (!json_is_integer(v) || !parse_integer(text, &wide) || wide < INT32_MIN || wide > UINT32_MAX ||
        (wide < 0 && text.p[0] != '-'))
        return false;
    *ret = (int32_t)(uint32_t)(uint64_t)wide;
    return true;
}

static bool read_f64(json_val *v, double *ret) {
    struct span word = json_string(v);
    if (json_is_number(v))
        *ret = json_f64(v);
    else if (span_equal_text(word, "NaN"))
        *ret = (double)NAN;
    else if (span_equal_text(word, "Infinity"))
        *ret = (double)INFINITY;
    else if (span_equal_text(word, "-Infinity"))
        *ret = -(double)INFINITY;
    else
        return false;
    return true;
}

static bool read_f32(json_val *v, float *ret) {
    double wide;
    if (!read_f64(v, &wide) || (isfinite(wide) && fabs(wide) > (double)3.402823466e+38F))
        return false;
    *ret = (float)wide;
    return true;
}

static bool read_value(json_val *v, struct span text, enum engine_type type, struct engine_value *ret) {
    ret->type = type;
    switch (type) {
    case ENGINE_I32:
        return read_i32(v, text, &ret->of.i32);
    case ENGINE_I64:
        return read_i64(v, text, &ret->of.i64);
    case ENGINE_F32:
        return read_f32(v, &ret->of.f32);
    case ENGINE_F64:
        return read_f64(v, &ret->of.f64);
    case ENGINE_OTHER:
        break;
    }
    return false;
}

struct reading {
    const struct engine_signature *signature;
    struct engine_value *values;
    uint32_t at;
    const char *function;
    struct err *e;
};

static int read_one(void *ctx, struct span key, json_val *v) {
    (void)key;
    static const char *const wanted[] = {"an i32 (an integer from -2147483648 to 4294967295)",
                                         "an i64 (an integer of 64 bits, as a number or a decimal string)",
                                         "an f32 (a number in its range, \"NaN\", \"Infinity\" or \"-Infinity\")",
                                         "an f64 (a number, \"NaN\", \"Infinity\" or \"-Infinity\")", "a number"};
    struct reading *r = ctx;
    enum engine_type type = r->signature->params[r->at];
    struct buf text;
    buf_init(&text, 4096);
    json_print(v, &text);
    bool ok = read_value(v, buf_span(&text), type, &r->values[r->at]);
    if (!ok)
        err_set(r->e, ERR_INVALID_REQUEST, "param %u of %s: %.60s is not %s", r->at + 1, r->function,
                text.full ? "a long value" : buf_text(&text), wanted[type]);
    buf_done(&text);
    r->at++;
    return ok ? 0 : -1;
}

int entry_values_read(struct span json, struct span function, const struct engine_signature *s,
                      struct engine_value *ret, struct err *e) {
    char shown[NAME_TEXT], type[SIGNATURE_TEXT];
    struct json_doc *doc CLEANUP(json_free_pointer) = NULL;
    struct reading r = {.signature = s, .values = ret, .function = shown, .e = e};
    name_text(function, shown);
    signature_text(s, type);
    if (span_trim(json).n && json_parse(json, &doc, e)) {
        struct err parsed = e ? *e : (struct err){0};
        return err_set(e, ERR_INVALID_REQUEST, "params of %s: %.200s", shown, parsed.text);
    }
    json_val *root = doc ? json_root(doc) : NULL;
    if (doc && !json_is_array(root))
        return err_set(e, ERR_INVALID_REQUEST, "params of %s must be a JSON array", shown);
    size_t count = doc ? json_count(root) : 0;
    if (count != s->param_count)
        return err_set(e, ERR_INVALID_REQUEST, "%s%s takes %u params, got %zu", shown, type, s->param_count, count);
    return doc && json_each(root, read_one, &r) ? -1 : 0;
}

// ---- to JSON

static void write_double(double value, struct json_out *json, json_node *array) {
    if (isnan(value))
        json_push_string(json, array, SPAN_LITERAL("NaN"));
    else if (isinf(value))
        json_push_string(json, array, span_of(value > 0 ? "Infinity" : "-Infinity"));
    else
        json_push_f64(json, array, value);
}

// The shortest decimal that reads back as the same f32: 0.1, not 0.10000000149011612.
static double widen(float value) {
    char text[VALUE_TEXT];
    for (int digits = 6; digits < 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)value);
        if (strtof(text, NULL) == value)
            return strtod(text, NULL);
    }
    return (double)value;
}

static void write_i64(int64_t value, struct json_out *json, json_node *array) {
    char text[VALUE_TEXT];
    if (value >= -exact_in_double_max && value <= exact_in_double_max) {
        json_push_i64(json, array, value);
        return;
    }
    snprintf(text, sizeof text, "%" PRId64, value);
    json_push_string(json, array, span_of(text));
}

static void write_value(const struct engine_value *value, struct json_out *json, json_node *array) {
    switch (value->type) {
    case ENGINE_I32:
        json_push_i64(json, array, value->of.i32);
        break;
    case ENGINE_I64:
        write_i64(value->of.i64, json, array);
        break;
    case ENGINE_F32:
        write_double(isfinite(value->of.f32) ? widen(value->of.f32) : (double)value->of.f32, json, array);
        break;
    case ENGINE_F64:
        write_double(value->of.f64, json, array);
        break;
    case ENGINE_OTHER:
        ASSERT(value->type != ENGINE_OTHER); // not callable
    }
}

int entry_values_write(const struct engine_value *values, uint32_t count, struct buf *out) {
    struct json_out *json = json_out_new();
    json_node *array = json_out_array(json);
    for (uint32_t i = 0; i < count; i++)
        write_value(&values[i], json, array);
    int failed = json_out_print(json, false, out);
    json_out_free(json);
    return failed;
}
