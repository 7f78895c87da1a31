// The tasks this node knows, by id and by name, asked of sms when they are needed.
//
// A task is immutable, so that what is known by id stays true until sms deletes it; a name is looked at again after a
// second. While sms is away, what is known is served as it is. Bounded: the task not asked for the longest is forgotten
// first, unless it is in use. Questions and answers go through loop 0, which alone speaks to sms; the table is for every
// loop, under a lock that is not held across anything that waits.
#ifndef SPEAR_SPEARLET_TASK_CATALOG_H
#define SPEAR_SPEARLET_TASK_CATALOG_H

#include "base/loop.h"
#include "spearlet/function.h"
#include "spearlet/sms_client.h"

struct task_catalog;

struct task_catalog_config {
    struct loop *loop;      // loop 0
    struct sms_client *sms; // on it
    size_t tasks_max;
    // A task is gone from sms. On any loop.
    void (*dropped)(void *ctx, struct function *f);
    void *ctx;
};
struct task_catalog *task_catalog_new(const struct task_catalog_config *config);
// On loop 0, before the sms client goes: no look-up begins after this.
void task_catalog_stop(struct task_catalog *c);
void task_catalog_free(struct task_catalog *c); // after the sms client is gone; NULL allowed

// The answer to a look-up, on the loop that asked: the function (borrowed), or NULL and ERR_TASK_NOT_FOUND (404),
// ERR_UNAVAILABLE (sms is away and the task is not known here), ERR_BAD_GATEWAY (sms answered with nonsense).
typedef void task_found(void *ctx, struct function *f, const struct err *e);
// By id or name. When it is known and fresh: the function with a reference, at once. Otherwise NULL, and done is called
// later.
struct function *task_catalog_find(struct task_catalog *c, struct loop *asker, struct span key, task_found *done,
                                   void *ctx);
// sms says that the task is deleted. False when it was not known here.
bool task_catalog_drop(struct task_catalog *c, struct span task_id);
// Asks sms about every task that is known; those that are gone are dropped. On loop 0.
void task_catalog_recheck(struct task_catalog *c);
// The known ones, each with a reference; the caller frees the array.
struct function **task_catalog_list(struct task_catalog *c, size_t *ret_count);
size_t task_catalog_count(struct task_catalog *c);

#endif
