// libspear-runtime: what is shared by a process, and the opening and closing of a runtime on a loop. runtime.h is the manual; the life of an
// instance is instance.c.
#include "runtime/runtime.h"

#include "base/mem.h"
#include "runtime/artifact_source_sms.h"
#include "runtime/instance.h"
#include "runtime/native_store.h"
#include "runtime/sandbox.h"
#include "runtime/volume_store.h"
#include "runtime/worker_host.h"

void spearlet_config_default(struct spearlet_config *ret) {
    *ret = (struct spearlet_config){.max_module_size_bytes = 100ull * 1024 * 1024,
                                    .fetch_connect_timeout_ms = 5000,
                                    .fetch_total_timeout_ms = 60000,
                                    .fetch_tries_max = 4,
                                    .fetch_backoff_ms = 100,
                                    .artifact_cache_max_bytes = 1024ull * 1024 * 1024,
                                    .prepared_cache_max_bytes = 256ull * 1024 * 1024,
                                    .prepare_time_ms = 30000,
                                    .compile_jobs = 1,
                                    .compile_time_ms = 600000,
                                    .compile_memory_bytes = 2048ull * 1024 * 1024,
                                    .native_cache_max_bytes = 1024ull * 1024 * 1024,
                                    .start_time_ms = 10000,
                                    .stop_grace_ms = 5000};
}

// ---- what is shared

int runtime_shared_new(const struct spearlet_config *config, struct runtime_shared **ret, struct err *e) {
    struct runtime_shared *s = NEW(struct runtime_shared);
    s->configured = config != NULL;
    if (config)
        s->config = *config;
    else
        spearlet_config_default(&s->config);
    s->modules = module_store_new(s);
    s->volumes = volume_store_new(config ? s->config.data_dir : NULL);
    if (native_store_new(s, &s->native, e) < 0 || artifact_source_sms_new(s, &s->sms_source, e) < 0 ||
        worker_host_new(&s->config, &s->counters, &s->workers, e) < 0) {
        runtime_shared_free(s);
        return -1;
    }
    *ret = s;
    return 0;
}

void runtime_shared_free(struct runtime_shared *s) {
    if (!s)
        return;
    worker_host_free(s->workers);
    module_store_free(s->modules);
    native_store_free(s->native);
    volume_store_free(s->volumes);
    artifact_source_free(s->sms_source);
    free(s);
}

void runtime_stats(const struct runtime_shared *shared, struct runtime_stats *ret) {
    struct runtime_shared *s = (struct runtime_shared *)(uintptr_t)shared; // atomic loads and a lock
    struct runtime_counters *c = &s->counters;
    *ret = (struct runtime_stats){.instances_created = counter_get(&c->instances_created),
                                  .instances_failed = counter_get(&c->instances_failed),
                                  .workers_started = counter_get(&c->workers_started),
                                  .workers_exited = counter_get(&c->workers_exited),
                                  .workers_killed = counter_get(&c->workers_killed),
                                  .zygote_starts = counter_get(&c->zygote_starts),
                                  .downloads = counter_get(&c->downloads),
                                  .download_retries = counter_get(&c->download_retries),
                                  .artifact_hits = counter_get(&c->artifact_hits),
                                  .artifact_misses = counter_get(&c->artifact_misses),
                                  .modules_prepared = counter_get(&c->modules_prepared),
                                  .modules_refused = counter_get(&c->modules_refused),
                                  .native_hits = counter_get(&c->native_hits),
                                  .native_misses = counter_get(&c->native_misses),
                                  .native_refused = counter_get(&c->native_refused),
                                  .compiles_started = counter_get(&c->compiles_started),
                                  .compiles_done = counter_get(&c->compiles_done),
                                  .compiles_failed = counter_get(&c->compiles_failed),
                                  .compiles_cancelled = counter_get(&c->compiles_cancelled),
                                  .invocations = counter_get(&c->invocations),
                                  .invocations_failed = counter_get(&c->invocations_failed),
                                  .invocations_timed_out = counter_get(&c->invocations_timed_out),
                                  .states_made = counter_get(&c->states_made),
                                  .states_made_ahead = counter_get(&c->states_made_ahead),
                                  .states_reset = counter_get(&c->states_reset),
                                  .states_kept = counter_get(&c->states_kept),
                                  .states_renew_us = counter_get(&c->states_renew_us),
                                  .zygote_pid = (uint64_t)worker_host_pid(s->workers)};
    native_store_gauges(s->native, &ret->compiles_running, &ret->compiles_waiting, &ret->native_cache_bytes);
    for (int state = 0; state < INSTANCE_STATE_COUNT; state++) {
        ret->state_entries[state] = counter_get(&c->state_entries[state]);
        ret->state_us[state] = counter_get(&c->state_us[state]);
    }
}

