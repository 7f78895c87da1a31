// Making and freeing a call. What happens to it in between is in instance_pool.c.
#include "spearlet/function_call.h"

#include "base/clock.h"
#include "base/mem.h"

struct function_call *function_call_new(struct function *f, struct execution *record) {
    struct function_call *call = NEW(struct function_call);
    call->function = function_ref(f);
    call->record = execution_ref(record);
    arena_init(&call->memory, FUNCTION_CALL_MEMORY_MAX);
    call->arrived_us = clock_monotonic_us();
    call->is_async = record->is_async;
    return call;
}

void function_call_free(struct function_call *call) {
    execution_outcome_done(&call->outcome);
    arena_done(&call->memory);
    request_body_free(call->body);
    execution_unref(call->record);
    function_unref(call->function);
    free(call);
}

void function_call_set_deadline(struct function_call *call, uint64_t timeout_ms, const char *name) {
    uint64_t limit_ms = call->function->task->limits.time_ms;
    bool is_shorter = timeout_ms && timeout_ms < limit_ms;
    call->time_ms = is_shorter ? timeout_ms : limit_ms;
    call->time_name = is_shorter ? name : "limit.time_ms";
    call->deadline_us = call->arrived_us + call->time_ms * 1000;
}

int function_call_set_args(struct function_call *call, struct err *e) {
    const struct task *task = call->function->task;
    const char **args = arena_alloc(&call->memory, (task->executable.arg_count + 1) * sizeof *args);
    if (!args)
        return err_set(e, ERR_INVALID_REQUEST, "%zu arguments are too many", task->executable.arg_count);
    const char *name = task->executable.name;
    args[call->arg_count++] = name && name[0] ? name : task->name;
    for (size_t i = 0; i < task->executable.arg_count; i++)
        args[call->arg_count++] = task->executable.args[i];
    call->args = args;
    return 0;
}

void function_call_take_payload(struct function_call *call, struct request_body *body) {
    call->body = body;
    call->payload = buf_span(&body->bytes);
}
