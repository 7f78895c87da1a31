// spear up: SPEAR on this machine, until Ctrl-C.
//
// It says what serves where, passes the programs' logs on, one line each behind the program's name, and ends everything in
// order; a program that ends by itself ends the rest. The processes are cluster.c's.
#include "base/address.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/notify.h"
#include "cli/cluster.h"
#include "cli/output.h"

#include <stdio.h>

enum { NAME_COLUMN = 11, TIME_BYTES = 12, LEVEL_BYTES = 5, LINES_REPEATED = 5 };

static const struct flag flags[] = {
    {"data-dir", 0, "DIR", "where everything is kept; default: ./data"},
    {"http-addr", 0, "HOST:PORT", "where sms serves; default: 127.0.0.1:8080"},
    {"spearlet-http-addr", 0, "HOST:PORT", "where the first spearlet serves; default: 127.0.0.1:8081"},
    {"nodes", 0, "N", "so many spearlets, on the ports behind the first; default: 1"},
    {"require-sandbox", 0, "LEVEL", "full, best-effort or off: what to do where this machine lacks a part of it"},
    {"log-level", 0, "LEVEL", "error, warn, info or debug; default: info"},
};

// ---- the programs' logs

static enum output_color level_color(struct span level) {
    if (span_equal_text(level, "ERROR"))
        return OUTPUT_RED;
    if (span_starts_with(level, "WARN"))
        return OUTPUT_YELLOW;
    return span_equal_text(level, "DEBUG") ? OUTPUT_DIM : OUTPUT_GREEN;
}

// "01:02:03.004 INFO  sms: text" of base/log.c, taken apart; false for anything else.
static bool split_log_line(struct span line, struct span *ret_time, struct span *ret_level, struct span *ret_text) {
    if (line.n <= TIME_BYTES + LEVEL_BYTES + 2 || line.p[2] != ':' || line.p[5] != ':' || line.p[TIME_BYTES] != ' ')
        return false;
    struct span text = span_slice(line, TIME_BYTES + LEVEL_BYTES + 2, line.n);
    size_t colon = span_find(text, ':');
    bool has_program = colon + 1 < text.n && text.p[colon + 1] == ' ' && span_find(text, ' ') > colon;
    *ret_time = span_slice(line, 0, TIME_BYTES);
    *ret_level = span_slice(line, TIME_BYTES + 1, LEVEL_BYTES);
    *ret_text = has_program ? span_slice(text, colon + 2, text.n) : text;
    return true;
}

static void pass_line(void *ctx, const struct child *child, struct span line) {
    const struct cli *cli = ctx;
    struct span time, level, text;
    const char *plain = output_color(cli->color_err, OUTPUT_PLAIN), *dim = output_color(cli->color_err, OUTPUT_DIM);
    if (cli->json) {
        fprintf(stderr, "%.*s\n", (int)line.n, line.p);
    } else if (!split_log_line(line, &time, &level, &text)) {
        AUTO_FREE char *clean = output_clean(line);
        fprintf(stderr, "%s%-*s|%s %s\n", dim, NAME_COLUMN, child_name(child), plain, clean);
    } else {
        AUTO_FREE char *clean = output_clean(text);
        fprintf(stderr, "%s%-*s| %.*s%s %s%.*s%s %s\n", dim, NAME_COLUMN, child_name(child), SPAN_ARGS(time), plain,
                output_color(cli->color_err, level_color(level)), SPAN_ARGS(level), plain, clean);
    }
}

// ---- what is said

static void say_part(const struct cli *cli, const struct child *child) {
    if (cli->json)
        printf("{\"part\":\"%s\",\"http_addr\":\"%s\",\"pid\":%d}\n", child_name(child), child_address(child),
               child_pid(child));
    else
        printf("%s%-*s%s serves http://%s\n", output_color(cli->color_out, OUTPUT_BOLD), NAME_COLUMN, child_name(child),
               output_color(cli->color_out, OUTPUT_PLAIN), child_address(child));
    fflush(stdout);
}

static void say_next(const struct cli *cli, const struct api *api, uint64_t start_us) {
    char took[OUTPUT_NUMBER_TEXT];
    output_duration(clock_monotonic_us() - start_us, took);
    bool usual = !cli->https && strcmp(api->sms_addr, cli->sms_addr) == 0;
    if (cli->json)
        printf("{\"ready\":true}\n");
    else if (!cli->quiet)
        printf("ready in %s; try: spear deploy MODULE.wasm --name hello%s%s   (Ctrl-C stops all)\n", took,
               usual ? "" : " --sms-addr ", usual ? "" : api->sms_addr);
    fflush(stdout);
}

static const char *hint_for(const struct cluster *c) {
    struct buf text;
    struct child *suspect = cluster_suspect(c);
    const char *hint = "the lines above are its last ones";
    buf_init(&text, (size_t)SUPERVISOR_LINES_KEPT * (SUPERVISOR_LINE_MAX + 1));
    if (suspect)
        child_last_lines(suspect, SUPERVISOR_LINES_KEPT, &text);
    if (span_contains(buf_span(&text), SPAN_LITERAL("ddress already in use")))
        hint = "is it running already? other ports: --http-addr 127.0.0.1:0 --spearlet-http-addr 127.0.0.1:0";
    buf_done(&text);
    return suspect ? hint : NULL;
}

