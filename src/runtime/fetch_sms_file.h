// The download behind fetch_sms_file (artifact_source.h), with counters. Internal to the library.
#ifndef SPEAR_RUNTIME_FETCH_SMS_FILE_H
#define SPEAR_RUNTIME_FETCH_SMS_FILE_H

#include "runtime/counters.h"
#include "runtime/runtime.h"

struct sms_fetch {
    struct loop *loop;
    const struct spearlet_config *config; // copied
    struct runtime_counters *counters;    // NULL: nothing is counted
    const char *sms_http_addr, *path;     // copied
    uint64_t max_bytes;
    artifact_fetched *done;
    void *ctx;
};

struct sms_download *sms_fetch_start(const struct sms_fetch *fetch);

#endif
