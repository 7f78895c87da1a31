// The settings of sms: one table for flags, environment, file and --help, and the struct the program reads.
//
// What a value may be is checked by base/options; here only the names and defaults stand. Next step: main.c.
#include "sms/config.h"

#include "base/mem.h"

#include "base/version.h"
#include "net/http_server_options.h"

static const struct option_spec specs[] = {
    {.name = "http-addr",
     .environment = "SMS_HTTP_ADDR",
     .type = OPTION_ADDRESS,
     .default_value = "127.0.0.1:8080",
     .argument = "HOST:PORT",
     .help = "where to serve HTTP; port 0 picks a free one"},
    {.name = "data-dir",
     .environment = "SMS_DATA_DIR",
     .type = OPTION_TEXT,
     .default_value = "./data/sms",
     .argument = "DIR",
     .help = "where files, tasks and nodes are kept"},
    {.name = "max-upload-bytes",
     .environment = "SMS_MAX_UPLOAD_BYTES",
     .type = OPTION_BYTES,
     .default_value = "67108864",
     .min = 1,
     .max = (uint64_t)1 << 40,
     .argument = "BYTES",
     .help = "the largest file that is taken (64MiB, 1GiB, …)"},
    {.name = "heartbeat-timeout",
     .environment = "SMS_HEARTBEAT_TIMEOUT",
     .type = OPTION_DURATION_MS,
     .default_value = "90s",
     .min = 100,
     .max = 24 * 3600 * 1000,
     .argument = "TIME",
     .help = "a node that is silent for so long is offline"},
    {.name = "drain-timeout",
     .environment = "SMS_DRAIN_TIMEOUT",
     .type = OPTION_DURATION_MS,
     .default_value = "30s",
     .max = 3600 * 1000,
     .argument = "TIME",
     .help = "how long running requests may take to end after SIGTERM"},
    {.name = "threads",
     .environment = "SMS_THREADS",
     .type = OPTION_COUNT,
     .default_value = "0",
     .max = 64,
     .argument = "N",
     .help = "event loops; 0 takes one a core"},
    {.name = "uploads-max",
     .environment = "SMS_UPLOADS_MAX",
     .type = OPTION_COUNT,
     .default_value = "256",
     .min = 1,
     .max = 4096,
     .argument = "N",
     .help = "uploads at the same time; one more is answered 503"},
    HTTP_SERVER_OPTIONS("SMS", "1024"),
    HTTP_CLIENT_OPTIONS("SMS", "node", "NODE", "the nodes"),
    {.name = "audit-max-entries",
     .environment = "SMS_AUDIT_MAX_ENTRIES",
     .type = OPTION_COUNT,
     .default_value = "100000",
     .min = 1,
     .max = 10000000,
     .argument = "N",
     .help = "changes kept in the audit log; the oldest go first"},
    {.name = "create-admin-token",
     .type = OPTION_TEXT,
     .argument = "NAME",
     .help = "make a token with scope admin, print it and end; sms must not be running"},
    {.name = "insecure",
     .environment = "SMS_INSECURE",
     .type = OPTION_FLAG,
     .help = "serve another address than loopback although there is no token"},
    {.name = "log-level",
     .environment = "SMS_LOG_LEVEL",
     .type = OPTION_CHOICE,
     .default_value = "info",
     .choices = "error|warn|info|debug",
     .argument = "LEVEL",
     .help = "error, warn, info or debug"},
    {.name = "log-format",
     .environment = "SMS_LOG_FORMAT",
     .type = OPTION_CHOICE,
     .default_value = "auto",
     .choices = "auto|text|json",
     .argument = "FORMAT",
     .help = "text, json, or auto: text on a terminal and json otherwise"},
};

const struct option_program sms_program = {
    .name = "sms",
    .usage = "usage: sms [options]",
    .summary = "The control plane of SPEAR: keeps files, tasks and nodes, and relays invocations.",
    .default_config_path = "~/.sms/config.toml",
    .config_environment = "SMS_CONFIG",
    .specs = specs,
    .spec_count = COUNT_OF(specs),
};

static void config_fill(struct sms_config *c, struct options *o) {
    c->options = o;
    c->http_addr = options_text(o, "http-addr");
    c->data_dir = options_text(o, "data-dir");
    c->max_upload_bytes = options_number(o, "max-upload-bytes");
    c->heartbeat_timeout_ms = options_number(o, "heartbeat-timeout");
    c->drain_timeout_ms = options_number(o, "drain-timeout");
    c->threads = options_number(o, "threads");
    c->uploads_max = options_number(o, "uploads-max");
    c->audit_max_entries = options_number(o, "audit-max-entries");
    c->create_admin_token = options_text(o, "create-admin-token");
    c->insecure = options_flag(o, "insecure");
    ASSERT(log_level_parse(span_of(options_text(o, "log-level")), &c->log_level) == 0);
    ASSERT(log_format_parse(span_of(options_text(o, "log-format")), &c->log_format) == 0);
}

int sms_config_read(int argc, char **argv, struct sms_config *ret, bool *ret_run, struct err *e) {
    struct options *o = NULL;
    if (options_parse(&sms_program, argc, argv, &o, NULL, e) != 0) {
        return -1;
    }
    config_fill(ret, o);
    enum options_action action = options_action(o);
    if (action == OPTIONS_HELP) {
        options_print_help(&sms_program, stdout);
    } else if (action == OPTIONS_VERSION) {
        printf("sms %s\n", SPEAR_VERSION);
    } else if (action == OPTIONS_PRINT_CONFIG) {
        options_print_config(o, stdout);
    }
    *ret_run = action == OPTIONS_RUN;
    return 0;
}

void sms_config_done(struct sms_config *c) {
    options_free(c->options);
    c->options = NULL;
}
