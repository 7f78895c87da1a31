// argc and argv for a module that exports main(argc, argv) itself, without the start-up code that would ask WASI for them.
#ifndef SPEAR_WORKER_MAIN_ARGUMENTS_H
#define SPEAR_WORKER_MAIN_ARGUMENTS_H

#include "worker/entry.h"

// Writes `args` into the guest's memory and sets params[0] and [1] of a default `main` that takes them (any other entry is left alone). Their place
// comes from the guest's own malloc where it exports one, else from pages added to its memory. A guest without an exported memory gets 0 and 0.
// ERR_RESOURCE_EXHAUSTED when there is no room, ERR_RUNTIME_ERROR when its malloc traps.
int main_arguments_give(struct engine_instance *instance, const struct engine_module *module, const struct span *args,
                        size_t arg_count, struct entry *entry, struct err *e);

#endif
