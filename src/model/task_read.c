// Reading a task from JSON and checking all of it before anybody sees it.
//
// Each reader fills one part and says which field is at fault. A half-filled task is given up by task_unref, which
// knows empty parts. Two tasks of one name or endpoint are for the store to refuse.
#include "model/task.h"

#include "base/digest.h"
#include "base/encode.h"
#include "base/mem.h"
#include "model/sms_uri.h"

#include <inttypes.h>

static int check_text(const char *field, struct span text, struct err *e) {
    if (span_find(text, '\0') < text.n)
        return err_set(e, ERR_UNPROCESSABLE, "field \"%s\" holds a NUL character", field);
    return 0;
}

// An optional text; `otherwise` when absent.
static int read_text(json_val *object, const char *key, const char *otherwise, char **ret, struct err *e) {
    struct span text = span_of(otherwise);
    if (json_want_string(object, key, &text, e) < 0 || check_text(key, text, e) < 0)
        return -1;
    *ret = span_dup(text);
    return 0;
}

static int read_required(json_val *object, const char *key, char **ret, struct err *e) {
    struct span text;
    if (json_need_string(object, key, &text, e) < 0 || check_text(key, text, e) < 0)
        return -1;
    if (text.n == 0)
        return err_set(e, ERR_UNPROCESSABLE, "field \"%s\" may not be empty", key);
    *ret = span_dup(text);
    return 0;
}

// Lists of texts and maps from text to text.

struct reading {
    const char *field;
    char **texts;
    struct task_map *map;
    size_t *count;
    struct err *e;
};

static int check_count(json_val *container, const char *field, struct err *e) {
    if (json_count(container) <= TASK_LIST_MAX)
        return 0;
    return err_set(e, ERR_UNPROCESSABLE, "field \"%s\" has %zu entries, at most %d are allowed", field,
                   json_count(container), TASK_LIST_MAX);
}

static int take_element(void *ctx, struct span unused, json_val *value) {
    (void)unused;
    struct reading *r = ctx;
    if (!json_is_string(value))
        return err_set(r->e, ERR_UNPROCESSABLE, "field \"%s\": element %zu must be a string", r->field, *r->count);
    if (check_text(r->field, json_string(value), r->e) < 0)
        return -1;
    r->texts[(*r->count)++] = span_dup(json_string(value));
    return 0;
}

static int read_texts(json_val *object, const char *key, char ***ret_texts, size_t *ret_count, struct err *e) {
    json_val *array = NULL;
    if (json_want_array(object, key, &array, e) < 0 || check_count(array, key, e) < 0)
        return -1;
    *ret_texts = mem_calloc(json_count(array), sizeof **ret_texts);
    struct reading r = {.field = key, .texts = *ret_texts, .count = ret_count, .e = e};
    return json_each(array, take_element, &r);
}

static bool map_has(const struct task_map *map, struct span key) {
    for (size_t i = 0; i < map->count; i++)
        if (span_equal_text(key, map->pairs[i].key))
            return true;
    return false;
}

static int take_member(void *ctx, struct span key, json_val *value) {
    struct reading *r = ctx;
    struct span shown = span_slice(key, 0, 200);
    if (check_text(r->field, key, r->e) < 0)
        return -1;
    if (key.n == 0)
        return err_set(r->e, ERR_UNPROCESSABLE, "field \"%s\" has an empty name in it", r->field);
    if (map_has(r->map, key))
        return err_set(r->e, ERR_UNPROCESSABLE, "field \"%s\" has \"%.*s\" twice", r->field, SPAN_ARGS(shown));
    if (!json_is_string(value))
        return err_set(r->e, ERR_UNPROCESSABLE, "field \"%s\": the value of \"%.*s\" must be a string", r->field,
                       SPAN_ARGS(shown));
    if (check_text(r->field, json_string(value), r->e) < 0)
        return -1;
    r->map->pairs[r->map->count++] = (struct task_pair){span_dup(key), span_dup(json_string(value))};
    return 0;
}

static int read_map(json_val *object, const char *key, struct task_map *ret, struct err *e) {
    json_val *members = NULL;
    if (json_want_object(object, key, &members, e) < 0 || check_count(members, key, e) < 0)
        return -1;
    ret->pairs = mem_calloc(json_count(members), sizeof *ret->pairs);
    struct reading r = {.field = key, .map = ret, .e = e};
    return json_each(members, take_member, &r);
}

// The checks of single fields.

