// The settings of spearlet (contract section 2), settled once at start and immutable afterwards.
//
// What the runtime needs is in `node`, which is injected into it whole; the rest is for the program itself.
#ifndef SPEAR_SPEARLET_CONFIG_H
#define SPEAR_SPEARLET_CONFIG_H

#include "base/log.h"
#include "base/options.h"
#include "runtime/runtime.h"

struct spearlet_settings {
    struct spearlet_config node; // texts are kept alive by `options` and this struct
    const char *advertise_addr;  // NULL: found out
    uint64_t heartbeat_interval_ms;
    uint64_t drain_timeout_ms;
    uint64_t max_request_bytes;        // of a JSON request
    uint64_t payload_memory_max_bytes; // request bodies held at the same time
    size_t threads;                    // 0: one a core
    size_t instances_max;              // of all tasks together
    size_t queue_max;                  // requests of all tasks that wait
    size_t tasks_max;                  // remembered
    size_t executions_max;             // records of finished executions
    uint64_t executions_max_bytes;     // of output and log they keep
    bool wants_tokens;                 // there is a token-file
    bool insecure;                     // another address than loopback may be served without a token
    uint64_t token_cache_ms, token_cache_stale_ms;
    enum log_level log_level;
    enum log_format log_format;
    // Owned.
    struct options *options;
    char *sms_authorization; // node.sms_authorization
    char *host_name;         // where no node name was given
    char *worker_path;       // where none was given
    char **allowed_hosts;    // what node.allowed_sms_hosts points to
};

// Flags, environment, file, defaults. When the user asked for help, the version or the settings, they have been printed
// and *ret_run is false. ERR_INVALID_CONFIGURATION, also when spear-worker cannot be found by a build that runs guests.
int spearlet_config_read(int argc, char **argv, struct spearlet_settings *ret, bool *ret_run, struct err *e);
// That node.http_addr is loopback, or the node has a token, or `insecure` was given. ERR_INVALID_CONFIGURATION with the ways out.
int spearlet_config_check_openness(const struct spearlet_settings *s, struct err *e);
void spearlet_config_done(struct spearlet_settings *s);

#endif
