// Entries by key, in the order of use. What is asked of sms, and when, is task_catalog.c's.
#include "spearlet/task_table.h"

#include "base/clock.h"
#include "base/mem.h"

void task_table_init(struct task_table *t, size_t tasks_max) {
    *t = (struct task_table){.tasks_max = tasks_max};
    string_table_init(&t->entries);
}

void task_table_done(struct task_table *t) {
    while (t->newest)
        task_table_remove(t, t->newest);
    string_table_done(&t->entries);
}

struct task_entry *task_table_find(const struct task_table *t, struct span key) {
    struct string_node *node = string_table_find(&t->entries, key);
    return node ? CONTAINER_OF(node, struct task_entry, node) : NULL;
}

static void unlink_use(struct task_table *t, struct task_entry *entry) {
    if (entry->newer)
        entry->newer->older = entry->older;
    else
        t->newest = entry->older;
    if (entry->older)
        entry->older->newer = entry->newer;
    else
        t->oldest = entry->newer;
}

static void link_newest(struct task_table *t, struct task_entry *entry) {
    entry->newer = NULL;
    entry->older = t->newest;
    if (t->newest)
        t->newest->newer = entry;
    else
        t->oldest = entry;
    t->newest = entry;
}

struct function *task_table_named(const struct task_table *t, struct span name) {
    struct function *found = NULL;
    for (const struct task_entry *entry = t->newest; entry; entry = entry->older) {
        struct function *f = entry->function;
        bool is_it = !entry->is_name && span_equal_text(name, f->task->name);
        if (is_it && (!found || f->task->registered_at > found->task->registered_at))
            found = f;
    }
    return found;
}

void task_table_touch(struct task_table *t, struct task_entry *entry) {
    if (t->newest == entry)
        return;
    unlink_use(t, entry);
    link_newest(t, entry);
}

void task_table_remove(struct task_table *t, struct task_entry *entry) {
    string_table_remove(&t->entries, &entry->node);
    unlink_use(t, entry);
    t->task_count -= !entry->is_name;
    function_unref(entry->function);
    free(entry->key);
    free(entry);
}

void task_table_remove_names(struct task_table *t, const struct function *f) {
    for (struct task_entry *entry = t->newest, *older; entry; entry = older) {
        older = entry->older;
        if (entry->is_name && entry->function == f)
            task_table_remove(t, entry);
    }
}

// A task that somebody uses stays, and so does the name that was just asked for; other names need not.
static void make_room(struct task_table *t) {
    struct task_entry *entry = t->oldest;
    while (entry && entry != t->newest && (t->task_count > t->tasks_max || t->entries.count > 2 * t->tasks_max)) {
        struct task_entry *newer = entry->newer;
        if (entry->is_name || function_is_unused(entry->function))
            task_table_remove(t, entry);
        entry = newer;
    }
}

static struct task_entry *add(struct task_table *t, struct span key, bool is_name) {
    struct task_entry *entry = NEW(struct task_entry);
    entry->key = span_dup(key);
    entry->is_name = is_name;
    string_table_add(&t->entries, &entry->node, span_make(entry->key, key.n));
    link_newest(t, entry);
    t->task_count += !is_name;
    return entry;
}

static struct function *function_of(struct task_table *t, struct task *task) {
    struct task_entry *known = task_table_find(t, span_of(task->task_id));
    if (known && !known->is_name) {
        task_table_touch(t, known);
        return function_ref(known->function);
    }
    if (known) // somebody's name is this id: the id counts
        task_table_remove(t, known);
    known = add(t, span_of(task->task_id), false);
    known->function = function_new(task);
    return function_ref(known->function);
}

static void set_name(struct task_table *t, struct span name, struct function *f) {
    struct task_entry *entry = task_table_find(t, name);
    if (entry && !entry->is_name)
        return;
    if (!entry)
        entry = add(t, name, true);
    struct function *before = entry->function;
    entry->function = function_ref(f);
    function_unref(before);
    entry->is_refreshing = false;
    entry->checked_us = clock_monotonic_us();
    task_table_touch(t, entry);
}

struct function *task_table_learn(struct task_table *t, struct span key, struct task *task) {
    struct function *f = function_of(t, task);
    if (!span_equal_text(key, task->task_id))
        set_name(t, key, f);
    make_room(t);
    return f;
}
