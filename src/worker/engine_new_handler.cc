// std::set_new_handler for C. An exception thrown inside the engine would end in std::terminate, where it is too late to tell
// why; the handler runs where the allocation failed.
#include "worker/engine_new_handler.h"

#include <new>

void engine_set_new_handler(void (*f)(void)) {
    std::set_new_handler(f);
}
