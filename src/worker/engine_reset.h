// What engine_reset.c and its trial share.
#ifndef SPEAR_WORKER_ENGINE_RESET_H
#define SPEAR_WORKER_ENGINE_RESET_H

#include <stdbool.h>

// Whether the engine's memory types are laid out as a reset expects them.
bool engine_reset_knows_types(void);
// Whether engine_remember may do its work.
void engine_reset_set_proven(bool proven);

#endif
