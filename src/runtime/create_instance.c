// create_instance: from a task's artifact to a handle on its module and its volumes. The bytes are the module store's (module_store.c), the
// directories the volume store's, native code the native store's; what comes next is start_instance (instance.c).
#include "runtime/instance.h"

#include "base/mem.h"

struct creation {
    struct instance *instance;
    void (*done)(void *ctx, struct instance *instance, const struct err *e);
    void *ctx;
    struct err error; // known before anything was fetched
};

static void fail(struct creation *c, const struct err *e) {
    struct instance *i = c->instance;
    counter_add(&i->runtime->shared->counters.instances_failed, 1);
    instance_move_creation_failed(i);
    c->done(c->ctx, NULL, e);
    instance_release(i);
}

static void on_refused(void *arg) {
    AUTO_FREE struct creation *c = arg;
    fail(c, &c->error);
}

// One volume after the other, then the instance is there.
static void open_volumes(struct creation *c);

static void on_code(void *ctx) {
    open_volumes(ctx);
}

// What the cache has is waited for, since that is a moment; a compilation only when the task says so.
static void find_code(struct creation *c) {
    struct instance *i = c->instance;
    struct runtime *r = i->runtime;
    if (i->limits.aot == TASK_AOT_OFF || !runtime_has_engine() || r->closing) {
        open_volumes(c);
        return;
    }
    i->native = native_get(r->shared->native, r, i->module, i->task_id);
    if (native_wait(r->shared->native, i->native, r, i->limits.aot == TASK_AOT_BEFORE_READY, on_code, c))
        open_volumes(c);
}

static void on_volume(void *ctx, struct volume *volume, const struct err *e) {
    struct creation *c = ctx;
    struct instance *i = c->instance;
    if (e) {
        fail(c, e);
        free(c);
        return;
    }
    i->grants[i->volume_count] = (struct worker_grant){.grant = &i->limits.grants[i->volume_count],
                                                       .directory_fd = volume_directory_fd(volume),
                                                       .volume_fd = volume_memory_fd(volume)};
    i->volumes[i->volume_count++] = volume;
    open_volumes(c);
}

static void succeed(struct creation *c) {
    struct instance *i = c->instance;
    counter_add(&i->runtime->shared->counters.instances_created, 1);
    instance_move_created(i);
    i->references = 1;
    c->done(c->ctx, i, NULL);
    instance_release(i);
}

static void open_volumes(struct creation *c) {
    struct instance *i = c->instance;
    struct err closing = {0};
    if (i->volume_count < i->limits.grant_count && !i->runtime->closing) {
        volume_get(i->runtime->shared->volumes, i->runtime->loop, i->limits.grants[i->volume_count].volume, on_volume,
                   c);
        return;
    }
    if (i->runtime->closing) {
        err_set(&closing, ERR_EXECUTION_TERMINATED, "an instance was not created: the runtime is closing");
        fail(c, &closing);
    } else {
        succeed(c);
    }
    free(c);
}

static void on_module(void *ctx, struct module *module, const struct err *e) {
    struct creation *c = ctx;
    struct instance *i = c->instance;
    if (e) {
        fail(c, e);
        free(c);
        return;
    }
    i->module = module;
    memcpy(i->digest, module->digest, sizeof i->digest);
    find_code(c);
}

static bool is_wanted(void *ctx) {
    const struct creation *c = ctx;
    return !c->instance->runtime->closing;
}

static int check_config(const struct runtime *r, const struct instance_config *config, struct err *e) {
    if (r->closing)
        return err_set(e, ERR_EXECUTION_TERMINATED, "an instance was not created: the runtime is closing");
    if (!r->configured || !r->shared->configured)
        return err_set(e, ERR_INVALID_CONFIGURATION, "no SpearletConfig was injected into the runtime");
    if (!config->artifact)
        return err_set(e, ERR_INVALID_CONFIGURATION, "the instance has no artifact snapshot");
    if (!config->artifact->location || !config->artifact->location[0])
        return err_set(e, ERR_INVALID_CONFIGURATION, "the artifact snapshot has no location");
    return 0;
}

void create_instance(struct runtime *r, const struct instance_config *config,
                     void (*done)(void *ctx, struct instance *instance, const struct err *e), void *ctx) {
    struct creation *c = NEW(struct creation);
    c->instance = instance_new(r, config);
    c->done = done;
    c->ctx = ctx;
    if (check_config(r, config, &c->error) < 0) {
        ASSERT(loop_post(r->loop, on_refused, c));
        return;
    }
    const char *checksum = config->artifact->checksum_sha256;
    struct module_request request = {.source = r->source,
                                     .loop = r->loop,
                                     .location = config->artifact->location,
                                     .checksum_sha256 = checksum ? checksum : "",
                                     .memory_bytes = config->limits.memory_bytes,
                                     .wanted = is_wanted,
                                     .done = on_module,
                                     .ctx = c};
    module_get(r->shared->modules, &request);
}
