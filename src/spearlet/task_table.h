// The table behind task_catalog.h: which functions are known under which id or name. Not thread-safe; the catalog locks.
//
// An entry by id is the owner of its function as far as the node goes: one function a task. An entry by name points to one.
#ifndef SPEAR_SPEARLET_TASK_TABLE_H
#define SPEAR_SPEARLET_TASK_TABLE_H

#include "spearlet/function.h"
#include "spearlet/string_table.h"

struct task_entry {
    struct string_node node;
    char *key;
    struct function *function;
    bool is_name;
    bool is_refreshing;               // it is served as it is while sms is asked
    uint64_t checked_us;              // when sms said so
    struct task_entry *newer, *older; // by use
};

struct task_table {
    struct string_table entries;
    struct task_entry *newest, *oldest;
    size_t task_count, tasks_max;
};

void task_table_init(struct task_table *t, size_t tasks_max);
void task_table_done(struct task_table *t);
struct task_entry *task_table_find(const struct task_table *t, struct span key);
// The task of that name which was registered last, among those known by id alone too; NULL when none is. Looks at every task.
struct function *task_table_named(const struct task_table *t, struct span name);
void task_table_touch(struct task_table *t, struct task_entry *entry); // it is the one used last
// The function of this task, known from now on by its id, and by `key` when that is a name; with a reference. Those that
// nobody used for the longest make room.
struct function *task_table_learn(struct task_table *t, struct span key, struct task *task);
void task_table_remove(struct task_table *t, struct task_entry *entry);
void task_table_remove_names(struct task_table *t, const struct function *f);

#endif
