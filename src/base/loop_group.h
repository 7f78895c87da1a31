// One event loop a core: loop 0 runs on the calling thread, the others each on a thread of their own.
#ifndef SPEAR_BASE_LOOP_GROUP_H
#define SPEAR_BASE_LOOP_GROUP_H

#include "base/loop.h"

struct loop_group;

// `count` 0 takes one per online core (at most 64). The extra threads start now and wait for work.
int loop_group_new(size_t count, struct loop_group **ret, struct err *e);
size_t loop_group_count(const struct loop_group *g);
struct loop *loop_group_at(const struct loop_group *g, size_t index);
// The index of a loop of this group.
size_t loop_group_index(const struct loop_group *g, const struct loop *l);
// Runs loop 0 here until loop_group_stop; then stops and joins the others.
void loop_group_run(struct loop_group *g);
void loop_group_stop(struct loop_group *g); // from any thread
void loop_group_free(struct loop_group *g);

#endif
