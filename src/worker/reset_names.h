// The names under which a prepared module exports what a reset has to reach. No uploaded module can have them: preparation refuses exports
// that begin with the prefix, and the engine keeps them out of every list and look-up of exports.
//
// The mark is an export of function 0; it is there only when everything that the module's code can do to its state can be undone from outside.
#ifndef SPEAR_WORKER_RESET_NAMES_H
#define SPEAR_WORKER_RESET_NAMES_H

#define RESET_NAME_PREFIX "spear:reset"
#define RESET_NAME_MARK   RESET_NAME_PREFIX
#define RESET_NAME_MEMORY RESET_NAME_PREFIX " memory"
#define RESET_NAME_GLOBAL RESET_NAME_PREFIX " %u" // by index; every mutable one

#endif
