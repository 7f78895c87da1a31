// What the runtimes of one process have in common; see runtime.h. Internal to the library.
//
// Immutable after runtime_shared_new, but for the parts that lock for themselves.
#ifndef SPEAR_RUNTIME_SHARED_H
#define SPEAR_RUNTIME_SHARED_H

#include "runtime/counters.h"
#include "runtime/runtime.h"

struct module_store;
struct worker_host;
struct volume_store;
struct native_store;

struct runtime_shared {
    bool configured; // a spearlet_config was injected
    struct spearlet_config config;
    struct runtime_counters counters;
    struct module_store *modules;
    struct worker_host *workers;
    struct volume_store *volumes;
    struct native_store *native;
    struct artifact_source *sms_source;
};

#endif
