// The loop, the runtime and the file service of the runtime's tests; see runtime_fixture.h.
#include "unit.h"

#include "runtime_fixture.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "net/problem.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

// ---- the file service

static struct span file_id(struct http_exchange *x) {
    static const char prefix[] = "/api/v1/files/";
    struct span path = http_path(x);
    return span_starts_with(path, prefix) ? span_slice(path, sizeof prefix - 1, path.n) : (struct span){0};
}

static void give(struct http_exchange *x, struct span bytes) {
    http_respond(x, 200, NULL, 0, bytes);
}

static void give_short(struct http_exchange *x) {
    http_stream_start(x, 200, NULL, 0, 1000);
    http_stream_write(x, SPAN_LITERAL("only this"));
    http_stream_abort(x);
}

static void give_endless(struct http_exchange *x) {
    static char block[65536];
    http_stream_start(x, 200, NULL, 0, -1);
    for (int i = 0; i < 64; i++)
        http_stream_write(x, span_make(block, sizeof block));
    http_stream_end(x);
}

static void handle(struct http_exchange *x, void *ctx) {
    struct fixture *f = ctx;
    struct span id = file_id(x);
    f->requests++;
    if (span_starts_with(id, "good"))
        give(x, f->module);
    else if (span_equal_text(id, "flaky") && f->requests >= 3)
        give(x, f->module);
    else if (span_equal_text(id, "flaky") || span_equal_text(id, "failing"))
        http_problem_text(x, ERR_UNAVAILABLE, "not now");
    else if (span_equal_text(id, "empty"))
        give(x, (struct span){0});
    else if (span_equal_text(id, "text"))
        give(x, SPAN_LITERAL("#!/bin/sh"));
    else if (span_equal_text(id, "short"))
        give_short(x);
    else if (span_equal_text(id, "endless"))
        give_endless(x);
    else if (span_equal_text(id, "slow") && f->held_count < COUNT_OF(f->held))
        f->held[f->held_count++] = x;
    else
        http_problem_text(x, ERR_FILE_NOT_FOUND, "no such file");
}

static void on_flag(void *ctx) {
    *(bool *)ctx = true;
}

static void start_server(struct fixture *f) {
    struct err e = {0};
    struct loop *loop = &f->loop;
    struct http_server_config config = {.address = "127.0.0.1:0", .handler = handle, .ctx = f};
    if (http_server_start(&config, &loop, 1, &f->server, &e) < 0)
        fail_msg("%s", e.text);
    f->config.sms_http_addr = http_server_address(f->server);
}

// ---- life

char *read_module(const char *module_file, size_t *ret_n) {
    const char *build = getenv("SPEAR_BUILD");
    static const char *const folders[] = {"samples", "tests/guests"};
    struct buf bytes;
    buf_init(&bytes, 64 * 1024 * 1024);
    for (size_t i = 0; i < COUNT_OF(folders); i++) {
        AUTO_FREE char *path = mem_printf("%s/%s/%s", build ? build : ".", folders[i], module_file);
        if (file_read(path, &bytes, NULL) == 0)
            return buf_take(&bytes, ret_n);
    }
    return NULL;
}

void need_engine(const char *module_file) {
    size_t n;
    char *bytes = read_module(module_file, &n);
    bool there = bytes != NULL;
    free(bytes); // skip() jumps
    if (!runtime_has_engine() || !there)
        skip();
}

static void make_data_dir(struct fixture *f) {
    char template[] = "/tmp/spear-runtime-XXXXXX";
    assert_non_null(mkdtemp(template));
    f->data_dir = mem_strdup(template);
    f->config.data_dir = f->data_dir;
}

void fixture_init_with(struct fixture *f, const char *module_file, void (*change)(struct fixture *f)) {
    struct err e = {0};
    memset(f, 0, sizeof *f);
    assert_int_equal(loop_init(&f->loop, &e), 0);
    spearlet_config_default(&f->config);
    make_data_dir(f);
    start_server(f);
    const char *worker = getenv("SPEAR_WORKER");
    f->worker_path = worker ? mem_strdup(worker) : NULL;
    f->config.worker_path = f->worker_path;
    f->config.fetch_backoff_ms = 1;
    f->config.compile_jobs = 0; // a test of native code says otherwise in `change`
    size_t n = 0;
    f->module.p = read_module(module_file ? module_file : "types.wasm", &n);
    f->module.n = n;
    if (change)
        change(f);
    assert_int_equal(runtime_shared_new(&f->config, &f->shared, &e), 0);
    if (module_file)
        f->bytes = artifact_source_bytes_new(f->module);
    struct runtime_config config = {&f->config, f->shared, &f->loop, f->bytes};
    assert_int_equal(runtime_new(&config, &f->runtime, &e), 0);
}

void fixture_init(struct fixture *f, const char *module_file) {
    fixture_init_with(f, module_file, NULL);
}

// The test program has no children of its own but what the runtime made.
static void assert_no_children(void) {
    siginfo_t info = {0};
    int result = waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT);
    if (result == 0)
        fail_msg("process %d is left", info.si_pid);
    assert_int_equal(errno, ECHILD);
}

