// What happens to a module's native code, one step after the other; native_store.h says what is promised, native_table.h what is kept.
//
// The lock guards table, states and queue, and is never held around a callback or I/O. An entry that is not idle has an owner, the runtime that asked
// first: its steps are taken on that loop, which only the choice of the next compilation, made on any, leaves by a post.
#include "runtime/native_store.h"

#include "base/clock.h"
#include "base/mem.h"
#include "runtime/instance.h"
#include "runtime/memory_file.h"
#include "runtime/native_compile.h"
#include "runtime/native_key.h"
#include "runtime/native_table.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

// From that size on a module is compiled at O0 first: O2 takes some seconds then (measured: 40 to 60 µs a byte, at O0 a tenth of that).
// O2 takes at least so many times what O0 took: 9 to 20 times, measured.
enum { QUICK_FROM_BYTES = 64 * 1024, WELL_TIMES_QUICK = 8, QUEUE_MAX = 256 };
#define RETRY_US ((uint64_t)60 * 1000 * 1000)

struct native_store {
    struct runtime_shared *shared;
    struct native_cache *cache;
    unsigned char cpu[SHA256_BYTES];
    void (*watch)(void *ctx, const struct runtime_code_event *event);
    void *watch_ctx;
    uv_mutex_t lock;
    struct native_table *table;
    char engine[IPC_ENGINE_MAX];
    unsigned running, waiting;
    uint64_t tickets;
};

// What is left to do when the lock is given back.
struct afterwards {
    struct native_waiter *wake;
    struct runtime *release; // its hold
};

static void schedule(struct native_store *s);

const char *runtime_code_name(enum runtime_code code) {
    static const char *const names[] = {"interpreter", "native-o0", "native"};
    ASSERT((size_t)code < COUNT_OF(names));
    return names[code];
}

enum runtime_code native_tier(const struct native *n) {
    return (enum runtime_code)atomic_load_explicit(&((struct native *)(uintptr_t)n)->tier, memory_order_relaxed);
}

void native_count_use(struct native *n) {
    atomic_fetch_add_explicit(&n->uses, 1, memory_order_relaxed);
}

// ---- who waits

static bool is_settled(const struct native *n, bool to_the_end) {
    return n->state == NATIVE_IDLE || (!to_the_end && n->state != NATIVE_LOOKING);
}

static void take_waiters(struct native *n, const struct runtime *only_of, struct afterwards *after) {
    for (struct native_waiter **link = &n->waiters, *w; (w = *link);) {
        if (only_of ? w->runtime == only_of : is_settled(n, w->to_the_end)) {
            *link = w->next;
            w->next = after->wake;
            after->wake = w;
        } else {
            link = &w->next;
        }
    }
}

static void call_waiter(void *arg) {
    struct native_waiter w = *(struct native_waiter *)arg;
    free(arg);
    w.ready(w.ctx);
}

static void finish(struct native_store *s, struct afterwards *after) {
    for (struct native_waiter *w = after->wake, *next; w; w = next) {
        next = w->next;
        ASSERT(loop_post(w->runtime->loop, call_waiter, w));
    }
    schedule(s);
    if (after->release) {
        after->release->holds--;
        runtime_check_closed(after->release);
    }
}

bool native_wait(struct native_store *s, struct native *n, struct runtime *r, bool to_the_end, void (*ready)(void *ctx),
                 void *ctx) {
    uv_mutex_lock(&s->lock);
    bool settled = is_settled(n, to_the_end);
    if (!settled) {
        struct native_waiter *w = NEW(struct native_waiter);
        *w = (struct native_waiter){
            .next = n->waiters, .runtime = r, .to_the_end = to_the_end, .ready = ready, .ctx = ctx};
        n->waiters = w;
    }
    uv_mutex_unlock(&s->lock);
    return settled;
}

// ---- from idle and back (under the lock, on the owner's loop)

static bool wants_more(const struct native_store *s, const struct native *n) {
    bool is_possible = s->shared->config.compile_jobs > 0 && s->shared->config.data_dir;
    return is_possible && n->interests > 0 && n->known.code != RUNTIME_CODE_NATIVE && !n->refused &&
           clock_monotonic_us() >= n->failed_until_us && s->waiting < QUEUE_MAX;
}

