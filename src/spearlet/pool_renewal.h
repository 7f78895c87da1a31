// Moving a pool's instances to better code without losing a request. For instance_pool.c and pool_member.c only.
//
// One at a time: a new instance is started while there is room for one more, and when it is ready an old one leaves, at once when it is idle, else after
// its invocation. Without room an old one leaves first. An instance that keeps a state (instance.reuse) stays as it is.
#ifndef SPEAR_SPEARLET_POOL_RENEWAL_H
#define SPEAR_SPEARLET_POOL_RENEWAL_H

#include "spearlet/pool_member.h"

// Some instance may have older code than there is: looks at the idle ones. While pool->has_old_code, at each change.
void pool_renewal_look(struct instance_pool *pool);
// It has started, and is not among the ready ones yet.
void pool_renewal_started(struct pool_member *m);
// Its call is over. True: it leaves instead of being ready again.
bool pool_renewal_released(struct pool_member *m);

#endif
