// The settings of sms (contract section 2), settled once at start and immutable afterwards.
#ifndef SPEAR_SMS_CONFIG_H
#define SPEAR_SMS_CONFIG_H

#include "base/log.h"
#include "base/options.h"

struct sms_config {
    const char *http_addr; // kept alive by `options`
    const char *data_dir;
    uint64_t max_upload_bytes;
    uint64_t heartbeat_timeout_ms;
    uint64_t drain_timeout_ms;
    size_t threads;     // 0: one a core
    size_t uploads_max; // at the same time
    uint64_t audit_max_entries;
    bool insecure;                  // another address than loopback may be served without a token
    const char *create_admin_token; // its name, or NULL: make it and end
    enum log_level log_level;
    enum log_format log_format;
    struct options *options;
};

extern const struct option_program sms_program;

// Flags, environment, file, defaults. When the user asked for help, the version or the settings, they have been printed
// and *ret_run is false. ERR_INVALID_CONFIGURATION.
int sms_config_read(int argc, char **argv, struct sms_config *ret, bool *ret_run, struct err *e);
void sms_config_done(struct sms_config *c);

#endif