// False when no descriptor can be had: another time.
static bool begin_work(struct native_store *s, struct native *n, struct runtime *r, const struct module *m) {
    n->module_fd = fcntl(m->fd, F_DUPFD_CLOEXEC, 0);
    if (n->module_fd < 0)
        return false;
    n->module_bytes = m->size_bytes;
    n->owner = r;
    r->holds++;
    native_table_take(s->table, n);
    return true;
}

static void end_work(struct native_store *s, struct native *n, struct afterwards *after) {
    n->state = NATIVE_IDLE;
    n->cancelled = false;
    after->release = TAKE(n->owner);
    close(n->module_fd);
    n->module_fd = -1;
    take_waiters(n, NULL, after);
    native_table_give_back(s->table, n);
}

static void enqueue(struct native_store *s, struct native *n) {
    n->state = NATIVE_QUEUED;
    n->queued_at = ++s->tickets;
    s->waiting++;
}

// A step is over: is there another one?
static void go_on(struct native_store *s, struct native *n, struct afterwards *after) {
    n->cancelled = false;
    if (wants_more(s, n) && !n->owner->closing) {
        enqueue(s, n);
        take_waiters(n, NULL, after);
    } else {
        end_work(s, n, after);
    }
}

static struct native_code *code_new(enum runtime_code tier, const struct native_file *file) {
    struct native_code *code = NEW(struct native_code);
    atomic_init(&code->references, 1);
    code->tier = tier;
    code->fd = file->fd;
    code->size_bytes = file->size_bytes;
    code->compile_ms = file->compile_ms;
    return code;
}

static void tell(struct native_store *s, const struct native *n, const struct runtime_code_event *what) {
    struct runtime_code_event event = *what;
    char digest[SHA256_HEX + 1];
    sha256_to_hex(n->sha256, digest);
    event.module_digest = digest;
    if (s->watch)
        s->watch(s->watch_ctx, &event);
}

// ---- a look into the cache

struct look {
    struct native_store *store;
    struct native *native;
    char engine[IPC_ENGINE_MAX];
    unsigned char prepared[SHA256_BYTES];
    enum runtime_code tier; // of the file; interpreter: none was found
    struct native_file file;
    struct err refusal; // of a file that was there
};

static int digest_module(const struct native *n, unsigned char ret[SHA256_BYTES], struct err *e) {
    struct span bytes;
    if (memory_file_map(n->module_fd, n->module_bytes, &bytes, e) < 0)
        return -1;
    sha256_of(bytes, ret);
    memory_file_unmap(bytes);
    return 0;
}

static bool load_tier(struct look *l, enum runtime_code tier) {
    unsigned char key[SHA256_BYTES];
    struct err why = {0};
    native_key(l->prepared, l->engine, tier == RUNTIME_CODE_NATIVE_O0, l->store->cpu, key);
    if (native_cache_load(l->store->cache, key, &l->file, &why) == 0) {
        l->tier = tier;
        return true;
    }
    if (why.kind != ERR_ARTIFACT_NOT_FOUND)
        l->refusal = why;
    return false;
}

static void look_into_cache(void *arg) {
    struct look *l = arg;
    if (digest_module(l->native, l->prepared, &l->refusal) == 0 && !load_tier(l, RUNTIME_CODE_NATIVE))
        (void)load_tier(l, RUNTIME_CODE_NATIVE_O0);
}

static void tell_looked(const struct look *l) {
    struct runtime_counters *counters = &l->store->shared->counters;
    struct runtime_code_event event = {.kind = RUNTIME_CODE_REFUSED, .error = &l->refusal};
    counter_add(l->tier == RUNTIME_CODE_INTERPRETER ? &counters->native_misses : &counters->native_hits, 1);
    if (l->refusal.kind != ERR_NONE) {
        counter_add(&counters->native_refused, 1);
        tell(l->store, l->native, &event);
    }
    if (l->tier == RUNTIME_CODE_INTERPRETER)
        return;
    event = (struct runtime_code_event){.kind = RUNTIME_CODE_READY,
                                        .code = l->tier,
                                        .compile_ms = l->file.compile_ms,
                                        .size_bytes = l->file.size_bytes,
                                        .cached = true};
    tell(l->store, l->native, &event);
}

