// The config keys of a task as numbers: one table says for each key its range and the member it fills.
//
// A new key is a line in the table (or, when it is no number, a function like set_isolation). What lies outside our
// families is none of our business and passes.
#include "model/task_limits.h"

#include "base/mem.h"
#include "model/media_type.h"

#include <inttypes.h>
#include <stdio.h>

#define KIB    UINT64_C(1024)
#define MIB    (KIB * 1024)
#define DAY_MS UINT64_C(86400000)

struct number_key {
    const char *key;
    uint64_t min, max;
    size_t offset, size_bytes; // of the member
};

#define MEMBER(name) offsetof(struct task_limits, name), sizeof(((struct task_limits *)0)->name)

static const struct number_key number_keys[] = {
    {"limit.memory_bytes", 64 * KIB, 4096 * MIB, MEMBER(memory_bytes)},
    {"limit.time_ms", 1, DAY_MS, MEMBER(time_ms)},
    {"limit.cpu_ms", 0, DAY_MS, MEMBER(cpu_ms)},
    {"limit.output_bytes", 0, 256 * MIB, MEMBER(output_bytes)},
    {"limit.log_bytes", 0, 64 * MIB, MEMBER(log_bytes)},
    {"limit.payload_bytes", 0, 256 * MIB, MEMBER(payload_bytes)},
    {"limit.open_files", 0, 1000, MEMBER(open_files)},
    {"scale.min", 0, 1024, MEMBER(scale_min)},
    {"scale.max", 1, 1024, MEMBER(scale_max)},
    {"scale.idle_ms", 0, DAY_MS, MEMBER(scale_idle_ms)},
    {"queue.max", 0, 100000, MEMBER(queue_max)},
};

void task_limits_default(struct task_limits *ret) {
    *ret = (struct task_limits){
        .memory_bytes = 128 * MIB,
        .time_ms = 30000,
        .output_bytes = 16 * MIB,
        .log_bytes = MIB,
        .payload_bytes = 16 * MIB,
        .open_files = 64,
        .scale_idle_ms = 60000,
        .queue_max = 1024,
        .aot = TASK_AOT_BACKGROUND,
        .content_type = "application/octet-stream",
    };
}

static int refuse(struct err *e, struct span key, struct span value, const char *allowed) {
    return err_set(e, ERR_INVALID_CONFIGURATION, "config key \"%.*s\": \"%.*s\" is not %s",
                   SPAN_ARGS(span_slice(key, 0, 200)), SPAN_ARGS(span_slice(value, 0, 200)), allowed);
}

static int set_number(struct task_limits *limits, const struct number_key *k, struct span value, struct err *e) {
    uint64_t number;
    if (!span_to_u64(value, &number) || number < k->min || number > k->max) {
        char allowed[96];
        snprintf(allowed, sizeof allowed, "a whole number from %" PRIu64 " to %" PRIu64, k->min, k->max);
        return refuse(e, span_of(k->key), value, allowed);
    }
    char *member = (char *)limits + k->offset;
    uint32_t narrow = (uint32_t)number;
    if (k->size_bytes == sizeof narrow)
        memcpy(member, &narrow, sizeof narrow);
    else
        memcpy(member, &number, sizeof number);
    return 0;
}

// The index of the word, or -1.
static int choose(struct span value, const char *const words[], int count) {
    for (int i = 0; i < count; i++)
        if (span_equal_text(value, words[i]))
            return i;
    return -1;
}

static int set_isolation(struct task_limits *limits, struct span key, struct span value, struct err *e) {
    static const char *const words[] = {"shared", "strict"};
    int choice = choose(value, words, 2);
    if (choice < 0)
        return refuse(e, key, value, "shared or strict");
    limits->isolation_strict = choice == 1;
    return 0;
}

static int set_aot(struct task_limits *limits, struct span key, struct span value, struct err *e) {
    static const char *const words[] = {"off", "background", "before-ready"};
    int choice = choose(value, words, 3);
    if (choice < 0)
        return refuse(e, key, value, "off, background or before-ready");
    limits->aot = choice;
    return 0;
}

