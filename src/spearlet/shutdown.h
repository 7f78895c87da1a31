// The end of spearlet, in order, on SIGTERM or SIGINT.
#ifndef SPEAR_SPEARLET_SHUTDOWN_H
#define SPEAR_SPEARLET_SHUTDOWN_H

#include "spearlet/spearlet.h"

// From now on SIGTERM and SIGINT end loop_group_run: running invocations end first (at most drain-timeout), instances
// stop, runtimes close. A second signal ends them at once, a third the process.
void shutdown_watch(struct spearlet *s);

#endif
