// Making an instance twice at the most: one whose _initialize turns out to ask for an invocation is of no use, so another one is made that has not run it.
#include "worker/first_state.h"

static const struct span initialize = {"_initialize", sizeof "_initialize" - 1};

void first_state_init(struct first_state *f, struct engine *engine, const struct engine_module *module) {
    struct engine_signature unused;
    f->engine = engine;
    f->module = module;
    f->is_reactor =
        engine_export(module, initialize, &unused) && !engine_export(module, SPAN_LITERAL("_start"), &unused);
}

static void drop(struct first_state *f) {
    engine_instance_free(f->instance);
    f->instance = NULL;
    f->source = IPC_STATE_NONE;
}

int first_state_have(struct first_state *f, struct err *e) {
    bool exited = false;
    if (!f->instance) {
        f->is_initialized = !f->is_reactor;
        if (engine_instantiate(f->engine, f->module, &f->instance, e))
            return -1;
        f->source = IPC_STATE_MADE;
    }
    if (!f->is_initialized) {
        if (engine_call(f->instance, initialize, NULL, NULL, &exited, e))
            return err_wrap(e, "in _initialize");
        f->is_initialized = !exited;
    }
    f->is_tried |= f->is_initialized;
    return 0;
}

// ---- ahead of an invocation

static bool start_ahead(struct first_state *f) {
    f->is_initialized = !f->is_reactor;
    engine_set_ahead(f->engine, true);
    f->start_asks = engine_instantiate(f->engine, f->module, &f->instance, NULL) != 0;
    engine_set_ahead(f->engine, false);
    return !f->start_asks;
}

static bool initialize_ahead(struct first_state *f) {
    bool exited;
    engine_set_ahead(f->engine, true);
    bool failed = engine_call(f->instance, initialize, NULL, NULL, &exited, NULL) || exited;
    engine_set_ahead(f->engine, false);
    f->initialize_asks = failed;
    f->is_initialized = !failed;
    return !failed;
}

static void make_ahead(struct first_state *f) {
    if (f->start_asks || !start_ahead(f))
        return;
    if (f->is_reactor && !f->initialize_asks && !initialize_ahead(f)) {
        drop(f);
        if (!start_ahead(f))
            return;
    }
    engine_remember(f->instance);
    f->source = IPC_STATE_AHEAD;
    f->remembers_initialized = f->is_initialized;
}

void first_state_renew(struct first_state *f) {
    if (f->instance && engine_reset(f->instance)) {
        f->is_initialized = f->remembers_initialized;
        f->source = IPC_STATE_RESET;
        return;
    }
    drop(f);
    if (f->is_tried)
        make_ahead(f);
}
