// Fuzzes the body of POST /functions/execute: its fields, and the environment that they make for a guest.
#include "base/encode.h"
#include "base/mem.h"
#include "fuzz/fuzz.h"
#include "spearlet/execute_request.h"
#include "spearlet/guest_environment.h"

enum { ARENA_MAX = 1 << 20 };

static void check_environment(const struct guest_environment *env) {
    ASSERT(env->count <= GUEST_ENVIRONMENT_MAX);
    for (size_t i = 0; i < env->count; i++) {
        const char *equals = strchr(env->entries[i], '=');
        ASSERT(equals && equals != env->entries[i]);
    }
}

static void make_environment(const struct execute_request *r) {
    struct arena arena;
    struct guest_environment env;
    struct err e;
    arena_init(&arena, ARENA_MAX);
    guest_environment_init(&env, &arena);
    if (guest_environment_add_headers(&env, r->headers, &e) < 0 ||
        guest_environment_add_object(&env, r->environment, "environment", &e) < 0)
        ASSERT(e.text[0]);
    check_environment(&env);
    arena_done(&arena);
}

static void check_request(const struct execute_request *r) {
    ASSERT(r->task_id.p && r->execution_id.n <= EXECUTION_ID_MAX && r->timeout_ms >= 0);
    ASSERT(!r->input.p || !r->input_base64.p);
    struct buf input;
    buf_init(&input, r->input_base64.n + 1);
    (void)base64_decode(r->input_base64, &input, NULL);
    buf_done(&input);
    make_environment(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct execute_request r;
    struct json_doc *doc;
    struct err e;
    if (json_parse(span_make(data, size), &doc, &e) != 0) {
        ASSERT(e.kind == ERR_SERIALIZATION && e.text[0]);
        return 0;
    }
    if (execute_request_read(json_root(doc), &r, &e) == 0)
        check_request(&r);
    else
        ASSERT(e.text[0]);
    json_free(doc);
    return 0;
}
