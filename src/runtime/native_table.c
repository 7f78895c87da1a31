// Two hash tables, of modules and of tasks, and the code in memory. Nothing here locks or does I/O but closing descriptors.
#include "runtime/native_table.h"

#include "base/mem.h"

#include <unistd.h>

// A task beyond the last pushes another one out, whose compilation then ends with the last of the others.
enum { BUCKETS = 1024 };

struct interest {
    struct interest *next; // of the bucket
    struct native *native;
    char task_id[];
};

struct native_table {
    struct native *buckets[BUCKETS];
    struct interest *tasks[BUCKETS];
    size_t entries, interests;
    size_t hand; // the bucket of tasks that loses one next
    uint64_t clock;
    uint64_t unused_bytes, unused_max_bytes; // of code that no instance has
};

struct native_table *native_table_new(uint64_t unused_max_bytes) {
    struct native_table *t = NEW(struct native_table);
    t->unused_max_bytes = unused_max_bytes;
    return t;
}

void native_code_unref(struct native_code *code) {
    if (!code || atomic_fetch_sub(&code->references, 1) != 1)
        return;
    close(code->fd);
    free(code);
}

void native_table_each(struct native_table *t, void (*f)(void *ctx, struct native *n), void *ctx) {
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct native *n = t->buckets[i], *next; n; n = next) {
            next = n->next;
            f(ctx, n);
        }
}

// ---- entries

static struct native **bucket_of(struct native_table *t, const unsigned char sha256[SHA256_BYTES]) {
    return &t->buckets[(sha256[0] | (unsigned)sha256[1] << 8) % BUCKETS];
}

static void remove_entry(struct native_table *t, struct native *n) {
    struct native **link = bucket_of(t, n->sha256);
    while (*link != n)
        link = &(*link)->next;
    *link = n->next;
    if (n->code)
        t->unused_bytes -= n->code->size_bytes;
    native_code_unref(n->code);
    free(n);
    t->entries--;
}

struct oldest {
    bool with_code;
    struct native *found;
};

static void look_for_oldest(void *ctx, struct native *n) {
    struct oldest *o = ctx;
    bool fits = o->with_code ? n->code != NULL : n->interests == 0;
    if (fits && n->references == 0 && (!o->found || n->used_at < o->found->used_at))
        o->found = n;
}

static struct native *oldest_unused(struct native_table *t, bool with_code) {
    struct oldest o = {.with_code = with_code};
    native_table_each(t, look_for_oldest, &o);
    return o.found;
}

struct native *native_table_entry(struct native_table *t, const unsigned char sha256[SHA256_BYTES],
                                  uint64_t memory_bytes) {
    struct native **bucket = bucket_of(t, sha256), *n = *bucket;
    while (n && (n->memory_bytes != memory_bytes || memcmp(n->sha256, sha256, SHA256_BYTES) != 0))
        n = n->next;
    if (n)
        return n;
    struct native *old = t->entries >= NATIVE_ENTRIES_MAX ? oldest_unused(t, false) : NULL;
    if (old)
        remove_entry(t, old);
    n = NEW(struct native);
    memcpy(n->sha256, sha256, SHA256_BYTES);
    n->memory_bytes = memory_bytes;
    n->module_fd = -1;
    n->next = *bucket;
    *bucket = n;
    t->entries++;
    return n;
}

static void shrink(struct native_table *t) {
    while (t->unused_bytes > t->unused_max_bytes) {
        struct native *n = oldest_unused(t, true);
        t->unused_bytes -= n->code->size_bytes;
        native_code_unref(TAKE(n->code));
        atomic_store(&n->tier, RUNTIME_CODE_INTERPRETER);
        n->looked = false; // it is on disk
    }
}

void native_table_take(struct native_table *t, struct native *n) {
    if (n->references++ == 0 && n->code)
        t->unused_bytes -= n->code->size_bytes;
    n->used_at = ++t->clock;
}

