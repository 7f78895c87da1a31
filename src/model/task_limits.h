// The limits of a task: its `config` keys (contract section 5) read into numbers, with defaults and ranges.
#ifndef SPEAR_MODEL_TASK_LIMITS_H
#define SPEAR_MODEL_TASK_LIMITS_H

#include "base/err.h"
#include "model/task_grant.h"

#include <stdbool.h>
#include <stdint.h>

struct task_limits {
    uint64_t memory_bytes;                     // limit.memory_bytes: the guest's linear memory
    uint64_t time_ms;                          // limit.time_ms: waiting, start and run together
    uint64_t cpu_ms;                           // limit.cpu_ms: processor time of one invocation; 0: none
    uint64_t output_bytes;                     // limit.output_bytes: stdout
    uint64_t log_bytes;                        // limit.log_bytes: stderr kept; the rest is dropped and said
    uint64_t payload_bytes;                    // limit.payload_bytes: the request's body
    uint32_t open_files;                       // limit.open_files: beside streams and granted directories
    uint32_t scale_min, scale_max;             // instances; scale.max 0 stands for 2 × cores
    uint64_t scale_idle_ms;                    // an instance idle for so long is stopped
    uint32_t queue_max;                        // requests waiting for an instance
    bool isolation_strict;                     // isolation = shared | strict
    int aot;                                   // enum task_aot
    bool instance_reuse;                       // instance.reuse
    char content_type[128];                    // http.content_type: of the raw output; application/octet-stream
    bool http_cgi;                             // http.cgi: stdout begins with header fields (RFC 3875 §6)
    bool http_stream;                          // http.stream: the raw output is sent while it is written
    bool http_public;                          // http.public: the endpoint needs no token
    bool http_authorization;                   // http.authorization: the guest sees HTTP_AUTHORIZATION
    struct task_grant grants[TASK_GRANTS_MAX]; // wasi.dir.*
    size_t grant_count;
};
enum task_aot { TASK_AOT_OFF, TASK_AOT_BACKGROUND, TASK_AOT_BEFORE_READY };

void task_limits_default(struct task_limits *ret);
// Applies one config entry. 0 also for a key that is of none of our families (limit. scale. queue. wasi. http.
// instance., isolation, aot). Ranges are in task_limits.c; scale.min against scale.max is for the caller (task.c) to
// compare when all keys are in. At most TASK_GRANTS_MAX directories (wasi.dir.).
// ERR_INVALID_CONFIGURATION for an unknown key of them, or a value out of range: with key, value and what is allowed.
int task_limits_set(struct task_limits *limits, struct span key, struct span value, struct err *e);

#endif
