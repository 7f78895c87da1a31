// The names of the states. What moves between them is decided where the instances and executions live.
#include "model/states.h"

#include "base/mem.h"

const char *instance_state_name(enum instance_state state) {
    static const char *const names[INSTANCE_STATE_COUNT] = {"creating",  "starting", "ready",   "running", "busy",
                                                            "unhealthy", "stopping", "stopped", "error"};
    ASSERT((unsigned)state < INSTANCE_STATE_COUNT);
    return names[state];
}

const char *execution_state_name(enum execution_state state) {
    static const char *const names[EXECUTION_STATE_COUNT] = {"pending", "running",    "completed",
                                                             "failed",  "terminated", "timeout"};
    ASSERT((unsigned)state < EXECUTION_STATE_COUNT);
    return names[state];
}
