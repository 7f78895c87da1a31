// Asking sms for tasks: look-ups that several requests share, and going through all tasks when sms says that some changed.
//
// The table itself is task_table.c; what is found here is run by function_service.c.
#include "spearlet/task_catalog.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/mem.h"
#include "spearlet/task_table.h"

#include <uv.h>

enum { NAME_FRESH_US = 1000 * 1000, PATH_MAX_BYTES = 4096, RECHECKS_AT_ONCE = 8 };

// Somebody who waits for a look-up.
struct waiter {
    struct waiter *next;
    struct task_catalog *catalog;
    struct loop *asker;
    char *key;
    task_found *done;
    void *ctx;
    struct function *function;
    struct err error;
};

// A look-up under way.
struct lookup {
    struct string_node node;
    struct task_catalog *catalog;
    char *key;
    bool is_recheck;
    struct waiter *first, *last;
};

struct task_catalog {
    struct task_catalog_config config;
    uv_mutex_t lock;
    // Behind the lock:
    struct task_table table;
    bool is_away; // the last look-up did not reach sms
    // Loop 0 only:
    struct string_table lookups;
    struct function **rechecks; // NULL: none under way
    size_t recheck_count, recheck_next, rechecks_running;
    bool recheck_again, is_stopped;
};

struct task_catalog *task_catalog_new(const struct task_catalog_config *config) {
    struct task_catalog *c = NEW(struct task_catalog);
    c->config = *config;
    ASSERT(uv_mutex_init(&c->lock) == 0);
    task_table_init(&c->table, config->tasks_max);
    string_table_init(&c->lookups);
    return c;
}

void task_catalog_stop(struct task_catalog *c) {
    c->is_stopped = true;
    c->recheck_again = false;
}

void task_catalog_free(struct task_catalog *c) {
    if (!c)
        return;
    ASSERT(c->lookups.count == 0); // their requests ended with the sms client
    task_table_done(&c->table);
    string_table_done(&c->lookups);
    uv_mutex_destroy(&c->lock);
    free(c);
}

// ---- what sms says

static struct function *learn(struct task_catalog *c, struct span key, struct task *task) {
    uv_mutex_lock(&c->lock);
    c->is_away = false;
    struct function *f = task_table_learn(&c->table, key, task);
    uv_mutex_unlock(&c->lock);
    return f;
}

// Of an answer: sms is there.
static void is_there(struct task_catalog *c) {
    uv_mutex_lock(&c->lock);
    c->is_away = false;
    uv_mutex_unlock(&c->lock);
}

// Takes the entry out and gives its function if it was the task itself and not a name; with a reference.
static struct function *forget(struct task_catalog *c, struct span key) {
    struct function *f = NULL;
    uv_mutex_lock(&c->lock);
    struct task_entry *entry = task_table_find(&c->table, key);
    if (entry && !entry->is_name) {
        f = function_ref(entry->function);
        task_table_remove_names(&c->table, f);
    }
    if (entry)
        task_table_remove(&c->table, entry);
    uv_mutex_unlock(&c->lock);
    return f;
}

bool task_catalog_drop(struct task_catalog *c, struct span task_id) {
    struct function *f = forget(c, task_id);
    if (!f)
        return false;
    c->config.dropped(c->config.ctx, f);
    function_unref(f);
    return true;
}

// sms cannot be asked: what is known is served.
static struct function *serve_known(struct task_catalog *c, struct span key) {
    uv_mutex_lock(&c->lock);
    c->is_away = true;
    struct task_entry *entry = task_table_find(&c->table, key);
    // A name that nobody asked for yet may be that of a task known by its id.
    struct function *f = entry ? entry->function : task_table_named(&c->table, key);
    f = f ? function_ref(f) : NULL;
    if (entry) {
        entry->is_refreshing = false;
        entry->checked_us = clock_monotonic_us();
    }
    uv_mutex_unlock(&c->lock);
    return f;
}

static struct function *read_task(struct task_catalog *c, struct span key, json_val *root, struct err *e) {
    struct task *task;
    if (!json_is_object(root)) {
        err_set(e, ERR_BAD_GATEWAY, "sms answered the look-up of task \"%.*s\" with something that is no task",
                SPAN_ARGS(key));
        return NULL;
    }
    if (task_from_json(root, &task, e) < 0) {
        e->kind = ERR_BAD_GATEWAY;
        err_wrap(e, "sms answered the look-up of task \"%.*s\" with what this node cannot use", SPAN_ARGS(key));
        return NULL;
    }
    struct function *f = learn(c, key, task);
    task_unref(task);
    return f;
}

// The function with a reference, or NULL and the error.
static struct function *read_answer(struct task_catalog *c, struct span key, int status, json_val *root,
                                    const struct err *failure, struct err *e) {
    if (!failure && status == 200)
        return read_task(c, key, root, e);
    if (!failure && status == 404) {
        is_there(c);
        task_catalog_drop(c, key); // takes a name out, too
        err_set(e, ERR_TASK_NOT_FOUND, "there is no task \"%.*s\"", SPAN_ARGS(key));
        return NULL;
    }
    struct function *f = serve_known(c, key);
    if (!f && failure)
        *e = *failure;
    else if (!f)
        err_set(e, ERR_UNAVAILABLE, "sms answered the look-up of task \"%.*s\" with status %d", SPAN_ARGS(key), status);
    return f;
}

// ---- look-ups, on loop 0

static void answer_waiter(void *arg) {
    struct waiter *w = arg;
    if (w->done)
        w->done(w->ctx, w->function, w->function ? NULL : &w->error);
    function_unref(w->function);
    free(w->key);
    free(w);
}

