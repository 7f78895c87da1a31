// A program of somebody else's that runs a guest through the installed libspear-runtime: module bytes of its own, one invocation,
// the guest's output on stdout. Built by test_install.py with nothing but pkg-config; docs/embedding.md explains it.
#include <runtime/runtime.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct embedder {
    struct loop loop;
    struct runtime *runtime;
    struct instance *instance;
    const char *input;
    int status;
};

static void on_closed(void *ctx) {
    struct embedder *m = ctx;
    loop_stop(&m->loop);
}

static void give_up(struct embedder *m, const char *where, const struct err *e) {
    fprintf(stderr, "%s: %s: %s\n", where, err_kind_info(e->kind)->name, e->text);
    m->status = 1;
    runtime_close(m->runtime, 0, on_closed, m);
}

static void on_stopped(void *ctx, const struct err *e) {
    struct embedder *m = ctx;
    (void)e;
    instance_unref(m->instance);
    runtime_close(m->runtime, 0, on_closed, m);
}

static void on_invoked(void *ctx, struct invocation_result *result, const struct err *e) {
    struct embedder *m = ctx;
    fwrite(result->output, 1, result->output_bytes, stdout);
    if (e) {
        fprintf(stderr, "invoke: %s\n", e->text);
        m->status = 1;
    }
    stop_instance(m->instance, 1000, on_stopped, m);
}

static void on_started(void *ctx, const struct err *e) {
    struct embedder *m = ctx;
    const char *const args[] = {"embedded"};
    if (e) {
        give_up(m, "start_instance", e);
        return;
    }
    struct invocation v = {.execution_id = "1", .args = args, .arg_count = 1, .payload = {m->input, strlen(m->input)}};
    invoke(m->instance, &v, on_invoked, m);
}

static void on_created(void *ctx, struct instance *instance, const struct err *e) {
    struct embedder *m = ctx;
    if (e) {
        give_up(m, "create_instance", e);
        return;
    }
    m->instance = instance;
    start_instance(instance, on_started, m);
}

static char *read_file(const char *path, size_t *ret_n) {
    FILE *file = fopen(path, "rb");
    char *bytes = malloc(1 << 20);
    if (!file || !bytes)
        exit(2);
    *ret_n = fread(bytes, 1, 1 << 20, file);
    fclose(file);
    return bytes;
}

int main(int argc, char **argv) {
    if (argc != 5) {
        fprintf(stderr, "usage: %s MODULE WORKER DATA_DIR INPUT\n", argv[0]);
        return 2;
    }
    struct embedder m = {.input = argv[4]};
    struct spearlet_config config;
    struct runtime_shared *shared;
    struct err e;
    size_t n;
    char *bytes = read_file(argv[1], &n);
    struct artifact_source *source = artifact_source_bytes_new((struct span){bytes, n});
    free(bytes);
    spearlet_config_default(&config);
    config.worker_path = argv[2];
    config.data_dir = argv[3];
    struct artifact_snapshot artifact = {.location = "sms+file://embedded"};
    struct instance_config instance = {.task_id = "embedded", .artifact = &artifact};
    task_limits_default(&instance.limits);
    struct runtime_config runtime = {.spearlet_config = &config, .loop = &m.loop, .artifact_source = source};
    if (loop_init(&m.loop, &e) || runtime_shared_new(&config, &shared, &e)) {
        fprintf(stderr, "%s\n", e.text);
        return 1;
    }
    runtime.shared = shared;
    if (runtime_new(&runtime, &m.runtime, &e)) {
        fprintf(stderr, "%s\n", e.text);
        return 1;
    }
    create_instance(m.runtime, &instance, on_created, &m);
    loop_run(&m.loop);
    runtime_shared_free(shared);
    loop_done(&m.loop);
    artifact_source_free(source);
    return m.status;
}
