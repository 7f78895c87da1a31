// The module store: module_store.h says what it is. This file has the requests and what they wait for; the table of finished modules is
// module_table.c, the download artifact_source_sms.c, the preparation module_prepare.c.
//
// The lock guards the lists and the table and is never held around a callback or I/O. A waiter belongs to its loop: it is only handed to
// another one through loop_post. An operation belongs to the loop that began it.
#include "runtime/module_store.h"

#include "base/mem.h"
#include "model/module_head.h"
#include "runtime/memory_file.h"
#include "runtime/module_prepare.h"
#include "runtime/module_table.h"

#include <unistd.h>

// Raw bytes that passed the checks, on their way to preparation.
struct raw_module {
    _Atomic unsigned references;
    int fd;
    uint64_t size_bytes;
    unsigned char sha256[SHA256_BYTES];
};

struct waiter {
    struct waiter *next;
    struct module_store *store;
    struct module_request request;
    char *location, *checksum;
    bool located; // the digest is known before any fetch
    unsigned char sha256[SHA256_BYTES];
    // What it was given, by the operation it waited for:
    struct raw_module *raw;
    struct module *module;
    struct err error;
};

struct operation {
    struct operation *next;
    struct module_store *store;
    struct loop *loop;
    struct waiter *waiters;
    bool cancelled;
    // a fetch
    struct artifact_source *source;
    char *location, *checksum;
    struct artifact_fetch *fetch;
    // a preparation
    unsigned char sha256[SHA256_BYTES];
    uint64_t memory_bytes;
    struct raw_module *raw;
    struct preparation *preparation;
};

struct module_store {
    struct runtime_shared *shared;
    uv_mutex_t lock;
    struct operation *fetches, *preparations;
    struct module_table *table;
};

static void ask(struct waiter *w);
static void prepare_for(struct waiter *w);

static void raw_unref(struct raw_module *raw) {
    if (!raw || atomic_fetch_sub(&raw->references, 1) != 1)
        return;
    close(raw->fd);
    free(raw);
}

// ---- waiters

static void finish_waiter(struct waiter *w) {
    w->request.done(w->request.ctx, w->module, w->error.kind == ERR_NONE ? NULL : &w->error);
    raw_unref(w->raw);
    free(w->location);
    free(w->checksum);
    free(w);
}

static int check_wanted(struct waiter *w) {
    if (w->request.wanted(w->request.ctx))
        return 0;
    return err_set(&w->error, ERR_EXECUTION_TERMINATED, "a module is not wanted any more: the runtime is closing");
}

// On the waiter's loop, after the operation it waited for: go on to the preparation, or be done.
static void wake_waiter(void *arg) {
    struct waiter *w = arg;
    if (w->error.kind == ERR_NONE && !w->module)
        (void)check_wanted(w);
    if (w->error.kind == ERR_NONE && !w->module)
        prepare_for(w);
    else
        finish_waiter(w);
}

static void post_waiter(struct waiter *w) {
    ASSERT(loop_post(w->request.loop, wake_waiter, w)); // a runtime outlives its requests, a loop its runtimes
}

// ---- operations

static struct operation *operation_new(struct waiter *first) {
    struct operation *o = NEW(struct operation);
    o->store = first->store;
    o->loop = first->request.loop;
    o->waiters = first;
    first->next = NULL;
    return o;
}

static void operation_free(struct operation *o) {
    raw_unref(o->raw);
    free(o->location);
    free(o->checksum);
    free(o);
}

static void list_remove(struct operation **list, struct operation *o) {
    while (*list != o)
        list = &(*list)->next;
    *list = o->next;
}

// Joins the operation, behind those who wait for it already. Under the lock.
static void join(struct operation *o, struct waiter *w) {
    w->next = o->waiters->next;
    o->waiters->next = w;
}

// ---- the fetch

static int check_checksum(const char *expected, const unsigned char sha256[SHA256_BYTES], struct err *e) {
    unsigned char wanted[SHA256_BYTES];
    if (expected[0] == '\0')
        return 0;
    if (!sha256_from_hex(span_of(expected), wanted))
        return err_set(e, ERR_INVALID_CONFIGURATION, "the task's checksum \"%.80s\" is not 64 hexadecimal digits",
                       expected);
    char found[SHA256_HEX + 1];
    sha256_to_hex(sha256, found);
    if (memcmp(wanted, sha256, SHA256_BYTES) == 0)
        return 0;
    return err_set(e, ERR_INVALID_CONFIGURATION, "the module's sha256 is %s, but the task's checksum is %s", found,
                   expected);
}

