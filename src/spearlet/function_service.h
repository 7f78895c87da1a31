// Admission: gives each request to the loop that runs it, and takes its outcome back to the loop that asked.
//
// Instances belong to loops (instance_pool.h); a task's scale.max is divided over them, and a loop hands a request on that
// would have to wait while another one has an instance to spare. Records, counters and the guest's log lines are looked after here.
#ifndef SPEAR_SPEARLET_FUNCTION_SERVICE_H
#define SPEAR_SPEARLET_FUNCTION_SERVICE_H

#include "base/loop_group.h"
#include "spearlet/config.h"
#include "spearlet/instance_pool.h"
#include "spearlet/instance_slots.h"

struct function_service_config {
    struct loop_group *loops;
    struct runtime_shared *runtimes;
    const struct spearlet_settings *settings;
    struct executions *executions;
};
// Makes a runtime on each loop; call before loop 0 runs.
int function_service_new(const struct function_service_config *config, struct function_service **ret, struct err *e);
// Ends everything: what waits, what runs (within grace_ms), the runtimes. Call once, on loop 0; done comes there.
void function_service_close(struct function_service *s, uint64_t grace_ms, void (*done)(void *ctx), void *ctx);
void function_service_free(struct function_service *s); // after close, or before anything was submitted; NULL allowed

// The loop that runs the task's requests which come in on loop `home`.
size_t function_service_loop_of(const struct function_service *s, const struct function *f, const struct loop *home);
// On call->home, which is this loop. call->record names the loop that runs it.
void function_service_submit(struct function_service *s, struct function_call *call);
// From any loop; done(ctx, true) on `asker` when it was still waiting or running.
void function_service_cancel(struct function_service *s, struct loop *asker, struct execution *record,
                             void (*done)(void *ctx, bool was_active), void *ctx);
// The task is gone from sms. From any thread.
void function_service_drop(struct function_service *s, struct function *f);
// There is better code for some task's module: instances move to it. From any thread.
void function_service_renew(struct function_service *s);
// Calls idle(ctx) on loop 0 when no request is waiting or running. Call once, on loop 0, when no more can come.
void function_service_when_idle(struct function_service *s, void (*idle)(void *ctx), void *ctx);

// Visits the instances of all loops, one loop after the other, each on its own thread; done comes on `asker`.
void function_service_each_instance(struct function_service *s, struct loop *asker,
                                    void (*each)(void *ctx, const struct instance_view *view), void (*done)(void *ctx),
                                    void *ctx);

// ---- counters, from any thread
enum { SERVICE_DURATION_BUCKETS = 12 };
extern const double service_duration_bounds_s[SERVICE_DURATION_BUCKETS];
struct function_service_stats {
    uint64_t running, waiting, queued, instances;
    uint64_t admitted, rejected, shed_admission, shed_waiting, starts_failed, crashes, refused_unhealthy, log_lines;
    uint64_t durations[SERVICE_DURATION_BUCKETS + 1]; // finished executions by how long they took; the last is beyond
    uint64_t duration_sum_us;
};
void function_service_stats(struct function_service *s, struct function_service_stats *ret);
size_t function_service_scale_max(const struct task *task); // with the default filled in

// ---- for instance_pool.c
enum service_gauge {
    SERVICE_RUNNING,
    SERVICE_WAITING,
    SERVICE_QUEUED, // of those waiting, the ones that queue-max bounds
    SERVICE_STARTS_FAILED,
    SERVICE_SHED_ADMISSION,
    SERVICE_SHED_WAITING,
    SERVICE_CRASHES,
    SERVICE_REFUSED_UNHEALTHY,
    SERVICE_GAUGE_COUNT
};
void service_count(struct service_loop *l, enum service_gauge gauge, int change);
// Counts one in SERVICE_QUEUED; returns how many there were before.
size_t service_enter_queue(struct service_loop *l);
struct instance_slots *service_slots(const struct service_loop *l);
// instance_pool_make_room on every other loop, soon.
void service_make_room_elsewhere(const struct service_loop *l);
const struct spearlet_settings *service_settings(const struct service_loop *l);
size_t service_loop_count(const struct service_loop *l);
void service_admitted(struct service_loop *l, struct function_call *call);
void service_running(struct service_loop *l, struct function_call *call, const char *instance_id);
// The call's outcome is there, but for state, times and duration. The call is gone afterwards.
void service_finish(struct service_loop *l, struct function_call *call);

#endif