// A name stands in paths, logs and on terminals.
static bool is_name(struct span name) {
    if (name.n == 0 || name.n > TASK_NAME_MAX || span_equal_text(name, ".") || span_equal_text(name, ".."))
        return false;
    for (size_t i = 0; i < name.n; i++) {
        unsigned char c = (unsigned char)name.p[i];
        bool c1_control = c == 0xC2 && i + 1 < name.n && (unsigned char)name.p[i + 1] < 0xA0;
        if (c < 0x20 || c == 0x7F || c == '/' || c1_control)
            return false;
    }
    return utf8_valid(name);
}

static int read_name(json_val *body, struct task *t, struct err *e) {
    if (read_required(body, "name", &t->name, e) < 0)
        return -1;
    if (is_name(span_of(t->name)))
        return 0;
    return err_set(e, ERR_UNPROCESSABLE,
                   "field \"name\": \"%.100s\" is not a name of 1 to %d bytes without control characters and \"/\"",
                   t->name, TASK_NAME_MAX);
}

static int read_priority(json_val *body, struct task *t, struct err *e) {
    static const char *const words[] = {"low", "normal", "high", "urgent"};
    if (read_text(body, "priority", "normal", &t->priority, e) < 0)
        return -1;
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (strcmp(t->priority, words[i]) == 0)
            return 0;
    return err_set(e, ERR_UNPROCESSABLE, "field \"priority\": \"%.100s\" is not one of low, normal, high, urgent",
                   t->priority);
}

static bool is_segment(struct span segment) {
    if (segment.n == 0 || span_equal_text(segment, ".") || span_equal_text(segment, ".."))
        return false;
    for (size_t i = 0; i < segment.n; i++) {
        char c = segment.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && (c == '\0' || !strchr("._~-", c)))
            return false;
    }
    return true;
}

static bool is_endpoint(struct span endpoint) {
    struct span rest = endpoint, segment;
    size_t count = 0;
    while (span_next(&rest, '/', &segment))
        if (!is_segment(segment) || ++count > TASK_ENDPOINT_SEGMENTS_MAX)
            return false;
    return !span_ends_with(endpoint, "/");
}

// Kept without the slash that a path begins with.
static int read_endpoint(json_val *body, struct task *t, struct err *e) {
    if (read_text(body, "endpoint", "", &t->endpoint, e) < 0)
        return -1;
    if (t->endpoint[0] == '/' && t->endpoint[1] != '\0')
        memmove(t->endpoint, t->endpoint + 1, strlen(t->endpoint));
    if (is_endpoint(span_of(t->endpoint)))
        return 0;
    return err_set(e, ERR_UNPROCESSABLE,
                   "field \"endpoint\": \"%.100s\" is not a path such as \"shop/orders\" (letters, digits, \"._~-\" "
                   "between single slashes, at most %d segments)",
                   t->endpoint, TASK_ENDPOINT_SEGMENTS_MAX);
}

static int read_type(json_val *executable, struct task *t, struct err *e) {
    static const char *const known[] = {"binary", "script", "container", "process"};
    if (read_required(executable, "type", &t->executable.type, e) < 0)
        return -1;
    const char *type = t->executable.type;
    if (strcmp(type, "wasm") == 0)
        return 0;
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (strcmp(type, known[i]) == 0)
            return err_set(e, ERR_NOT_SUPPORTED, "field \"type\": %s is not supported; wasm is", type);
    return err_set(e, ERR_UNPROCESSABLE, "field \"type\": \"%.100s\" is unknown; wasm is supported", type);
}

// Kept in the one form that we give back, whatever alias it came in.
static int read_uri(json_val *executable, struct task *t, struct err *e) {
    struct sms_uri parts;
    struct span uri;
    if (json_need_string(executable, "uri", &uri, e) < 0 || check_text("uri", uri, e) < 0 ||
        sms_uri_parse(uri, &parts, e) < 0)
        return -1;
    t->executable.uri = mem_printf("sms+file://%s%s%s", parts.host_port, parts.host_port[0] ? "/" : "", parts.file_id);
    return 0;
}

static int read_checksum(json_val *executable, struct task *t, struct err *e) {
    struct span hex = span_of("");
    unsigned char digest[SHA256_BYTES];
    char text[SHA256_HEX + 1] = "";
    if (json_want_string(executable, "checksum_sha256", &hex, e) < 0)
        return -1;
    if (hex.n && !sha256_from_hex(hex, digest))
        return err_set(e, ERR_UNPROCESSABLE, "field \"checksum_sha256\": \"%.*s\" is not 64 hexadecimal digits",
                       SPAN_ARGS(span_slice(hex, 0, 100)));
    if (hex.n)
        sha256_to_hex(digest, text);
    t->executable.checksum_sha256 = mem_strdup(text);
    return 0;
}

