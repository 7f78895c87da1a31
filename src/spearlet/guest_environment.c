// Putting a guest's environment together from the task, the request's header fields and its `environment`.
//
// What a caller may not set this way stands in one list below; a token of ours reaches no guest at all. Next step: http_invoke.c, http_execute.c.
#include "spearlet/guest_environment.h"

#include "base/buf.h"
#include "base/mem.h"
#include "model/token.h"

#include <stdio.h>
#include <strings.h>

enum { FIELD_NAME_MAX = 128 };

void guest_environment_init(struct guest_environment *env, struct arena *arena) {
    *env = (struct guest_environment){.arena = arena};
}

static const char **find(const struct guest_environment *env, struct span key) {
    for (size_t i = 0; i < env->count; i++)
        if (strncmp(env->entries[i], key.p, key.n) == 0 && env->entries[i][key.n] == '=')
            return &env->entries[i];
    return NULL;
}

// The place for one more; grows by doubling in the arena.
static const char **new_entry(struct guest_environment *env) {
    bool is_power_of_two = (env->count & (env->count - 1)) == 0;
    if (env->count >= GUEST_ENVIRONMENT_MAX)
        return NULL;
    if (env->count == 0 || (env->count >= 16 && is_power_of_two)) {
        size_t capacity = env->count == 0 ? 16 : env->count * 2;
        const char **grown = arena_alloc(env->arena, capacity * sizeof *grown);
        if (!grown)
            return NULL;
        if (env->count)
            memcpy(grown, env->entries, env->count * sizeof *grown);
        env->entries = grown;
    }
    return &env->entries[env->count];
}

static char *join(struct arena *arena, struct span key, struct span value) {
    if (value.n > SIZE_MAX / 4)
        return NULL;
    char *text = arena_alloc(arena, key.n + value.n + 2);
    if (!text)
        return NULL;
    memcpy(text, key.p, key.n);
    text[key.n] = '=';
    if (value.n)
        memcpy(text + key.n + 1, value.p, value.n);
    return text;
}

static int set(struct guest_environment *env, struct span key, struct span value, struct err *e) {
    const char **found = find(env, key);
    const char **place = found ? found : new_entry(env);
    char *text = place ? join(env->arena, key, value) : NULL;
    if (!text)
        return err_set(e, ERR_INVALID_REQUEST,
                       "the environment is too large at \"%.*s\": at most %d variables and %zu bytes", SPAN_ARGS(key),
                       GUEST_ENVIRONMENT_MAX, env->arena->max_bytes);
    *place = text;
    if (!found)
        env->count++;
    return 0;
}

int guest_environment_set(struct guest_environment *env, struct span key, struct span value, struct err *e) {
    if (key.n == 0 || span_find(key, '=') < key.n || span_find(key, '\0') < key.n)
        return err_set(e, ERR_UNPROCESSABLE, "environment: \"%.*s\" cannot name a variable", SPAN_ARGS(key));
    if (span_find(value, '\0') < value.n)
        return err_set(e, ERR_UNPROCESSABLE, "environment: the value of \"%.*s\" has a NUL in it", SPAN_ARGS(key));
    return set(env, key, value, e);
}

int guest_environment_add_task(struct guest_environment *env, const struct task *task, struct err *e) {
    const struct task_map *map = &task->executable.env;
    env->with_authorization = task->limits.http_authorization;
    for (size_t i = 0; i < map->count; i++)
        if (guest_environment_set(env, span_of(map->pairs[i].key), span_of(map->pairs[i].value), e) < 0)
            return -1;
    return 0;
}

// ---- header fields

