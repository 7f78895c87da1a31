// JSON (RFC 8259), read and written through yyjson; the only file that includes it is json.c.
//
// Reading: the document owns everything; spans and values live as long as it. Writing: a tree built with json_new_* and
// written once. Strings are copied in both directions where they cross.
#ifndef SPEAR_BASE_JSON_H
#define SPEAR_BASE_JSON_H

#include "base/buf.h"
#include "base/err.h"

struct json_doc;                         // a parsed document
typedef struct yyjson_val json_val;      // a value in it; NULL stands for "absent" everywhere below
struct json_out;                         // a document being written
typedef struct yyjson_mut_val json_node; // a value in it

// Parses the whole text, depth and size bounded by the caller's text. ERR_SERIALIZATION (HTTP 400) with the offset.
int json_parse(struct span text, struct json_doc **ret_doc, struct err *e);
void json_free(struct json_doc *doc); // NULL allowed
json_val *json_root(const struct json_doc *doc);
void json_free_pointer(struct json_doc **doc); // for CLEANUP

bool json_is_object(json_val *v);
bool json_is_array(json_val *v);
bool json_is_string(json_val *v);
bool json_is_number(json_val *v);
bool json_is_integer(json_val *v);
bool json_is_bool(json_val *v);
bool json_is_null(json_val *v); // also true for absent
// The member of that name, or NULL. The first one counts when a name is there twice.
json_val *json_get(json_val *object, const char *key);
struct span json_string(json_val *v); // empty unless a string
int64_t json_i64(json_val *v);        // 0 unless an integer in range
double json_f64(json_val *v);         // any number; 0 otherwise
bool json_bool(json_val *v);          // false unless true
size_t json_count(json_val *array_or_object);
json_val *json_at(json_val *array, size_t index); // O(index); use json_each for loops
// Calls f(ctx, key, value) for each member (object) or (empty key, value) for each element (array) until f is non-zero.
int json_each(json_val *v, int (*f)(void *ctx, struct span key, json_val *value), void *ctx);
// The text of a value, appended to out.
int json_print(json_val *v, struct buf *out);

// Checked reading of a request body: ERR_UNPROCESSABLE naming the field ("field \"name\" is required",
// "field \"priority\" must be a string, not a number").
int json_need_string(json_val *object, const char *key, struct span *ret, struct err *e);
// Optional ones: absent or null leaves *ret as it is.
int json_want_string(json_val *object, const char *key, struct span *ret, struct err *e);
int json_want_i64(json_val *object, const char *key, int64_t min, int64_t max, int64_t *ret, struct err *e);
int json_want_bool(json_val *object, const char *key, bool *ret, struct err *e);
int json_want_object(json_val *object, const char *key, json_val **ret, struct err *e);
int json_want_array(json_val *object, const char *key, json_val **ret, struct err *e);

// Writing. Keys and string values are copied; text that is not UTF-8 has its bad bytes replaced by U+FFFD.
struct json_out *json_out_new(void);
void json_out_free(struct json_out *out);         // NULL allowed
json_node *json_out_object(struct json_out *out); // a new value; the first one made becomes the root
json_node *json_out_array(struct json_out *out);
void json_add_string(struct json_out *out, json_node *object, const char *key, struct span value);
void json_add_text(struct json_out *out, json_node *object, const char *key, const char *value); // NULL writes null
void json_add_i64(struct json_out *out, json_node *object, const char *key, int64_t value);
void json_add_f64(struct json_out *out, json_node *object, const char *key, double value); // not finite: null
void json_add_bool(struct json_out *out, json_node *object, const char *key, bool value);
void json_add_null(struct json_out *out, json_node *object, const char *key);
json_node *json_add_object(struct json_out *out, json_node *object, const char *key);
json_node *json_add_array(struct json_out *out, json_node *object, const char *key);
// A deep copy of a parsed value.
void json_add_value(struct json_out *out, json_node *object, const char *key, json_val *value);
// A key of any bytes (a span), for maps.
void json_add_string_at(struct json_out *out, json_node *object, struct span key, struct span value);
void json_push_string(struct json_out *out, json_node *array, struct span value);
void json_push_i64(struct json_out *out, json_node *array, int64_t value);
void json_push_f64(struct json_out *out, json_node *array, double value);
void json_push_value(struct json_out *out, json_node *array, json_val *value);
json_node *json_push_object(struct json_out *out, json_node *array);
// Appends the compact text (pretty with `pretty`). -1 past the buffer's ceiling.
int json_out_print(struct json_out *out, bool pretty, struct buf *to);

#endif
