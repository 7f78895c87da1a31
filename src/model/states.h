// The states of instances and executions, spelled as in the contract.
#ifndef SPEAR_MODEL_STATES_H
#define SPEAR_MODEL_STATES_H

enum instance_state {
    INSTANCE_CREATING,
    INSTANCE_STARTING,
    INSTANCE_READY,
    INSTANCE_RUNNING,
    INSTANCE_BUSY,
    INSTANCE_UNHEALTHY,
    INSTANCE_STOPPING,
    INSTANCE_STOPPED,
    INSTANCE_ERROR,
    INSTANCE_STATE_COUNT
};
const char *instance_state_name(enum instance_state state);

enum execution_state {
    EXECUTION_PENDING,
    EXECUTION_RUNNING,
    EXECUTION_COMPLETED,
    EXECUTION_FAILED,
    EXECUTION_TERMINATED,
    EXECUTION_TIMEOUT,
    EXECUTION_STATE_COUNT
};
const char *execution_state_name(enum execution_state state);

#endif
