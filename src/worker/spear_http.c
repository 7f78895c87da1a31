// Module `spear`: the request and the response by calls, for guests that would rather not use stdin, the environment and stdout.
// There is no second way behind it: what is read is the payload and the variables, what is written is the output.
#include "worker/spear_host.h"

#include "worker/response_head.h"

#include <errno.h>

enum { NAME_MAX_BYTES = 128 };

// The function that a guest calls, around one that answers a number.
#define SPEAR_FUNCTION(name)                                                                                           \
    static int32_t name(const struct host_call *c);                                                                    \
    void spear_host_##name(void *ctx, struct engine_memory *memory, const struct engine_value *params,                 \
                           struct engine_value *results, bool *ret_exit) {                                             \
        const struct host_call call = {ctx, memory, params, ret_exit};                                                 \
        results[0] = (struct engine_value){.type = ENGINE_I32, .of.i32 = name(&call)};                                 \
    }                                                                                                                  \
    static int32_t name(const struct host_call *c)

// Params `at` and at + 1: where, how much. False when it is not in the guest's memory.
static bool get_span(const struct host_call *c, unsigned at, struct span *ret) {
    uint32_t n = host_u32(c, at + 1);
    const void *p = engine_memory_at(c->memory, host_u32(c, at), n);
    *ret = span_make(p, n);
    return p || n == 0;
}

// ---- the request

SPEAR_FUNCTION(request_read) {
    uint32_t n = host_u32(c, 1);
    if (n > INT32_MAX)
        n = INT32_MAX;
    void *to = engine_memory_at(c->memory, host_u32(c, 0), n);
    if (!to && n)
        return -EFAULT;
    return n ? (int32_t)guest_read(c->guest, to, n) : 0;
}

static bool find_variable(const struct guest *g, struct span name, struct span *ret_value) {
    for (uint32_t i = 0; i < g->environment_count; i++) {
        struct span entry = g->environment[i];
        size_t equals = span_find(entry, '=');
        if (span_equal(span_slice(entry, 0, equals), name)) {
            *ret_value = span_slice(entry, equals + 1, entry.n);
            return true;
        }
    }
    return false;
}

// Params `at` and at + 1: where, and where the room stands that is there; the room becomes the size.
static int32_t put_variable(const struct host_call *c, const char *name, unsigned at) {
    struct span value;
    uint32_t room, size_at = host_u32(c, at + 1);
    if (!host_get(c, size_at, &room, sizeof room))
        return -EFAULT;
    if (!find_variable(c->guest, span_of(name), &value))
        return -ENOENT;
    if (!host_put_u32(c, size_at, (uint32_t)value.n))
        return -EFAULT;
    if (value.n > room)
        return -ENOSPC;
    return value.n == 0 || host_put(c, host_u32(c, at), value.p, (uint32_t)value.n) ? 0 : -EFAULT;
}

SPEAR_FUNCTION(request_method) {
    return put_variable(c, "REQUEST_METHOD", 0);
}

SPEAR_FUNCTION(request_target) {
    return put_variable(c, "REQUEST_URI", 0);
}

// The name of its variable (RFC 3875 §4.1.18).
static void variable_of(struct span field, char ret[NAME_MAX_BYTES + 6]) {
    bool plain = span_equal_nocase(field, "content-type") || span_equal_nocase(field, "content-length");
    size_t n = plain ? 0 : 5;
    memcpy(ret, "HTTP_", 5);
    for (size_t i = 0; i < field.n; i++) {
        char at = field.p[i];
        if (at >= 'a' && at <= 'z')
            at = (char)(at - 'a' + 'A');
        ret[n++] = (at >= 'A' && at <= 'Z') || (at >= '0' && at <= '9') ? at : '_';
    }
    ret[n] = '\0';
}

SPEAR_FUNCTION(request_header) {
    char name[NAME_MAX_BYTES + 6];
    struct span field;
    if (!get_span(c, 0, &field))
        return -EFAULT;
    if (field.n == 0 || field.n > NAME_MAX_BYTES)
        return -ENOENT;
    variable_of(field, name);
    return put_variable(c, name, 2);
}

// ---- the response

static bool is_late(const struct guest *g) {
    return !g->head || g->output_begun;
}

SPEAR_FUNCTION(response_status) {
    return is_late(c->guest) ? -EALREADY : response_head_set_status(c->guest->head, host_u32(c, 0));
}

SPEAR_FUNCTION(response_header) {
    struct span name, value;
    if (!get_span(c, 0, &name) || !get_span(c, 2, &value))
        return -EFAULT;
    return is_late(c->guest) ? -EALREADY : response_head_add(c->guest->head, name, value);
}

SPEAR_FUNCTION(response_write) {
    struct span bytes;
    if (host_u32(c, 1) > INT32_MAX)
        return -EINVAL;
    if (!get_span(c, 0, &bytes))
        return -EFAULT;
    if (!guest_write_output(c->guest, bytes.p, bytes.n))
        *c->ret_exit = true; // limit.output_bytes: the invocation ends here
    return (int32_t)bytes.n;
}