static void on_looked(void *arg) {
    AUTO_FREE struct look *l = arg;
    struct native_store *s = l->store;
    struct native *n = l->native;
    struct afterwards after = {0};
    uv_mutex_lock(&s->lock);
    memcpy(n->prepared, l->prepared, sizeof n->prepared);
    n->looked = true;
    native_table_set_code(s->table, n, l->tier == RUNTIME_CODE_INTERPRETER ? NULL : code_new(l->tier, &l->file));
    native_table_take(s->table, n); // while it is talked about
    go_on(s, n, &after);
    uv_mutex_unlock(&s->lock);
    tell_looked(l);
    native_unref(s, n);
    finish(s, &after);
}

static void begin_look(struct native_store *s, struct native *n, struct runtime *r) {
    struct look *l = NEW(struct look);
    l->store = s;
    l->native = n;
    uv_mutex_lock(&s->lock);
    memcpy(l->engine, s->engine, sizeof l->engine);
    uv_mutex_unlock(&s->lock);
    loop_work(r->loop, look_into_cache, on_looked, l);
}

// ---- a compilation

static void note_failure(struct native *n, const struct err *e) {
    bool is_modules = e->kind == ERR_RUNTIME_ERROR || e->kind == ERR_INVALID_CONFIGURATION;
    n->failed_until_us = is_modules ? UINT64_MAX : clock_monotonic_us() + RETRY_US;
    snprintf(n->failure, sizeof n->failure, "%.*s", (int)sizeof n->failure - 1, e->text);
}

// What would be killed in the end is not begun.
static void note_quick(const struct native_store *s, struct native *n, const struct native_file *file) {
    uint64_t limit_ms = s->shared->config.compile_time_ms;
    struct err e = {0};
    if (file->compile_ms * WELL_TIMES_QUICK < limit_ms)
        return;
    err_set(&e, ERR_RUNTIME_ERROR,
            "native-o0 took %" PRIu64 " ms: the better code would take longer than compile-timeout (%" PRIu64 " ms)",
            file->compile_ms, limit_ms);
    note_failure(n, &e);
}

static void tell_compiled(struct native_store *s, const struct native *n, enum runtime_code tier,
                          const struct native_file *file, const struct err *e) {
    struct runtime_counters *counters = &s->shared->counters;
    struct runtime_code_event event = {.kind = e ? RUNTIME_CODE_FAILED : RUNTIME_CODE_READY, .code = tier, .error = e};
    if (file) {
        event.compile_ms = file->compile_ms;
        event.size_bytes = file->size_bytes;
    }
    if (!e)
        counter_add(&counters->compiles_done, 1);
    else if (e->kind == ERR_EXECUTION_TERMINATED)
        counter_add(&counters->compiles_cancelled, 1);
    else
        counter_add(&counters->compiles_failed, 1);
    tell(s, n, &event);
}

static void on_compiled(void *ctx, struct native_file *file, const struct err *e) {
    struct native *n = ctx;
    struct native_store *s = n->store;
    struct afterwards after = {0};
    n->compile = NULL;
    uv_mutex_lock(&s->lock);
    enum runtime_code tier = n->quick ? RUNTIME_CODE_NATIVE_O0 : RUNTIME_CODE_NATIVE;
    s->running--;
    if (file) {
        n->failed_until_us = 0;
        n->failure[0] = '\0';
        native_table_set_code(s->table, n, code_new(tier, file));
        if (n->quick)
            note_quick(s, n, file);
    } else if (e->kind != ERR_EXECUTION_TERMINATED) {
        note_failure(n, e);
    }
    native_table_take(s->table, n); // while it is talked about
    go_on(s, n, &after);
    uv_mutex_unlock(&s->lock);
    tell_compiled(s, n, tier, file, e);
    native_unref(s, n);
    finish(s, &after);
}

// What it is to be compiled for, or false when nobody wants it any more.
static bool prepare_job(struct native *n, struct native_compile_config *ret) {
    struct native_store *s = n->store;
    uv_mutex_lock(&s->lock);
    n->quick = n->known.code == RUNTIME_CODE_INTERPRETER && n->module_bytes >= QUICK_FROM_BYTES;
    *ret = (struct native_compile_config){.shared = s->shared,
                                          .loop = n->owner->loop,
                                          .cache = s->cache,
                                          .module_fd = n->module_fd,
                                          .module_bytes = n->module_bytes,
                                          .quick = n->quick,
                                          .done = on_compiled,
                                          .ctx = n};
    native_key(n->prepared, s->engine, n->quick, s->cpu, ret->key);
    bool is_wanted = !n->cancelled;
    uv_mutex_unlock(&s->lock);
    return is_wanted;
}