void native_table_give_back(struct native_table *t, struct native *n) {
    ASSERT(n->references > 0);
    if (--n->references > 0 || !n->code)
        return;
    t->unused_bytes += n->code->size_bytes;
    shrink(t);
}

void native_table_set_code(struct native_table *t, struct native *n, struct native_code *code) {
    (void)t;
    ASSERT(n->references > 0);
    native_code_unref(n->code);
    n->code = code;
    n->known = (struct runtime_code_state){.code = code ? code->tier : RUNTIME_CODE_INTERPRETER,
                                           .compile_ms = code ? code->compile_ms : 0,
                                           .size_bytes = code ? code->size_bytes : 0};
    atomic_store(&n->tier, (int)n->known.code);
}

// ---- the queue

struct choice {
    struct native *best;
};

static void look_for_next(void *ctx, struct native *n) {
    struct choice *c = ctx;
    const struct native *b = c->best;
    if (n->state != NATIVE_QUEUED)
        return;
    bool better = !b || (!n->code && b->code) ||
                  (!n->code == !b->code && (n->uses > b->uses || (n->uses == b->uses && n->queued_at < b->queued_at)));
    if (better)
        c->best = n;
}

struct native *native_table_next(struct native_table *t) {
    struct choice c = {NULL};
    native_table_each(t, look_for_next, &c);
    return c.best;
}

// ---- tasks

static size_t task_bucket(const char *task_id) {
    uint32_t hash = 2166136261u; // FNV-1a
    for (; *task_id; task_id++)
        hash = (hash ^ (unsigned char)*task_id) * 16777619u;
    return hash % BUCKETS;
}

static struct interest **find_interest(const struct native_table *t, const char *task_id) {
    struct interest **link = (struct interest **)(uintptr_t)&t->tasks[task_bucket(task_id)];
    while (*link && strcmp((*link)->task_id, task_id) != 0)
        link = &(*link)->next;
    return link;
}

static struct native *remove_interest(struct native_table *t, struct interest **link) {
    struct interest *found = *link;
    struct native *n = found->native;
    *link = found->next;
    free(found);
    t->interests--;
    n->interests--;
    return n;
}

static void push_one_out(struct native_table *t) {
    do
        t->hand = (t->hand + 1) % BUCKETS;
    while (!t->tasks[t->hand]);
    (void)remove_interest(t, &t->tasks[t->hand]);
}

void native_table_add_interest(struct native_table *t, struct native *n, const char *task_id) {
    if (!*find_interest(t, task_id) && t->interests >= NATIVE_INTERESTS_MAX)
        push_one_out(t);
    struct interest **link = find_interest(t, task_id);
    if (*link && (*link)->native == n)
        return;
    if (!*link) {
        size_t length = strlen(task_id);
        *link = mem_calloc(1, sizeof **link + length + 1);
        memcpy((*link)->task_id, task_id, length);
        t->interests++;
    } else {
        (*link)->native->interests--; // an embedder's, who gives different modules one name
    }
    (*link)->native = n;
    n->interests++;
}

struct native *native_table_remove_interest(struct native_table *t, const char *task_id) {
    struct interest **link = find_interest(t, task_id);
    return *link ? remove_interest(t, link) : NULL;
}

struct native *native_table_of_task(const struct native_table *t, const char *task_id) {
    struct interest *found = *find_interest(t, task_id);
    return found ? found->native : NULL;
}

// ---- the end

static void free_entry(void *ctx, struct native *n) {
    (void)ctx;
    ASSERT(n->references == 0 && n->state == NATIVE_IDLE && !n->waiters);
    native_code_unref(n->code);
    free(n);
}

void native_table_free(struct native_table *t) {
    native_table_each(t, free_entry, NULL);
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct interest *interest = t->tasks[i], *next; interest; interest = next) {
            next = interest->next;
            free(interest);
        }
    free(t);
}