static bool is_kept_back(const struct guest_environment *env, struct span name) {
    static const char *const names[] = {"proxy-authorization", "proxy",         "content-type", "content-length",
                                        "connection",          "keep-alive",    "te",           "trailer",
                                        "transfer-encoding",   "upgrade",       "expect",       "proxy-connection",
                                        "x-spear-relay",       "x-spear-caller"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (span_equal_nocase(name, names[i]))
            return true;
    if (!env->with_authorization && span_equal_nocase(name, "authorization"))
        return true;
    return name.n == 0 || name.n > FIELD_NAME_MAX || span_find(name, '_') < name.n;
}

static char variable_character(char c) {
    if (c >= 'a' && c <= 'z')
        return (char)(c - 'a' + 'A');
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ? c : '_';
}

static int set_field(struct guest_environment *env, struct span name, struct span value, struct err *e) {
    char key_text[5 + FIELD_NAME_MAX] = "HTTP_";
    if (is_kept_back(env, name) || (span_equal_nocase(name, "authorization") && token_is_within(value)))
        return 0;
    for (size_t i = 0; i < name.n; i++)
        key_text[5 + i] = variable_character(name.p[i]);
    return set(env, span_make(key_text, 5 + name.n), value, e);
}

static bool same_name(struct span a, struct span b) {
    return a.n == b.n && strncasecmp(a.p, b.p, a.n) == 0;
}

// The values of all fields of a name, as one list; NULL past the arena's ceiling.
static char *join_values(struct arena *arena, struct span name, const struct http_header *headers, size_t count) {
    const char *separator = span_equal_nocase(name, "cookie") ? "; " : ", ";
    size_t bytes = 1;
    for (size_t i = 0; i < count; i++)
        bytes += same_name(headers[i].name, name) ? headers[i].value.n + 2 : 0;
    char *text = arena_alloc(arena, bytes), *at = text;
    for (size_t i = 0; text && i < count; i++) {
        struct span value = headers[i].value;
        if (!same_name(headers[i].name, name) || value.n == 0)
            continue;
        if (at != text)
            at = stpcpy(at, separator);
        memcpy(at, value.p, value.n);
        at += value.n;
    }
    return text;
}

static bool is_repeated(const struct http_header *headers, size_t from, size_t to, struct span name) {
    for (size_t i = from; i < to; i++)
        if (same_name(headers[i].name, name))
            return true;
    return false;
}

static int set_fields(struct guest_environment *env, const struct http_header *headers, size_t count, struct err *e) {
    for (size_t i = 0; i < count; i++) {
        struct span name = headers[i].name, value = headers[i].value;
        if (is_repeated(headers, 0, i, name))
            continue;
        if (is_repeated(headers, i + 1, count, name))
            value = span_of(join_values(env->arena, name, headers, count));
        if (set_field(env, name, value, e) < 0)
            return -1;
    }
    return 0;
}

int guest_environment_add_request(struct guest_environment *env, const struct http_exchange *x, size_t payload_bytes,
                                  struct err *e) {
    char length[24];
    size_t count;
    const struct http_header *headers = http_headers(x, &count);
    const struct http_header *type = http_header(x, "content-type");
    snprintf(length, sizeof length, "%zu", payload_bytes);
    if (set(env, SPAN_LITERAL("REQUEST_METHOD"), http_method(x), e) < 0 ||
        set(env, SPAN_LITERAL("QUERY_STRING"), http_query(x), e) < 0 ||
        (payload_bytes && set(env, SPAN_LITERAL("CONTENT_LENGTH"), span_of(length), e) < 0) ||
        (type && set(env, SPAN_LITERAL("CONTENT_TYPE"), type->value, e) < 0))
        return -1;
    return set_fields(env, headers, count, e);
}

// ---- JSON objects

struct adding {
    struct guest_environment *env;
    const char *field;
    struct err *error;
};

static int check_string(const struct adding *adding, struct span key, json_val *value) {
    if (json_is_string(value))
        return 0;
    return err_set(adding->error, ERR_UNPROCESSABLE, "field \"%s.%.*s\" must be a string", adding->field,
                   SPAN_ARGS(key));
}

static int add_variable(void *ctx, struct span key, json_val *value) {
    const struct adding *adding = ctx;
    if (check_string(adding, key, value) < 0)
        return -1;
    return guest_environment_set(adding->env, key, json_string(value), adding->error);
}

int guest_environment_add_object(struct guest_environment *env, json_val *object, const char *field, struct err *e) {
    struct adding adding = {env, field, e};
    return json_each(object, add_variable, &adding) ? -1 : 0;
}

static int add_field(void *ctx, struct span key, json_val *value) {
    const struct adding *adding = ctx;
    struct span text = json_string(value);
    if (check_string(adding, key, value) < 0)
        return -1;
    if (span_find(text, '\0') < text.n)
        return err_set(adding->error, ERR_UNPROCESSABLE, "field \"headers.%.*s\" has a NUL in it", SPAN_ARGS(key));
    return set_field(adding->env, key, text, adding->error);
}

int guest_environment_add_headers(struct guest_environment *env, json_val *object, struct err *e) {
    struct adding adding = {env, "headers", e};
    return json_each(object, add_field, &adding) ? -1 : 0;
}

int guest_environment_give(struct guest_environment *env, struct function_call *call, struct err *e) {
    if (set(env, SPAN_LITERAL("SPEAR_TASK_ID"), span_of(call->function->task->task_id), e) < 0 ||
        set(env, SPAN_LITERAL("SPEAR_EXECUTION_ID"), span_of(call->record->execution_id), e) < 0 ||
        set(env, SPAN_LITERAL("SPEAR_INVOCATION_ID"), span_of(call->record->invocation_id), e) < 0)
        return -1;
    call->environment = env->entries;
    call->environment_count = env->count;
    return 0;
}
