// sms and its spearlets on this machine, as child processes: what `spear up` and `spear run` start.
#ifndef SPEAR_CLI_CLUSTER_H
#define SPEAR_CLI_CLUSTER_H

#include "cli/supervisor.h"

enum { CLUSTER_NODES_MAX = 64, CLUSTER_START_MS = 60000, CLUSTER_STOP_MS = 15000 };

struct cluster_config {
    struct api *api;                            // its sms_addr is set once sms serves
    const char *data_dir;                       // NULL: the programs' own settings stand
    const char *http_addr, *spearlet_http_addr; // the same; further nodes take the ports behind
    const char *log_level, *log_format;
    const char *require_sandbox; // NULL: spearlet's own setting
    uint64_t max_upload_bytes;   // 0: sms's own setting
    const char
        *home; // ephemeral: settings of the user's files and variables do not count, and $HOME is this; NULL: they do
    bool ends_at_once; // what still runs when the spearlets are stopped is killed; else their own settings stand
    void (*line)(void *ctx, const struct child *child, struct span line); // may be NULL
    void *ctx;
};

struct cluster {
    struct cluster_config config;
    struct supervisor *supervisor;
    struct child *sms, *nodes[CLUSTER_NODES_MAX];
    char *names[CLUSTER_NODES_MAX];
    size_t node_count;
};

int cluster_init(struct cluster *c, const struct cluster_config *config, struct err *e);
// Kills what still runs.
void cluster_done(struct cluster *c);

// Starts sms and waits until it serves.
int cluster_start_sms(struct cluster *c, struct err *e);
// Starts the next spearlet, without waiting.
int cluster_start_node(struct cluster *c, struct err *e);
// Waits until the newest spearlet serves.
int cluster_wait_node(struct cluster *c, struct err *e);
// Waits until sms knows all of them.
int cluster_wait_registered(struct cluster *c, struct err *e);
// Spearlets first, then sms. Each step at most grace_ms.
void cluster_stop(struct cluster *c, uint64_t grace_ms);

// The child that ended too early, or is being waited for: whose log tells why. NULL when there is none.
struct child *cluster_suspect(const struct cluster *c);
// Its last lines to stderr, each behind its name.
void cluster_print_last_lines(const struct cli *cli, const struct child *child);

#endif
