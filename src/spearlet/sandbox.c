// The words are here; what the cage is made of is worker/cage.c, what of it is there is asked through the runtime.
#include "spearlet/sandbox.h"

#include "base/log.h"

static const char *const requirement_names[] = {
    [SANDBOX_BEST_EFFORT] = "best-effort", [SANDBOX_FULL] = "full", [SANDBOX_OFF] = "off"};

// ---- at start

static void warn_of_missing(const struct runtime_sandbox *view) {
    for (size_t i = 0; i < RUNTIME_SANDBOX_PARTS; i++) {
        const struct runtime_sandbox_part *part = &view->parts[i];
        if (!part->present)
            log_warn("sandbox part=%s missing reason=\"%s\": %s", part->name, part->reason, part->without_it);
    }
    if (view->has_wider_filter)
        log_warn("sandbox part=seccomp wider: the worker program is built with a sanitizer, for tests alone");
}

int sandbox_settle(struct runtime_shared *runtimes, enum sandbox_requirement requirement, struct err *e) {
    struct runtime_sandbox view;
    struct err failure;
    if (!runtime_has_engine())
        return 0;
    if (requirement == SANDBOX_OFF)
        log_warn("sandbox off: nothing but the engine stands between a guest and what this user may do here");
    if (runtime_sandbox_wait(runtimes, &view, &failure) < 0) {
        if (requirement == SANDBOX_FULL)
            return err_set(e, failure.kind, "%s", failure.text);
        log_warn("sandbox unknown, no worker can be started: %s", failure.text);
    } else if (requirement != SANDBOX_OFF) {
        warn_of_missing(&view);
        log_info("sandbox parts=%zu of %d", view.present_count, RUNTIME_SANDBOX_PARTS);
    }
    return 0;
}

// ---- GET /status

static const char *level_of(bool known, enum sandbox_requirement requirement, const struct runtime_sandbox *view) {
    if (!runtime_has_engine())
        return "none";
    if (requirement == SANDBOX_OFF)
        return "off";
    if (!known)
        return "unknown";
    return view->present_count == RUNTIME_SANDBOX_PARTS && !view->has_wider_filter ? "full" : "partial";
}

static void add_part(struct json_out *out, json_node *parts, const struct runtime_sandbox_part *part) {
    json_node *object = json_add_object(out, parts, part->name);
    json_add_bool(out, object, "present", part->present);
    if (part->present)
        return;
    json_add_text(out, object, "reason", part->reason);
    json_add_text(out, object, "lost", part->without_it);
}

void sandbox_add(const struct runtime_shared *runtimes, enum sandbox_requirement requirement, struct json_out *out,
                 json_node *root) {
    struct runtime_sandbox view = {0};
    bool known = runtime_sandbox(runtimes, &view);
    json_node *object = json_add_object(out, root, "sandbox");
    json_add_text(out, object, "required", requirement_names[requirement]);
    json_add_text(out, object, "level", level_of(known, requirement, &view));
    json_add_bool(out, object, "sanitizer", view.has_wider_filter);
    json_node *parts = json_add_object(out, object, "parts");
    for (size_t i = 0; known && runtime_has_engine() && i < RUNTIME_SANDBOX_PARTS; i++)
        add_part(out, parts, &view.parts[i]);
}
