// Fuzzes a task's config keys, limits and grants of volumes: lines of key=value. What is accepted is inside its bounds and safe in a path.
#include "base/mem.h"
#include "fuzz/fuzz.h"
#include "model/task_limits.h"
#include "net/http_server.h"

static void check_grant(const struct task_grant *g) {
    struct span rest = span_of(g->guest_path), part;
    ASSERT(rest.n && rest.n <= TASK_GUEST_PATH_MAX);
    while (span_next(&rest, '/', &part))
        ASSERT(!span_equal_text(part, ".."));
    ASSERT(g->volume[0] && g->volume[0] != '.' && !strchr(g->volume, '/'));
}

static void check_limits(const struct task_limits *l) {
    ASSERT(l->memory_bytes && l->time_ms && l->grant_count <= TASK_GRANTS_MAX);
    ASSERT(http_field_value_ok(span_of(l->content_type)) && l->content_type[0]);
    for (size_t i = 0; i < l->grant_count; i++)
        check_grant(&l->grants[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct span rest = span_make(data, size), line;
    struct task_limits limits;
    struct err e;
    task_limits_default(&limits);
    while (span_next(&rest, '\n', &line)) {
        size_t n = span_find(line, '=');
        if (task_limits_set(&limits, span_slice(line, 0, n), span_slice(line, n + 1, line.n), &e) == 0)
            check_limits(&limits);
        else
            ASSERT(e.kind == ERR_INVALID_CONFIGURATION && e.text[0]);
    }
    return 0;
}
