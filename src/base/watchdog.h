// Tells a service manager that asked for it (WATCHDOG_USEC, sd_watchdog_enabled(3)) that every event loop is alive.
//
// At half of the time it wants, each loop of the group is sent a post; WATCHDOG=1 goes out when all of them have run theirs. A loop that hangs
// stops that, and the manager acts.
#ifndef SPEAR_BASE_WATCHDOG_H
#define SPEAR_BASE_WATCHDOG_H

#include "base/loop_group.h"

struct watchdog;

// On loop 0's thread, before or while it runs. NULL when nobody asked.
struct watchdog *watchdog_new(struct loop_group *loops);
// After loop_group_free, with which it ends; NULL allowed.
void watchdog_free(struct watchdog *w);

#endif
