// A task's life and its JSON form. Reading and checking is task_read.c.
#include "model/task.h"

#include "base/mem.h"

struct task *task_ref(struct task *t) {
    __atomic_add_fetch(&t->references, 1, __ATOMIC_RELAXED);
    return t;
}

static void free_texts(char **texts, size_t count) {
    for (size_t i = 0; i < count; i++)
        free(texts[i]);
    free(texts);
}

static void free_map(struct task_map *map) {
    for (size_t i = 0; i < map->count; i++) {
        free(map->pairs[i].key);
        free(map->pairs[i].value);
    }
    free(map->pairs);
}

static void free_executable(struct task *t) {
    free(t->executable.type);
    free(t->executable.uri);
    free(t->executable.name);
    free(t->executable.checksum_sha256);
    free_texts(t->executable.args, t->executable.arg_count);
    free_map(&t->executable.env);
}

void task_unref(struct task *t) {
    if (!t || __atomic_sub_fetch(&t->references, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    char *texts[] = {t->task_id,  t->name,      t->description, t->version,
                     t->endpoint, t->node_uuid, t->priority,    t->status};
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        free(texts[i]);
    free_texts(t->capabilities, t->capability_count);
    free_map(&t->metadata);
    free_map(&t->config);
    free_executable(t);
    free(t);
}

static void add_texts(struct json_out *out, json_node *object, const char *key, char **texts, size_t count) {
    json_node *array = json_add_array(out, object, key);
    for (size_t i = 0; i < count; i++)
        json_push_string(out, array, span_of(texts[i]));
}

static void add_map(struct json_out *out, json_node *object, const char *key, const struct task_map *map) {
    json_node *members = json_add_object(out, object, key);
    for (size_t i = 0; i < map->count; i++)
        json_add_string_at(out, members, span_of(map->pairs[i].key), span_of(map->pairs[i].value));
}

static void add_executable(const struct task *t, struct json_out *out, json_node *object) {
    json_node *executable = json_add_object(out, object, "executable");
    json_add_text(out, executable, "type", t->executable.type);
    json_add_text(out, executable, "uri", t->executable.uri);
    json_add_text(out, executable, "name", t->executable.name);
    json_add_text(out, executable, "checksum_sha256", t->executable.checksum_sha256);
    add_texts(out, executable, "args", t->executable.args, t->executable.arg_count);
    add_map(out, executable, "env", &t->executable.env);
}

void task_to_json(const struct task *t, struct json_out *out, json_node *object) {
    json_add_text(out, object, "task_id", t->task_id);
    json_add_text(out, object, "name", t->name);
    json_add_text(out, object, "description", t->description);
    json_add_text(out, object, "status", t->status);
    json_add_text(out, object, "priority", t->priority);
    json_add_text(out, object, "node_uuid", t->node_uuid);
    json_add_text(out, object, "endpoint", t->endpoint);
    json_add_text(out, object, "version", t->version);
    add_texts(out, object, "capabilities", t->capabilities, t->capability_count);
    json_add_i64(out, object, "registered_at", t->registered_at);
    json_add_i64(out, object, "last_heartbeat", t->last_heartbeat);
    add_map(out, object, "metadata", &t->metadata);
    add_map(out, object, "config", &t->config);
    add_executable(t, out, object);
}
