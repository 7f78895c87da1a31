// JSON through yyjson, and the only file that knows it: reading, checked reading of request bodies, writing.
//
// yyjson neither reads, copies nor writes recursively, so depth costs no stack. Its memory comes from mem.c, which never
// fails; what can still fail is said at the place.
#include "base/json.h"

#include "base/encode.h"
#include "base/mem.h"

#include <inttypes.h>
#include <math.h>
#include <yyjson.h>

struct json_out {
    yyjson_mut_doc *doc;
};

static void *allocate(void *unused, size_t size_bytes) {
    (void)unused;
    return mem_alloc(size_bytes);
}

static void *reallocate(void *unused, void *p, size_t old_size_bytes, size_t size_bytes) {
    (void)unused;
    (void)old_size_bytes;
    return mem_realloc(p, size_bytes);
}

static void release(void *unused, void *p) {
    (void)unused;
    free(p);
}

static const yyjson_alc allocator = {allocate, reallocate, release, NULL};

// Reading. A struct json_doc is a yyjson_doc by another name, so that no header needs yyjson's.

int json_parse(struct span text, struct json_doc **ret_doc, struct err *e) {
    if (text.n == 0)
        return err_set(e, ERR_SERIALIZATION, "JSON: the text is empty");
    yyjson_read_err failure;
    char *bytes = (char *)(uintptr_t)text.p; // not changed without YYJSON_READ_INSITU
    yyjson_doc *doc = yyjson_read_opts(bytes, text.n, YYJSON_READ_NOFLAG, &allocator, &failure);
    if (!doc)
        return err_set(e, ERR_SERIALIZATION, "JSON: %s at offset %zu", failure.msg, failure.pos);
    *ret_doc = (struct json_doc *)doc;
    return 0;
}

void json_free(struct json_doc *doc) {
    yyjson_doc_free((yyjson_doc *)doc);
}

void json_free_pointer(struct json_doc **doc) {
    json_free(*doc);
}

json_val *json_root(const struct json_doc *doc) {
    return ((const yyjson_doc *)doc)->root;
}

bool json_is_object(json_val *v) {
    return yyjson_is_obj(v);
}

bool json_is_array(json_val *v) {
    return yyjson_is_arr(v);
}

bool json_is_string(json_val *v) {
    return yyjson_is_str(v);
}

bool json_is_number(json_val *v) {
    return yyjson_is_num(v);
}

bool json_is_integer(json_val *v) {
    return yyjson_is_int(v);
}

bool json_is_bool(json_val *v) {
    return yyjson_is_bool(v);
}

bool json_is_null(json_val *v) {
    return !v || yyjson_is_null(v);
}

json_val *json_get(json_val *object, const char *key) {
    return yyjson_obj_get(object, key);
}

struct span json_string(json_val *v) {
    return yyjson_is_str(v) ? span_make(yyjson_get_str(v), yyjson_get_len(v)) : span_of(NULL);
}

static bool fits_i64(json_val *v) {
    return yyjson_is_sint(v) || (yyjson_is_uint(v) && yyjson_get_uint(v) <= INT64_MAX);
}

int64_t json_i64(json_val *v) {
    return fits_i64(v) ? yyjson_get_sint(v) : 0;
}

double json_f64(json_val *v) {
    return yyjson_get_num(v);
}

bool json_bool(json_val *v) {
    return yyjson_is_true(v);
}

size_t json_count(json_val *array_or_object) {
    return yyjson_is_ctn(array_or_object) ? yyjson_get_len(array_or_object) : 0;
}

json_val *json_at(json_val *array, size_t index) {
    return yyjson_arr_get(array, index);
}

static int each_member(json_val *object, int (*f)(void *, struct span, json_val *), void *ctx) {
    yyjson_obj_iter i = yyjson_obj_iter_with(object);
    for (json_val *key; (key = yyjson_obj_iter_next(&i));) {
        int stop = f(ctx, json_string(key), yyjson_obj_iter_get_val(key));
        if (stop)
            return stop;
    }
    return 0;
}

int json_each(json_val *v, int (*f)(void *ctx, struct span key, json_val *value), void *ctx) {
    if (json_is_object(v))
        return each_member(v, f, ctx);
    if (!json_is_array(v))
        return 0;
    yyjson_arr_iter i = yyjson_arr_iter_with(v);
    for (json_val *element; (element = yyjson_arr_iter_next(&i));) {
        int stop = f(ctx, span_of(""), element);
        if (stop)
            return stop;
    }
    return 0;
}