static int fail(const struct cluster *c, const struct err *e) {
    const struct cli *cli = c->config.api->cli;
    if (cli->signal) // stopped while starting: as asked
        return 0;
    bool is_closed = e->kind == ERR_UNAUTHORIZED || e->kind == ERR_FORBIDDEN;
    output_error(cli, e,
                 is_closed
                     ? "the data has tokens: give this command one with scope read in $SPEAR_TOKEN, and the spearlets "
                       "the file of one with scope node in $SPEARLET_TOKEN_FILE"
                     : hint_for(c));
    return CLI_EXIT_OTHER;
}

// The logs of the other parts stand between the lines of the one that ended.
static void repeat_last_lines(const struct cli *cli, const struct child *child) {
    struct buf text;
    struct span rest, line;
    buf_init(&text, (size_t)LINES_REPEATED * (SUPERVISOR_LINE_MAX + 1));
    child_last_lines(child, LINES_REPEATED, &text);
    rest = buf_span(&text);
    if (rest.n && !cli->json)
        fprintf(stderr, "the last lines of %s:\n", child_name(child));
    while (!cli->json && span_next(&rest, '\n', &line))
        pass_line((void *)(uintptr_t)cli, child, line);
    buf_done(&text);
}

// ---- the course of things

static int start_all(struct cluster *c, uint64_t nodes, struct err *e) {
    const struct cli *cli = c->config.api->cli;
    if (cluster_start_sms(c, e) != 0)
        return -1;
    say_part(cli, c->sms);
    for (uint64_t i = 0; i < nodes; i++) {
        if (cluster_start_node(c, e) != 0 || cluster_wait_node(c, e) != 0)
            return -1;
        say_part(cli, c->nodes[i]);
    }
    return cluster_wait_registered(c, e);
}

static bool any_ended(void *ctx) {
    return supervisor_ended_child(ctx) != NULL;
}

// Until a signal, or a program's end.
static int serve(struct cluster *c) {
    struct err e;
    char how[64];
    if (!api_wait(c->config.api, 0, any_ended, c->supervisor))
        return 0;
    const struct child *ended = supervisor_ended_child(c->supervisor);
    child_describe_end(ended, how);
    repeat_last_lines(c->config.api->cli, ended);
    err_set(&e, ERR_INSTANCE_DESTROYED, "%s ended by itself with %s; everything stops", child_name(ended), how);
    return fail(c, &e);
}

static int run_cluster(struct cluster *c, uint64_t nodes) {
    struct err e;
    uint64_t start_us = clock_monotonic_us();
    int code;
    if (start_all(c, nodes, &e) != 0) {
        code = fail(c, &e);
    } else {
        say_next(c->config.api->cli, c->config.api, start_us);
        notify_ready(c->config.api->sms_addr);
        code = serve(c);
    }
    notify_stopping();
    if (c->config.api->cli->signal && !c->config.api->cli->json && !c->config.api->cli->quiet)
        fprintf(stderr, "stopping (again to kill)\n");
    cluster_stop(c, CLUSTER_STOP_MS);
    return code;
}

static int check_address(const struct args *args, const char *name, struct err *e) {
    struct span host;
    uint16_t port;
    const char *text = args_text(args, name);
    if (!text || address_split(span_of(text), &host, &port))
        return 0;
    return err_set(e, ERR_INVALID_CONFIGURATION, "--%s %s: HOST:PORT is wanted", name, text);
}

static int run_up(struct cli *cli, const struct args *args) {
    struct err e;
    struct api api;
    struct cluster cluster;
    uint64_t nodes = 1;
    if (args_count(args, "nodes", 1, CLUSTER_NODES_MAX, &nodes, &e) != 0 || check_address(args, "http-addr", &e) != 0 ||
        check_address(args, "spearlet-http-addr", &e) != 0)
        return output_usage_error(cli, "up", &e);
    if (api_init(&api, cli, NULL, &e) != 0)
        return output_error(cli, &e, NULL);
    const char *level = args_text(args, "log-level");
    struct cluster_config config = {.api = &api,
                                    .data_dir = args_text(args, "data-dir"),
                                    .http_addr = args_text(args, "http-addr"),
                                    .spearlet_http_addr = args_text(args, "spearlet-http-addr"),
                                    .require_sandbox = args_text(args, "require-sandbox"),
                                    .log_level = level        ? level
                                                 : cli->quiet ? "warn"
                                                              : NULL,
                                    .log_format = cli->json ? "json" : "text",
                                    .line = pass_line,
                                    .ctx = cli};
    int code;
    if (cluster_init(&cluster, &config, &e) != 0) {
        code = output_error(cli, &e, NULL);
    } else {
        code = run_cluster(&cluster, nodes);
        cluster_done(&cluster);
    }
    api_done(&api);
    return output_finish(cli, code);
}

const struct command up_command = {
    .name = "up",
    .arguments = "",
    .summary = "start SPEAR on this machine: sms and spearlets, until Ctrl-C",
    .details =
        "One line is printed for each part when it serves. Logs of the parts follow on stderr, each line behind the\n"
        "part's name. Ctrl-C or SIGTERM ends all in order. When a part ends by itself, the others are ended and the\n"
        "exit code is 1. Settings of sms and spearlet (files, SMS_*, SPEARLET_*) count where no flag is given here.\n"
        "\n"
        "  spear up\n"
        "  spear up --nodes 2 --data-dir /srv/spear",
    .flags = FLAG_SET(flags),
    .run = run_up,
};