static int check_raw(const struct operation *o, int fd, uint64_t size_bytes, const unsigned char sha256[SHA256_BYTES],
                     struct err *e) {
    struct span bytes;
    if (check_checksum(o->checksum, sha256, e) < 0 || memory_file_map(fd, size_bytes, &bytes, e) < 0)
        return -1;
    int result = module_head_check(bytes, e);
    memory_file_unmap(bytes);
    return result;
}

static struct raw_module *raw_new(int fd, uint64_t size_bytes, const unsigned char sha256[SHA256_BYTES]) {
    struct raw_module *raw = NEW(struct raw_module);
    atomic_init(&raw->references, 1);
    raw->fd = fd;
    raw->size_bytes = size_bytes;
    memcpy(raw->sha256, sha256, SHA256_BYTES);
    return raw;
}

// The operation is over: nobody can join it any more, those who wait get what it made.
static void end_operation(struct operation **list, struct operation *o, const struct err *e) {
    struct module_store *s = o->store;
    uv_mutex_lock(&s->lock);
    list_remove(list, o);
    uv_mutex_unlock(&s->lock);
    for (struct waiter *w = o->waiters, *next; w; w = next) {
        next = w->next;
        if (e) {
            w->error = *e;
        } else if (!w->module) {
            raw_unref(w->raw);
            atomic_fetch_add(&o->raw->references, 1);
            w->raw = o->raw;
        }
        post_waiter(w);
    }
    operation_free(o);
}

static void on_fetched(void *ctx, int fd, uint64_t size_bytes, const unsigned char sha256[SHA256_BYTES],
                       const struct err *e) {
    struct operation *o = ctx;
    struct module_store *s = o->store;
    struct err why = {0};
    o->fetch = NULL;
    if (!e && check_raw(o, fd, size_bytes, sha256, &why) < 0) {
        close(fd);
        e = &why;
    }
    if (!e) {
        o->raw = raw_new(fd, size_bytes, sha256);
        uv_mutex_lock(&s->lock);
        if (o->source->type->stable)
            module_table_remember(s->table, o->location, sha256);
        uv_mutex_unlock(&s->lock);
    }
    end_operation(&s->fetches, o, e);
}

static struct operation *find_fetch(struct module_store *s, const struct waiter *w) {
    for (struct operation *o = s->fetches; o; o = o->next)
        if (!o->cancelled && o->source == w->request.source && strcmp(o->location, w->location) == 0 &&
            strcmp(o->checksum, w->checksum) == 0)
            return o;
    return NULL;
}

// Joins the fetch of the same bytes, or begins it. What was learned of the location stands in for a checksum that the task does not give.
static void fetch_for(struct waiter *w) {
    struct module_store *s = w->store;
    if (w->located && w->checksum[0] == '\0') {
        free(w->checksum);
        w->checksum = mem_alloc(SHA256_HEX + 1);
        sha256_to_hex(w->sha256, w->checksum);
    }
    uv_mutex_lock(&s->lock);
    struct operation *running = find_fetch(s, w), *begun = NULL;
    if (running) {
        join(running, w);
    } else {
        begun = operation_new(w);
        begun->source = w->request.source;
        begun->location = mem_strdup(w->location);
        begun->checksum = mem_strdup(w->checksum);
        begun->next = s->fetches;
        s->fetches = begun;
    }
    uv_mutex_unlock(&s->lock);
    if (begun)
        begun->fetch = begun->source->type->fetch(begun->source, begun->loop, begun->location, begun->checksum,
                                                  s->shared->config.max_module_size_bytes, on_fetched, begun);
}

// ---- the preparation

// Two loops may have prepared the same in turn: then the first one stays.
static void give_module(struct operation *o, int fd, uint64_t size_bytes) {
    struct module_store *s = o->store;
    uv_mutex_lock(&s->lock);
    struct module *m = module_table_find(s->table, o->sha256, o->memory_bytes);
    if (!m)
        m = module_table_add(s->table, o->sha256, o->memory_bytes, TAKE_FD(fd), size_bytes);
    for (struct waiter *w = o->waiters; w; w = w->next) {
        module_table_take(s->table, m);
        w->module = m;
    }
    uv_mutex_unlock(&s->lock);
    if (fd >= 0)
        close(fd);
}

static void on_prepared(void *ctx, int fd, uint64_t size_bytes, const struct err *e) {
    struct operation *o = ctx;
    struct runtime_counters *counters = &o->store->shared->counters;
    o->preparation = NULL;
    if (!e)
        counter_add(&counters->modules_prepared, 1);
    else if (e->kind == ERR_INVALID_CONFIGURATION)
        counter_add(&counters->modules_refused, 1);
    // Nobody may join between the two: a late joiner would get no module. So the list forgets it first.
    uv_mutex_lock(&o->store->lock);
    o->cancelled = true;
    uv_mutex_unlock(&o->store->lock);
    if (!e)
        give_module(o, fd, size_bytes);
    end_operation(&o->store->preparations, o, e);
}