int json_print(json_val *v, struct buf *out) {
    if (!v)
        return buf_append_text(out, "null");
    size_t n = 0;
    char *text = yyjson_val_write_opts(v, YYJSON_WRITE_NOFLAG, &allocator, &n, NULL);
    ASSERT(text); // a parsed value is always writable
    int status = buf_append(out, text, n);
    free(text);
    return status;
}

// Checked reading.

static const char *type_words(json_val *v) {
    switch (yyjson_get_type(v)) {
    case YYJSON_TYPE_NULL:
        return "null";
    case YYJSON_TYPE_BOOL:
        return "a boolean";
    case YYJSON_TYPE_NUM:
        return "a number";
    case YYJSON_TYPE_STR:
        return "a string";
    case YYJSON_TYPE_ARR:
        return "an array";
    case YYJSON_TYPE_OBJ:
        return "an object";
    default:
        return "nothing";
    }
}

static int mistyped(struct err *e, const char *key, const char *wanted, json_val *v) {
    return err_set(e, ERR_UNPROCESSABLE, "field \"%s\" must be %s, not %s", key, wanted, type_words(v));
}

// The member, or NULL when it is absent or null; an error when there is no object to have members.
static int want(json_val *object, const char *key, json_val **ret, struct err *e) {
    if (object && !json_is_object(object))
        return err_set(e, ERR_UNPROCESSABLE, "field \"%s\": a JSON object is expected around it, not %s", key,
                       type_words(object));
    json_val *v = json_get(object, key);
    *ret = json_is_null(v) ? NULL : v;
    return 0;
}

int json_want_string(json_val *object, const char *key, struct span *ret, struct err *e) {
    json_val *v;
    if (want(object, key, &v, e) < 0)
        return -1;
    if (!v)
        return 0;
    if (!json_is_string(v))
        return mistyped(e, key, "a string", v);
    *ret = json_string(v);
    return 0;
}

int json_need_string(json_val *object, const char *key, struct span *ret, struct err *e) {
    struct span text = {NULL, 0};
    if (json_want_string(object, key, &text, e) < 0)
        return -1;
    if (!text.p)
        return err_set(e, ERR_UNPROCESSABLE, "field \"%s\" is required", key);
    *ret = text;
    return 0;
}

int json_want_i64(json_val *object, const char *key, int64_t min, int64_t max, int64_t *ret, struct err *e) {
    json_val *v;
    if (want(object, key, &v, e) < 0)
        return -1;
    if (!v)
        return 0;
    if (!json_is_number(v))
        return mistyped(e, key, "an integer", v);
    if (!json_is_integer(v))
        return err_set(e, ERR_UNPROCESSABLE, "field \"%s\" must be an integer, not %g", key, json_f64(v));
    if (!fits_i64(v) || json_i64(v) < min || json_i64(v) > max) {
        struct buf text;
        buf_init(&text, 64);
        json_print(v, &text);
        err_set(e, ERR_UNPROCESSABLE, "field \"%s\" must be from %" PRId64 " to %" PRId64 ", not %s", key, min, max,
                buf_text(&text));
        buf_done(&text);
        return -1;
    }
    *ret = json_i64(v);
    return 0;
}

int json_want_bool(json_val *object, const char *key, bool *ret, struct err *e) {
    json_val *v;
    if (want(object, key, &v, e) < 0)
        return -1;
    if (!v)
        return 0;
    if (!json_is_bool(v))
        return mistyped(e, key, "a boolean", v);
    *ret = json_bool(v);
    return 0;
}

int json_want_object(json_val *object, const char *key, json_val **ret, struct err *e) {
    json_val *v;
    if (want(object, key, &v, e) < 0)
        return -1;
    if (!v)
        return 0;
    if (!json_is_object(v))
        return mistyped(e, key, "an object", v);
    *ret = v;
    return 0;
}

int json_want_array(json_val *object, const char *key, json_val **ret, struct err *e) {
    json_val *v;
    if (want(object, key, &v, e) < 0)
        return -1;
    if (!v)
        return 0;
    if (!json_is_array(v))
        return mistyped(e, key, "an array", v);
    *ret = v;
    return 0;
}

// Writing. Every value is made by one of the new_* functions and then hung into its parent.

struct json_out *json_out_new(void) {
    struct json_out *out = NEW(struct json_out);
    out->doc = yyjson_mut_doc_new(&allocator);
    return out;
}

