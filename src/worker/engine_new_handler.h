// Tells when the engine (C++) cannot have memory. C on the outside.
#ifndef SPEAR_WORKER_ENGINE_NEW_HANDLER_H
#define SPEAR_WORKER_ENGINE_NEW_HANDLER_H

#ifdef __cplusplus
extern "C" {
#endif

// f is called by operator new when it finds no memory, before it would throw; f must not return.
void engine_set_new_handler(void (*f)(void));

#ifdef __cplusplus
}
#endif

#endif