static struct operation *find_preparation(struct module_store *s, const struct waiter *w) {
    for (struct operation *o = s->preparations; o; o = o->next)
        if (!o->cancelled && o->memory_bytes == w->request.memory_bytes &&
            memcmp(o->sha256, w->raw->sha256, SHA256_BYTES) == 0)
            return o;
    return NULL;
}

static struct operation *begin_preparation(struct module_store *s, struct waiter *w) {
    struct operation *o = operation_new(w);
    o->memory_bytes = w->request.memory_bytes;
    o->raw = w->raw;
    atomic_fetch_add(&o->raw->references, 1);
    memcpy(o->sha256, w->raw->sha256, SHA256_BYTES);
    o->next = s->preparations;
    s->preparations = o;
    return o;
}

// The waiter has raw bytes: finds the module, joins its preparation, or begins it.
static void prepare_for(struct waiter *w) {
    struct module_store *s = w->store;
    struct operation *begun = NULL;
    uv_mutex_lock(&s->lock);
    w->module = module_table_find(s->table, w->raw->sha256, w->request.memory_bytes);
    struct operation *running = w->module ? NULL : find_preparation(s, w);
    if (w->module)
        module_table_take(s->table, w->module);
    else if (running)
        join(running, w);
    else
        begun = begin_preparation(s, w);
    uv_mutex_unlock(&s->lock);
    if (begun)
        begun->preparation = module_prepare(s->shared, begun->loop, begun->raw->fd, begun->raw->size_bytes,
                                            begun->memory_bytes, on_prepared, begun);
    else if (!running)
        finish_waiter(w);
}

// ---- the outside

// On the waiter's loop, a turn after module_get.
static void ask(struct waiter *w) {
    struct module_store *s = w->store;
    struct artifact_source *source = w->request.source;
    if (check_wanted(w) < 0 || (source->type->check && source->type->check(source, w->location, &w->error) < 0)) {
        finish_waiter(w);
        return;
    }
    uv_mutex_lock(&s->lock);
    w->located =
        sha256_from_hex(span_of(w->checksum), w->sha256) ||
        (w->checksum[0] == '\0' && source->type->stable && module_table_recall(s->table, w->location, w->sha256));
    w->module = w->located ? module_table_find(s->table, w->sha256, w->request.memory_bytes) : NULL;
    if (w->module)
        module_table_take(s->table, w->module);
    uv_mutex_unlock(&s->lock);
    if (w->module)
        finish_waiter(w);
    else
        fetch_for(w);
}

static void ask_later(void *arg) {
    ask(arg);
}

void module_get(struct module_store *s, const struct module_request *request) {
    struct waiter *w = NEW(struct waiter);
    w->store = s;
    w->request = *request;
    w->location = mem_strdup(request->location);
    w->checksum = mem_strdup(request->checksum_sha256);
    ASSERT(loop_post(request->loop, ask_later, w));
}

void module_unref(struct module_store *s, struct module *m) {
    if (!m)
        return;
    uv_mutex_lock(&s->lock);
    module_table_give_back(s->table, m);
    uv_mutex_unlock(&s->lock);
}

// The next operation of this loop that was not cancelled yet; marks it.
static struct operation *take_uncancelled(struct module_store *s, struct operation *list, struct loop *loop) {
    uv_mutex_lock(&s->lock);
    while (list && (list->loop != loop || list->cancelled))
        list = list->next;
    if (list)
        list->cancelled = true;
    uv_mutex_unlock(&s->lock);
    return list;
}

void module_store_cancel(struct module_store *s, struct loop *loop) {
    for (struct operation *o; (o = take_uncancelled(s, s->fetches, loop));)
        if (o->fetch && o->source->type->cancel)
            o->source->type->cancel(o->source, o->fetch);
    for (struct operation *o; (o = take_uncancelled(s, s->preparations, loop));)
        if (o->preparation)
            module_prepare_cancel(o->preparation);
}

struct module_store *module_store_new(struct runtime_shared *shared) {
    struct module_store *s = NEW(struct module_store);
    s->shared = shared;
    s->table = module_table_new(shared->config.prepared_cache_max_bytes);
    ASSERT(uv_mutex_init(&s->lock) == 0);
    return s;
}

void module_store_free(struct module_store *s) {
    if (!s)
        return;
    ASSERT(!s->fetches && !s->preparations);
    module_table_free(s->table);
    uv_mutex_destroy(&s->lock);
    free(s);
}