void json_out_free(struct json_out *out) {
    if (!out)
        return;
    yyjson_mut_doc_free(out->doc);
    free(out);
}

static json_node *root_if_first(struct json_out *out, json_node *v) {
    if (!yyjson_mut_doc_get_root(out->doc))
        yyjson_mut_doc_set_root(out->doc, v);
    return v;
}

json_node *json_out_object(struct json_out *out) {
    return root_if_first(out, yyjson_mut_obj(out->doc));
}

json_node *json_out_array(struct json_out *out) {
    return root_if_first(out, yyjson_mut_arr(out->doc));
}

static json_node *new_string(struct json_out *out, struct span text) {
    if (utf8_valid(text))
        return yyjson_mut_strncpy(out->doc, text.n ? text.p : "", text.n);
    struct buf clean;
    buf_init(&clean, SIZE_MAX);
    utf8_clean(text, &clean);
    json_node *v = yyjson_mut_strncpy(out->doc, clean.p, clean.n);
    buf_done(&clean);
    return v;
}

// JSON has no word for infinities and not-a-number: null.
static json_node *new_f64(struct json_out *out, double value) {
    return isfinite(value) ? yyjson_mut_real(out->doc, value) : yyjson_mut_null(out->doc);
}

static json_node *new_value(struct json_out *out, json_val *value) {
    return value ? yyjson_val_mut_copy(out->doc, value) : yyjson_mut_null(out->doc);
}

static void add(struct json_out *out, json_node *object, struct span key, json_node *value) {
    ASSERT(yyjson_mut_obj_add(object, new_string(out, key), value));
}

static void push(json_node *array, json_node *value) {
    ASSERT(yyjson_mut_arr_append(array, value));
}

void json_add_string(struct json_out *out, json_node *object, const char *key, struct span value) {
    add(out, object, span_of(key), new_string(out, value));
}

void json_add_text(struct json_out *out, json_node *object, const char *key, const char *value) {
    add(out, object, span_of(key), value ? new_string(out, span_of(value)) : yyjson_mut_null(out->doc));
}

void json_add_i64(struct json_out *out, json_node *object, const char *key, int64_t value) {
    add(out, object, span_of(key), yyjson_mut_sint(out->doc, value));
}

void json_add_f64(struct json_out *out, json_node *object, const char *key, double value) {
    add(out, object, span_of(key), new_f64(out, value));
}

void json_add_bool(struct json_out *out, json_node *object, const char *key, bool value) {
    add(out, object, span_of(key), yyjson_mut_bool(out->doc, value));
}

void json_add_null(struct json_out *out, json_node *object, const char *key) {
    add(out, object, span_of(key), yyjson_mut_null(out->doc));
}

json_node *json_add_object(struct json_out *out, json_node *object, const char *key) {
    json_node *v = yyjson_mut_obj(out->doc);
    add(out, object, span_of(key), v);
    return v;
}

json_node *json_add_array(struct json_out *out, json_node *object, const char *key) {
    json_node *v = yyjson_mut_arr(out->doc);
    add(out, object, span_of(key), v);
    return v;
}

void json_add_value(struct json_out *out, json_node *object, const char *key, json_val *value) {
    add(out, object, span_of(key), new_value(out, value));
}

void json_add_string_at(struct json_out *out, json_node *object, struct span key, struct span value) {
    add(out, object, key, new_string(out, value));
}

void json_push_string(struct json_out *out, json_node *array, struct span value) {
    push(array, new_string(out, value));
}

void json_push_i64(struct json_out *out, json_node *array, int64_t value) {
    push(array, yyjson_mut_sint(out->doc, value));
}

void json_push_f64(struct json_out *out, json_node *array, double value) {
    push(array, new_f64(out, value));
}

void json_push_value(struct json_out *out, json_node *array, json_val *value) {
    push(array, new_value(out, value));
}

json_node *json_push_object(struct json_out *out, json_node *array) {
    json_node *v = yyjson_mut_obj(out->doc);
    push(array, v);
    return v;
}

int json_out_print(struct json_out *out, bool pretty, struct buf *to) {
    ASSERT(yyjson_mut_doc_get_root(out->doc));
    size_t n = 0;
    yyjson_write_flag flags = pretty ? YYJSON_WRITE_PRETTY : YYJSON_WRITE_NOFLAG;
    char *text = yyjson_mut_write_opts(out->doc, flags, &allocator, &n, NULL);
    ASSERT(text); // the strings are UTF-8 and the numbers finite
    int status = buf_append(to, text, n);
    free(text);
    return status;
}
