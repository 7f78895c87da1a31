// Compiles one module: a private folder (thread pool) ─▶ a worker of role compile writes into it ─▶ its file into sealed memory and into the
// cache, the folder away (thread pool) ─▶ done. When to compile what is native_store.c's business.
//
// What the process leaves is used whatever it said besides: it runs in cages of that module's workers only.
#include "runtime/native_compile.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "runtime/memory_file.h"
#include "runtime/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct native_compile {
    struct native_compile_config config;
    char *folder;
    int folder_fd; // -1: none
    struct task_grant scratch;
    struct worker_grant grant;
    struct worker *worker;
    uint64_t started_us;
    bool ready, cancelled;
    struct native_file file; // fd -1: none
    struct err error;
};

static bool is_cancelled(struct native_compile *c) {
    if (c->cancelled && c->error.kind == ERR_NONE)
        err_set(&c->error, ERR_EXECUTION_TERMINATED, "a compilation was given up: nobody wants it any more");
    return c->cancelled;
}

static void finish(void *arg) {
    AUTO_FREE struct native_compile *c = arg;
    bool failed = c->file.fd < 0 || is_cancelled(c);
    if (failed && c->file.fd >= 0)
        close(c->file.fd);
    worker_free(c->worker);
    free(c->folder);
    c->config.done(c->config.ctx, failed ? NULL : &c->file, failed ? &c->error : NULL);
}

// ---- after the process (thread pool)

static int take_code(struct native_compile *c, struct err *e) {
    AUTO_CLOSE int from = openat(c->folder_fd, IPC_CODE_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    AUTO_CLOSE int memory = -1;
    struct stat info;
    if (from < 0 || fstat(from, &info) < 0)
        return err_set_sys(e, ERR_RUNTIME_ERROR, errno, "the compiler left no file");
    uint64_t size_bytes = (uint64_t)info.st_size;
    if (!S_ISREG(info.st_mode) || size_bytes == 0 || size_bytes > WORKER_CODE_BYTES_MAX)
        return err_set(e, ERR_RUNTIME_ERROR, "the compiler left a file of %llu bytes", (unsigned long long)size_bytes);
    if (memory_file_new("spear-native", &memory, e) < 0 || memory_file_copy(memory, from, 0, size_bytes, e) < 0 ||
        memory_file_seal(memory, e) < 0)
        return -1;
    uint64_t elapsed_us = clock_monotonic_us() - c->started_us;
    c->file = (struct native_file){TAKE_FD(memory), size_bytes, elapsed_us / 1000};
    return 0;
}

static void collect(void *arg) {
    struct native_compile *c = arg;
    if (c->error.kind == ERR_NONE)
        (void)take_code(c, &c->error);
    close(c->folder_fd);
    (void)file_remove_tree(c->folder, NULL); // what stays is removed at the next start
    if (c->file.fd >= 0)
        (void)native_cache_store(c->config.cache, c->config.key, &c->file,
                                 NULL); // not kept: compiled again another time
}

// ---- the process

static void on_ready(void *ctx, uint64_t module_bytes) {
    (void)module_bytes;
    struct native_compile *c = ctx;
    c->ready = true;
}

static void judge_end(struct native_compile *c, const struct err *why) {
    c->error = *why;
    if (is_cancelled(c) || (why->kind == ERR_NONE && c->ready))
        return;
    if (why->kind == ERR_NONE)
        err_set(&c->error, ERR_RUNTIME_ERROR, "the compiling process ended without an answer");
    else if (clock_monotonic_us() - c->started_us >= c->config.shared->config.compile_time_ms * 1000)
        err_set(&c->error, ERR_RUNTIME_ERROR, "it took longer than compile-timeout (%llu ms)",
                (unsigned long long)c->config.shared->config.compile_time_ms);
}

static void on_ended(void *ctx, const struct err *why) {
    struct native_compile *c = ctx;
    judge_end(c, why);
    loop_work(c->config.loop, collect, finish, c);
}

static const struct worker_events events = {.ready = on_ready, .ended = on_ended};

static void start_worker(struct native_compile *c) {
    struct runtime_shared *shared = c->config.shared;
    snprintf(c->scratch.guest_path, sizeof c->scratch.guest_path, "/");
    c->scratch.writable = true;
    c->scratch.max_bytes = UINT64_MAX;
    // A grant has a second descriptor, of a volume's counter; a compiler does not look at it.
    c->grant =
        (struct worker_grant){.grant = &c->scratch, .directory_fd = c->folder_fd, .volume_fd = c->config.module_fd};
    struct worker_config config = {.shared = shared,
                                   .loop = c->config.loop,
                                   .role = IPC_ROLE_COMPILE,
                                   .module_fd = c->config.module_fd,
                                   .module_bytes = c->config.module_bytes,
                                   .memory_bytes = shared->config.compile_memory_bytes,
                                   .quick = c->config.quick,
                                   .grants = &c->grant,
                                   .grant_count = 1,
                                   .start_ms = shared->config.compile_time_ms,
                                   .events = &events,
                                   .ctx = c};
    c->started_us = clock_monotonic_us();
    c->worker = worker_start(&config);
}

// ---- before it (thread pool)

static void make_folder(void *arg) {
    struct native_compile *c = arg;
    if (native_cache_load(c->config.cache, c->config.key, &c->file, NULL) == 0 ||
        native_cache_scratch(c->config.cache, &c->folder, &c->error) < 0)
        return;
    c->folder_fd = open(c->folder, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (c->folder_fd < 0)
        err_set_sys(&c->error, ERR_IO, errno, "%s", c->folder);
}

static void on_folder(void *arg) {
    struct native_compile *c = arg;
    if (c->file.fd < 0 && c->folder_fd >= 0 && !is_cancelled(c))
        start_worker(c);
    else if (c->folder_fd >= 0)
        loop_work(c->config.loop, collect, finish, c);
    else
        finish(c);
}

struct native_compile *native_compile(const struct native_compile_config *config) {
    struct native_compile *c = NEW(struct native_compile);
    c->config = *config;
    c->folder_fd = c->file.fd = -1;
    loop_work(config->loop, make_folder, on_folder, c);
    return c;
}

void native_compile_cancel(struct native_compile *c) {
    struct err why = {0};
    c->cancelled = true;
    err_set(&why, ERR_EXECUTION_TERMINATED, "a compilation was given up: nobody wants it any more");
    if (c->worker)
        worker_kill(c->worker, &why);
}