static void start_job(void *arg) {
    struct native *n = arg;
    struct native_store *s = n->store;
    struct native_compile_config config;
    struct err e = {0};
    bool is_wanted = prepare_job(n, &config);
    counter_add(&s->shared->counters.compiles_started, 1);
    if (!is_wanted) {
        err_set(&e, ERR_EXECUTION_TERMINATED, "a compilation was given up before it began");
        on_compiled(n, NULL, &e);
        return;
    }
    struct runtime_code_event event = {.kind = RUNTIME_CODE_COMPILING,
                                       .code = config.quick ? RUNTIME_CODE_NATIVE_O0 : RUNTIME_CODE_NATIVE};
    tell(s, n, &event);
    n->compile = native_compile(&config);
}

static void schedule(struct native_store *s) {
    uv_mutex_lock(&s->lock);
    while (s->waiting > 0 && s->running < s->shared->config.compile_jobs) {
        struct native *n = native_table_next(s->table);
        n->state = NATIVE_COMPILING;
        s->waiting--;
        s->running++;
        ASSERT(loop_post(n->owner->loop, start_job, n)); // its owner has a hold
    }
    uv_mutex_unlock(&s->lock);
}

// ---- ending one early

// On the owner's loop, under the lock. A compilation to be ended, if there is one, when the lock is given back.
static struct native_compile *cancel(struct native_store *s, struct native *n, struct afterwards *after) {
    if (n->state == NATIVE_QUEUED) {
        s->waiting--;
        end_work(s, n, after);
    } else if (n->state == NATIVE_COMPILING) {
        n->cancelled = true;
        return n->compile;
    }
    return NULL;
}

struct unwanted {
    struct native *native;
    struct loop *loop;
};

static void cancel_unwanted(void *arg) {
    struct unwanted u = *(struct unwanted *)arg;
    struct native_store *s = u.native->store;
    struct native_compile *running = NULL;
    struct afterwards after = {0};
    free(arg);
    uv_mutex_lock(&s->lock);
    if (u.native->interests == 0 && u.native->owner && u.native->owner->loop == u.loop)
        running = cancel(s, u.native, &after);
    native_table_give_back(s->table, u.native);
    uv_mutex_unlock(&s->lock);
    if (running)
        native_compile_cancel(running);
    finish(s, &after);
}

void native_store_task_gone(struct native_store *s, const char *task_id) {
    uv_mutex_lock(&s->lock);
    struct native *n = native_table_remove_interest(s->table, task_id);
    if (n && n->interests == 0 && n->owner) {
        struct unwanted *u = NEW(struct unwanted);
        *u = (struct unwanted){n, n->owner->loop};
        native_table_take(s->table, n);
        ASSERT(loop_post(u->loop, cancel_unwanted, u));
    }
    uv_mutex_unlock(&s->lock);
}

struct closing {
    struct native_store *store;
    struct runtime *runtime;
    struct native_compile *running[64];
    size_t running_count;
    struct afterwards after;
    unsigned released;
};

static void close_one(void *ctx, struct native *n) {
    struct closing *c = ctx;
    if (n->owner == c->runtime && !n->cancelled && c->running_count < COUNT_OF(c->running)) {
        struct native_compile *running = cancel(c->store, n, &c->after);
        if (running)
            c->running[c->running_count++] = running;
        c->released += TAKE(c->after.release) != NULL;
    }
    take_waiters(n, c->runtime, &c->after);
}

void native_store_cancel(struct native_store *s, struct runtime *r) {
    struct closing c = {.store = s, .runtime = r};
    uv_mutex_lock(&s->lock);
    native_table_each(s->table, close_one, &c);
    uv_mutex_unlock(&s->lock);
    for (size_t i = 0; i < c.running_count; i++)
        native_compile_cancel(c.running[i]);
    r->holds -= c.released;
    finish(s, &c.after); // who closes the runtime looks at its holds next
}

// ---- instances