static int set_switch(bool *member, struct span key, struct span value, struct err *e) {
    static const char *const words[] = {"false", "true"};
    int choice = choose(value, words, 2);
    if (choice < 0)
        return refuse(e, key, value, "true or false");
    *member = choice == 1;
    return 0;
}

static int set_reuse(struct task_limits *limits, struct span key, struct span value, struct err *e) {
    return set_switch(&limits->instance_reuse, key, value, e);
}

static int set_cgi(struct task_limits *limits, struct span key, struct span value, struct err *e) {
    return set_switch(&limits->http_cgi, key, value, e);
}

static int set_stream(struct task_limits *limits, struct span key, struct span value, struct err *e) {
    return set_switch(&limits->http_stream, key, value, e);
}

static int set_authorization(struct task_limits *limits, struct span key, struct span value, struct err *e) {
    return set_switch(&limits->http_authorization, key, value, e);
}

static int set_public(struct task_limits *limits, struct span key, struct span value, struct err *e) {
    return set_switch(&limits->http_public, key, value, e);
}

static int set_content_type(struct task_limits *limits, struct span key, struct span value, struct err *e) {
    if (value.n >= sizeof limits->content_type || !media_type_valid(value))
        return refuse(e, key, value, "a media type of at most 127 bytes, such as text/html; charset=utf-8");
    memcpy(limits->content_type, value.p, value.n);
    limits->content_type[value.n] = '\0';
    return 0;
}

static const struct {
    const char *key;
    int (*set)(struct task_limits *limits, struct span key, struct span value, struct err *e);
} word_keys[] = {
    {"isolation", set_isolation},
    {"aot", set_aot},
    {"instance.reuse", set_reuse},
    {"http.content_type", set_content_type},
    {"http.cgi", set_cgi},
    {"http.stream", set_stream},
    {"http.authorization", set_authorization},
    {"http.public", set_public},
};

static int add_grant(struct task_limits *limits, struct span key, struct span value, struct err *e) {
    struct task_grant grant;
    const char *allowed;
    if (!task_grant_read(span_slice(key, strlen("wasi.dir."), key.n), value, &grant, &allowed))
        return refuse(e, key, value, allowed);
    if (limits->grant_count == TASK_GRANTS_MAX)
        return err_set(e, ERR_INVALID_CONFIGURATION, "config key \"%.*s\": at most %d directories can be granted",
                       SPAN_ARGS(span_slice(key, 0, 200)), TASK_GRANTS_MAX);
    limits->grants[limits->grant_count++] = grant;
    return 0;
}

static bool is_of_our_families(struct span key) {
    static const char *const prefixes[] = {"limit.", "scale.", "queue.", "wasi.", "http.", "instance."};
    for (size_t i = 0; i < COUNT_OF(prefixes); i++)
        if (span_starts_with(key, prefixes[i]))
            return true;
    return false;
}

static int unknown_key(struct err *e, struct span key) {
    return err_set(
        e, ERR_INVALID_CONFIGURATION,
        "config key \"%.*s\" is unknown; known: limit.memory_bytes, limit.time_ms, limit.cpu_ms, limit.output_bytes, "
        "limit.log_bytes, limit.payload_bytes, limit.open_files, scale.min, scale.max, scale.idle_ms, queue.max, "
        "isolation, aot, "
        "instance.reuse, http.content_type, http.cgi, http.stream, http.authorization, http.public, wasi.dir.<guest "
        "path>",
        SPAN_ARGS(span_slice(key, 0, 200)));
}

int task_limits_set(struct task_limits *limits, struct span key, struct span value, struct err *e) {
    for (size_t i = 0; i < COUNT_OF(number_keys); i++)
        if (span_equal_text(key, number_keys[i].key))
            return set_number(limits, &number_keys[i], value, e);
    for (size_t i = 0; i < COUNT_OF(word_keys); i++)
        if (span_equal_text(key, word_keys[i].key))
            return word_keys[i].set(limits, key, value, e);
    if (span_starts_with(key, "wasi.dir."))
        return add_grant(limits, key, value, e);
    return is_of_our_families(key) ? unknown_key(e, key) : 0;
}
