// The states of an instance: one function per legal move, which counts it and how long the state before it lasted. What makes an instance move
// is instance.c and invocation.c.
#include "runtime/instance.h"

#include "base/clock.h"
#include "base/mem.h"

#define FROM(state) (1u << (state))

static void move(struct instance *i, unsigned from, enum instance_state to) {
    struct runtime_counters *counters = &i->runtime->shared->counters;
    uint64_t now_us = clock_monotonic_us();
    ASSERT((from & FROM(i->state)) != 0);
    counter_add(&counters->state_us[i->state], now_us - i->state_since_us);
    counter_add(&counters->state_entries[to], 1);
    i->state = to;
    i->state_since_us = now_us;
    if (i->changed)
        i->changed(i->changed_ctx, i, to);
}

void instance_move_created(struct instance *i) {
    move(i, FROM(INSTANCE_CREATING), INSTANCE_STOPPED);
}

void instance_move_creation_failed(struct instance *i) {
    move(i, FROM(INSTANCE_CREATING), INSTANCE_ERROR);
}

void instance_move_starting(struct instance *i) {
    move(i, FROM(INSTANCE_STOPPED) | FROM(INSTANCE_UNHEALTHY) | FROM(INSTANCE_ERROR), INSTANCE_STARTING);
}

void instance_move_started(struct instance *i) {
    move(i, FROM(INSTANCE_STARTING), INSTANCE_READY);
}

void instance_move_start_failed(struct instance *i) {
    move(i, FROM(INSTANCE_STARTING), INSTANCE_ERROR);
}

void instance_move_running(struct instance *i) {
    move(i, FROM(INSTANCE_READY), INSTANCE_RUNNING);
}

void instance_move_ran(struct instance *i) {
    move(i, FROM(INSTANCE_RUNNING), INSTANCE_READY);
}

void instance_move_unhealthy(struct instance *i) {
    move(i, FROM(INSTANCE_READY) | FROM(INSTANCE_RUNNING), INSTANCE_UNHEALTHY);
}

void instance_move_stopping(struct instance *i) {
    move(i,
         FROM(INSTANCE_STARTING) | FROM(INSTANCE_READY) | FROM(INSTANCE_RUNNING) | FROM(INSTANCE_UNHEALTHY) |
             FROM(INSTANCE_ERROR),
         INSTANCE_STOPPING);
}

void instance_move_stopped(struct instance *i) {
    move(i, FROM(INSTANCE_STOPPING), INSTANCE_STOPPED);
}