static void post_answer(struct waiter *w, struct function *f, const struct err *e) {
    if (f)
        w->function = function_ref(f);
    else
        w->error = *e;
    loop_post(w->asker, answer_waiter, w);
}

static void recheck_more(struct task_catalog *c);

static void on_answer(void *ctx, int status, json_val *root, const struct err *failure) {
    struct lookup *lookup = ctx;
    struct task_catalog *c = lookup->catalog;
    struct err e = {0};
    string_table_remove(&c->lookups, &lookup->node);
    struct function *f = read_answer(c, span_of(lookup->key), status, root, failure, &e);
    for (struct waiter *w = lookup->first, *next; w; w = next) {
        next = w->next;
        post_answer(w, f, &e);
    }
    function_unref(f);
    if (lookup->is_recheck) {
        c->rechecks_running--;
        recheck_more(c);
    }
    free(lookup->key);
    free(lookup);
}

static void send_lookup(struct lookup *lookup) {
    struct buf path;
    buf_init(&path, PATH_MAX_BYTES);
    buf_append_text(&path, "/api/v1/tasks/");
    percent_encode(span_of(lookup->key), "", &path);
    sms_client_request(lookup->catalog->config.sms, "GET", buf_text(&path), NULL, on_answer, lookup);
    buf_done(&path);
}

// The one under way for this key, or a new one.
static struct lookup *lookup_of(struct task_catalog *c, struct span key) {
    struct string_node *node = string_table_find(&c->lookups, key);
    if (node)
        return CONTAINER_OF(node, struct lookup, node);
    struct lookup *lookup = NEW(struct lookup);
    lookup->catalog = c;
    lookup->key = span_dup(key);
    string_table_add(&c->lookups, &lookup->node, span_make(lookup->key, key.n));
    send_lookup(lookup);
    return lookup;
}

static void on_asked(void *arg) {
    struct waiter *w = arg;
    struct task_catalog *c = w->catalog;
    struct err e;
    if (c->is_stopped) {
        err_set(&e, ERR_UNAVAILABLE, "this node is stopping");
        post_answer(w, NULL, &e);
        return;
    }
    struct lookup *lookup = lookup_of(c, span_of(w->key));
    if (lookup->last)
        lookup->last->next = w;
    else
        lookup->first = w;
    lookup->last = w;
}

// ---- questions, from any loop

static void ask(struct task_catalog *c, struct loop *asker, struct span key, task_found *done, void *ctx) {
    struct waiter *w = NEW(struct waiter);
    *w = (struct waiter){.catalog = c, .asker = asker, .key = span_dup(key), .done = done, .ctx = ctx};
    loop_post(c->config.loop, on_asked, w);
}

// The entry's function if it may be served now; *ret_refresh when sms should be asked meanwhile. The lock is held.
static struct function *use_entry(struct task_catalog *c, struct task_entry *entry, bool *ret_refresh) {
    bool is_stale = entry->is_name && clock_monotonic_us() - entry->checked_us >= NAME_FRESH_US;
    if (is_stale && !c->is_away)
        return NULL;
    *ret_refresh = is_stale && !entry->is_refreshing;
    if (is_stale)
        entry->is_refreshing = true;
    task_table_touch(&c->table, entry);
    return function_ref(entry->function);
}

struct function *task_catalog_find(struct task_catalog *c, struct loop *asker, struct span key, task_found *done,
                                   void *ctx) {
    bool refresh = false;
    uv_mutex_lock(&c->lock);
    struct task_entry *entry = task_table_find(&c->table, key);
    struct function *f = entry ? use_entry(c, entry, &refresh) : NULL;
    uv_mutex_unlock(&c->lock);
    if (!f)
        ask(c, asker, key, done, ctx);
    else if (refresh)
        ask(c, c->config.loop, key, NULL, NULL);
    return f;
}

struct function **task_catalog_list(struct task_catalog *c, size_t *ret_count) {
    size_t count = 0;
    uv_mutex_lock(&c->lock);
    struct function **list = mem_calloc(c->table.task_count + 1, sizeof(struct function *));
    for (struct task_entry *entry = c->table.newest; entry; entry = entry->older)
        if (!entry->is_name)
            list[count++] = function_ref(entry->function);
    uv_mutex_unlock(&c->lock);
    *ret_count = count;
    return list;
}

size_t task_catalog_count(struct task_catalog *c) {
    uv_mutex_lock(&c->lock);
    size_t count = c->table.task_count;
    uv_mutex_unlock(&c->lock);
    return count;
}

// ---- looking at all of them again, on loop 0

static void end_recheck(struct task_catalog *c) {
    for (size_t i = 0; i < c->recheck_count; i++)
        function_unref(c->rechecks[i]);
    free(TAKE(c->rechecks));
    c->recheck_count = c->recheck_next = 0;
    bool again = c->recheck_again;
    c->recheck_again = false;
    if (again)
        task_catalog_recheck(c);
}

static void recheck_more(struct task_catalog *c) {
    while (!c->is_stopped && c->rechecks_running < RECHECKS_AT_ONCE && c->recheck_next < c->recheck_count) {
        struct lookup *lookup = lookup_of(c, span_of(c->rechecks[c->recheck_next++]->task->task_id));
        if (lookup->is_recheck)
            continue;
        lookup->is_recheck = true;
        c->rechecks_running++;
    }
    if (c->rechecks && c->rechecks_running == 0)
        end_recheck(c);
}

void task_catalog_recheck(struct task_catalog *c) {
    if (c->rechecks) {
        c->recheck_again = true;
        return;
    }
    c->rechecks = task_catalog_list(c, &c->recheck_count);
    recheck_more(c);
}