void fixture_done(struct fixture *f) {
    bool closed = false, drained = false;
    for (size_t i = 0; i < f->held_count; i++)
        http_problem_text(f->held[i], ERR_UNAVAILABLE, "the test ends");
    runtime_close(f->runtime, 0, on_flag, &closed);
    wait_for(f, &closed);
    runtime_shared_free(f->shared);
    assert_no_children();
    http_server_drain(f->server, 1000, on_flag, &drained);
    wait_for(f, &drained);
    http_server_free(f->server);
    loop_done(&f->loop);
    artifact_source_free(f->bytes);
    (void)file_remove_tree(f->data_dir, NULL);
    free(f->data_dir);
    free(f->worker_path);
    free((void *)(uintptr_t)f->module.p);
}

// ---- waiting

struct watch {
    struct fixture *f;
    bool late;
};

static void on_late(void *arg) {
    ((struct watch *)arg)->late = true;
}

void wait_for(struct fixture *f, const bool *flag) {
    struct watch w = {f, false};
    struct loop_timer *timer = loop_timer_start(&f->loop, 30000, on_late, &w);
    while (!*flag && !w.late)
        uv_run(&f->loop.uv, UV_RUN_ONCE);
    if (w.late)
        fail_msg("nothing came within 30 s");
    loop_timer_cancel(timer);
}

void wait_state(struct fixture *f, struct instance *i, enum instance_state state) {
    struct watch w = {f, false};
    struct loop_timer *timer = loop_timer_start(&f->loop, 30000, on_late, &w);
    while (instance_state(i) != state && !w.late)
        uv_run(&f->loop.uv, UV_RUN_ONCE);
    if (w.late)
        fail_msg("the instance is %s, not %s", instance_state_name(instance_state(i)), instance_state_name(state));
    loop_timer_cancel(timer);
}

bool process_exists(int pid) {
    return kill(pid, 0) == 0;
}

// ---- calls

struct creating {
    bool done;
    struct instance *instance;
    struct err *error;
};

static void on_created(void *ctx, struct instance *i, const struct err *e) {
    struct creating *c = ctx;
    c->done = true;
    c->instance = i;
    if (e)
        *c->error = *e;
    assert_true((i == NULL) == (e != NULL));
}

void fixture_limits(struct instance_config *config) {
    task_limits_default(&config->limits);
}

struct instance *create_with(struct fixture *f, const struct instance_config *config, struct err *e) {
    struct creating c = {.error = e};
    err_clear(e);
    create_instance(f->runtime, config, on_created, &c);
    assert_false(c.done);
    wait_for(f, &c.done);
    return c.instance;
}

struct instance *create(struct fixture *f, const char *location, const char *checksum, struct err *e) {
    struct artifact_snapshot artifact = {location ? location : "sms+file://good", checksum};
    struct instance_config config = {.task_id = "task", .artifact = &artifact};
    fixture_limits(&config);
    return create_with(f, &config, e);
}

static void on_outcome(void *ctx, const struct err *e) {
    struct outcome *o = ctx;
    o->done = true;
    if (e)
        o->error = *e;
}

int start(struct fixture *f, struct instance *i, struct err *e) {
    struct outcome o = {0};
    start_instance(i, on_outcome, &o);
    assert_false(o.done);
    wait_for(f, &o.done);
    *e = o.error;
    return e->kind == ERR_NONE ? 0 : -1;
}

void stop(struct fixture *f, struct instance *i, uint64_t grace_ms) {
    struct outcome o = {0};
    stop_instance(i, grace_ms, on_outcome, &o);
    assert_false(o.done);
    wait_for(f, &o.done);
    assert_int_equal(o.error.kind, ERR_NONE);
}

struct instance *create_started(struct fixture *f) {
    struct err e = {0};
    struct instance *i = create(f, NULL, NULL, &e);
    if (!i || start(f, i, &e) < 0)
        fail_msg("%s", e.text);
    return i;
}

static void on_result(void *ctx, struct invocation_result *result, const struct err *e) {
    struct outcome *o = ctx;
    o->done = true;
    o->result = *result;
    o->results_json = span_dup(result->results_json);
    result->output = result->log = NULL; // taken
    if (e)
        o->error = *e;
}

void begin(struct instance *i, const char *payload, const char *const *args, uint64_t timeout_ms, struct outcome *o) {
    static const char *const no_args[] = {"guest", NULL};
    struct invocation v = {.execution_id = "execution", .invocation_id = "invocation", .args = args ? args : no_args};
    while (v.args[v.arg_count])
        v.arg_count++;
    v.payload = span_of(payload);
    v.deadline_us = timeout_ms ? clock_monotonic_us() + timeout_ms * 1000 : 0;
    memset(o, 0, sizeof *o);
    invoke(i, &v, on_result, o);
    assert_false(o->done);
}

void run(struct fixture *f, struct instance *i, const char *payload, const char *const *args, uint64_t timeout_ms,
         struct outcome *o) {
    begin(i, payload, args, timeout_ms, o);
    wait_for(f, &o->done);
}

void outcome_free(struct outcome *o) {
    free(o->result.output);
    free(o->result.log);
    free(o->results_json);
    memset(o, 0, sizeof *o);
}