void runtime_watch_code(struct runtime_shared *s, void (*watch)(void *ctx, const struct runtime_code_event *event),
                        void *ctx) {
    native_store_watch(s->native, watch, ctx);
}

bool runtime_task_code(const struct runtime_shared *s, const char *task_id, struct runtime_code_state *ret) {
    return native_store_task(s->native, task_id, ret);
}

void runtime_task_gone(struct runtime_shared *s, const char *task_id) {
    native_store_task_gone(s->native, task_id);
}

int runtime_sandbox_wait(struct runtime_shared *s, struct runtime_sandbox *ret, struct err *e) {
    struct ipc_cage cage;
    if (worker_host_wait_cage(s->workers, &cage, e) < 0)
        return -1;
    sandbox_view(&cage, ret);
    return 0;
}

bool runtime_sandbox(const struct runtime_shared *s, struct runtime_sandbox *ret) {
    struct ipc_cage cage;
    if (!worker_host_cage(s->workers, &cage))
        return false;
    sandbox_view(&cage, ret);
    return true;
}

// ---- a runtime

int runtime_new(const struct runtime_config *config, struct runtime **ret, struct err *e) {
    ASSERT(config->shared && config->loop);
    uv_async_t *keep_alive = NEW(uv_async_t);
    int status = uv_async_init(&config->loop->uv, keep_alive, NULL);
    if (status < 0) {
        free(keep_alive);
        return err_set_sys(e, ERR_RESOURCE_EXHAUSTED, -status, "a runtime cannot be made");
    }
    struct runtime *r = NEW(struct runtime);
    r->shared = config->shared;
    r->loop = config->loop;
    r->source = config->artifact_source ? config->artifact_source : config->shared->sms_source;
    r->configured = config->spearlet_config != NULL;
    r->keep_alive = keep_alive;
    r->pump = worker_pump_new(r->loop);
    if (r->configured && r->shared->configured)
        worker_host_warm_up(r->shared->workers);
    *ret = r;
    return 0;
}

static void free_handle(uv_handle_t *handle) {
    free(handle);
}

static void free_if_over(struct runtime *r) {
    if (r->closed && !r->instances)
        free(r);
}

// Instances that their users still have keep the runtime's memory, nothing else of it.
static void finish_close(void *arg) {
    struct runtime *r = arg;
    for (struct instance *i = r->instances; i; i = i->next)
        instance_give_back(i);
    worker_pump_free(r->pump);
    uv_close((uv_handle_t *)r->keep_alive, free_handle);
    r->keep_alive = NULL;
    r->close_done(r->close_ctx);
    r->closed = true;
    free_if_over(r);
}

void runtime_check_closed(struct runtime *r) {
    if (r->closed) {
        free_if_over(r);
    } else if (r->closing && r->holds == 0 && r->close_done && !r->finishing) {
        r->finishing = true;
        ASSERT(loop_post(r->loop, finish_close, r));
    }
}

static void on_stopped(void *ctx, const struct err *e) {
    (void)ctx, (void)e;
}

void runtime_close(struct runtime *r, uint64_t grace_ms, void (*done)(void *ctx), void *ctx) {
    ASSERT(!r->closing);
    r->closing = true;
    module_store_cancel(r->shared->modules, r->loop);
    native_store_cancel(r->shared->native, r);
    for (struct instance *i = r->instances; i; i = i->next)
        if (i->worker)
            stop_instance(i, grace_ms, on_stopped, NULL);
    r->close_done = done;
    r->close_ctx = ctx;
    runtime_check_closed(r);
}