static int check_env(const struct task_map *env, struct err *e) {
    for (size_t i = 0; i < env->count; i++)
        if (strchr(env->pairs[i].key, '='))
            return err_set(e, ERR_UNPROCESSABLE, "field \"env\": the name \"%.200s\" holds a \"=\"", env->pairs[i].key);
    return 0;
}

// The readers name the member they know, `field "uri"`; seen from the whole it is `field "executable.uri"`.
static int in_executable(struct err *e) {
    static const char front[] = "field \"";
    if (e && span_starts_with(span_of(e->text), front))
        err_set(e, e->kind, "%sexecutable.%s", front, e->text + sizeof front - 1);
    return -1;
}

static int read_executable_parts(json_val *executable, struct task *t, struct err *e) {
    if (read_type(executable, t, e) < 0 || read_uri(executable, t, e) < 0 || read_checksum(executable, t, e) < 0 ||
        read_text(executable, "name", "", &t->executable.name, e) < 0 ||
        read_texts(executable, "args", &t->executable.args, &t->executable.arg_count, e) < 0 ||
        read_map(executable, "env", &t->executable.env, e) < 0)
        return -1;
    return check_env(&t->executable.env, e);
}

static int read_executable(json_val *body, struct task *t, struct err *e) {
    json_val *executable = NULL;
    if (json_want_object(body, "executable", &executable, e) < 0)
        return -1;
    if (!executable)
        return err_set(e, ERR_UNPROCESSABLE, "field \"executable\" is required");
    if (read_executable_parts(executable, t, e) < 0)
        return in_executable(e);
    if (!*t->executable.name) {
        free(t->executable.name);
        t->executable.name = mem_strdup(t->name);
    }
    return 0;
}

static int read_config(json_val *body, struct task *t, struct err *e) {
    if (read_map(body, "config", &t->config, e) < 0)
        return -1;
    task_limits_default(&t->limits);
    for (size_t i = 0; i < t->config.count; i++) {
        const struct task_pair *pair = &t->config.pairs[i];
        if (task_limits_set(&t->limits, span_of(pair->key), span_of(pair->value), e) < 0)
            return -1;
    }
    if (t->limits.scale_max && t->limits.scale_min > t->limits.scale_max)
        return err_set(e, ERR_INVALID_CONFIGURATION,
                       "config key \"scale.min\": %" PRIu32 " is more than scale.max, %" PRIu32, t->limits.scale_min,
                       t->limits.scale_max);
    return 0;
}

// What a registration and a stored task have in common.
static int read_common(json_val *body, struct task *t, struct err *e) {
    if (read_name(body, t, e) < 0 || read_required(body, "version", &t->version, e) < 0 ||
        read_text(body, "description", "", &t->description, e) < 0 || read_priority(body, t, e) < 0 ||
        read_endpoint(body, t, e) < 0 || read_text(body, "node_uuid", "", &t->node_uuid, e) < 0 ||
        read_texts(body, "capabilities", &t->capabilities, &t->capability_count, e) < 0 ||
        read_map(body, "metadata", &t->metadata, e) < 0)
        return -1;
    return read_config(body, t, e) < 0 ? -1 : read_executable(body, t, e);
}

static int read_new(json_val *body, struct task *t, struct err *e) {
    t->task_id = mem_strdup("");
    t->status = mem_strdup("registered");
    return read_common(body, t, e);
}

static int read_stored(json_val *object, struct task *t, struct err *e) {
    if (read_required(object, "task_id", &t->task_id, e) < 0 ||
        read_text(object, "status", "registered", &t->status, e) < 0 ||
        json_want_i64(object, "registered_at", 0, INT64_MAX, &t->registered_at, e) < 0 ||
        json_want_i64(object, "last_heartbeat", 0, INT64_MAX, &t->last_heartbeat, e) < 0)
        return -1;
    return read_common(object, t, e);
}

static int read_task(json_val *v, int (*read)(json_val *, struct task *, struct err *), struct task **ret,
                     struct err *e) {
    if (!json_is_object(v))
        return err_set(e, ERR_UNPROCESSABLE, "a task must be a JSON object");
    struct task *t = NEW(struct task);
    t->references = 1;
    if (read(v, t, e) < 0) {
        task_unref(t);
        return -1;
    }
    *ret = t;
    return 0;
}

int task_from_registration(json_val *body, struct task **ret, struct err *e) {
    return read_task(body, read_new, ret, e);
}

int task_from_json(json_val *object, struct task **ret, struct err *e) {
    return read_task(object, read_stored, ret, e);
}