struct native *native_get(struct native_store *s, struct runtime *r, const struct module *m, const char *task_id) {
    uv_mutex_lock(&s->lock);
    struct native *n = native_table_entry(s->table, m->sha256, m->memory_bytes);
    n->store = s;
    native_table_take(s->table, n);
    native_table_add_interest(s->table, n, task_id);
    native_count_use(n);
    bool look = n->state == NATIVE_IDLE && !n->looked && !n->refused;
    bool begun = n->state == NATIVE_IDLE && (look || wants_more(s, n)) && begin_work(s, n, r, m);
    if (begun && look)
        n->state = NATIVE_LOOKING;
    else if (begun)
        enqueue(s, n);
    uv_mutex_unlock(&s->lock);
    if (begun && look)
        begin_look(s, n, r);
    else if (begun)
        schedule(s);
    return n;
}

void native_unref(struct native_store *s, struct native *n) {
    if (!n)
        return;
    uv_mutex_lock(&s->lock);
    native_table_give_back(s->table, n);
    uv_mutex_unlock(&s->lock);
}

struct native_code *native_code_take(struct native_store *s, struct native *n) {
    if (!n)
        return NULL;
    uv_mutex_lock(&s->lock);
    struct native_code *code = n->code;
    if (code)
        atomic_fetch_add(&code->references, 1);
    uv_mutex_unlock(&s->lock);
    return code;
}

struct removal {
    struct native_cache *cache;
    unsigned char key[SHA256_BYTES];
};

static void remove_file(void *arg) {
    struct removal *r = arg;
    native_cache_remove(r->cache, r->key);
}

void native_reject(struct native_store *s, struct runtime *r, struct native *n, const struct native_code *code,
                   const struct err *why) {
    struct removal *removal = NEW(struct removal);
    removal->cache = s->cache;
    uv_mutex_lock(&s->lock);
    native_key(n->prepared, s->engine, code->tier == RUNTIME_CODE_NATIVE_O0, s->cpu, removal->key);
    if (n->code == code)
        native_table_set_code(s->table, n, NULL);
    n->refused = true;
    snprintf(n->failure, sizeof n->failure, "%.*s", (int)sizeof n->failure - 1, why->text);
    uv_mutex_unlock(&s->lock);
    counter_add(&s->shared->counters.native_refused, 1);
    struct runtime_code_event event = {.kind = RUNTIME_CODE_REFUSED, .code = code->tier, .error = why};
    tell(s, n, &event);
    loop_work(r->loop, remove_file, free, removal);
}

// ---- looks

bool native_store_task(struct native_store *s, const char *task_id, struct runtime_code_state *ret) {
    uv_mutex_lock(&s->lock);
    const struct native *n = native_table_of_task(s->table, task_id);
    if (n) {
        *ret = n->known;
        ret->compiling = n->state == NATIVE_QUEUED || n->state == NATIVE_COMPILING;
        memcpy(ret->failure, n->failure, sizeof ret->failure);
    }
    uv_mutex_unlock(&s->lock);
    return n != NULL;
}

void native_store_gauges(struct native_store *s, uint64_t *ret_running, uint64_t *ret_waiting,
                         uint64_t *ret_cache_bytes) {
    uv_mutex_lock(&s->lock);
    *ret_running = s->running;
    *ret_waiting = s->waiting;
    uv_mutex_unlock(&s->lock);
    *ret_cache_bytes = native_cache_bytes(s->cache);
}

void native_store_set_engine(struct native_store *s, const char *engine) {
    uv_mutex_lock(&s->lock);
    snprintf(s->engine, sizeof s->engine, "%s", engine);
    uv_mutex_unlock(&s->lock);
}

void native_store_watch(struct native_store *s, void (*watch)(void *ctx, const struct runtime_code_event *event),
                        void *ctx) {
    s->watch = watch;
    s->watch_ctx = ctx;
}

// ---- making

int native_store_new(struct runtime_shared *shared, struct native_store **ret, struct err *e) {
    const struct spearlet_config *config = &shared->config;
    struct native_cache *cache;
    if (native_cache_new(shared->configured ? config->data_dir : NULL, config->native_cache_max_bytes, &cache, e) < 0)
        return -1;
    struct native_store *s = NEW(struct native_store);
    s->shared = shared;
    s->cache = cache;
    s->table = native_table_new(config->prepared_cache_max_bytes);
    native_key_cpu(s->cpu);
    ASSERT(uv_mutex_init(&s->lock) == 0);
    *ret = s;
    return 0;
}

void native_store_free(struct native_store *s) {
    if (!s)
        return;
    native_table_free(s->table);
    native_cache_free(s->cache);
    uv_mutex_destroy(&s->lock);
    free(s);
}
