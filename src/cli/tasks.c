// spear tasks: what is registered at sms.
//
// Lists, objects and removals are listing.c; registering is `spear deploy` (deploy.c).
#include "base/mem.h"
#include "cli/listing.h"
#include "cli/output.h"

#include <stdio.h>

static const struct table_column columns[] = {
    {.title = "NAME", .shrinks = true},
    {.title = "VERSION", .shrinks = true},
    {.title = "STATUS"},
    {.title = "PRIORITY"},
    {.title = "ENDPOINT", .shrinks = true},
    {.title = "AGE", .right = true},
    {.title = "ID"},
};

static void add_row(struct table *t, json_val *task) {
    table_add_span(t, json_string(json_get(task, "name")));
    table_add_span(t, json_string(json_get(task, "version")));
    table_add_span(t, json_string(json_get(task, "status")));
    table_add_span(t, json_string(json_get(task, "priority")));
    table_add_span(t, json_string(json_get(task, "endpoint")));
    table_add_age(t, json_i64(json_get(task, "registered_at")));
    table_add_span(t, json_string(json_get(task, "task_id")));
}

static int run_ls(struct cli *cli, const struct args *args) {
    static const struct listing listing = {.command = "tasks ls",
                                           .path = "/api/v1/tasks",
                                           .member = "tasks",
                                           .id = "task_id",
                                           .columns = columns,
                                           .column_count = COUNT_OF(columns),
                                           .row = add_row,
                                           .empty = "no tasks; register one with: spear deploy MODULE --name NAME"};
    return listing_run(cli, args, &listing);
}

struct member_printer {
    const struct cli *cli;
    const char *label;
};

static int print_member(void *ctx, struct span key, json_val *value) {
    const struct member_printer *p = ctx;
    struct buf text;
    buf_init(&text, OUTPUT_LINE_MAX);
    if (key.n)
        buf_printf(&text, "%.*s=", SPAN_ARGS(key));
    if (json_is_string(value))
        buf_append_span(&text, json_string(value));
    else
        json_print(value, &text);
    table_print_field(p->cli, p->label, buf_span(&text));
    buf_done(&text);
    return 0;
}

static void print_texts(const struct cli *cli, json_val *object, const char *const fields[], size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct span value = json_string(json_get(object, fields[i]));
        if (value.n)
            table_print_field(cli, fields[i], value);
    }
}

// "native, 312 ms, 78944 bytes": what runs it there, and what better code cost, or why there is none.
static int print_node(void *ctx, struct span key, json_val *node) {
    (void)key;
    const struct member_printer *p = ctx;
    json_val *code = json_get(node, "code");
    struct span state = json_string(json_get(code, "state")), failure = json_string(json_get(code, "failure"));
    struct span error = json_string(json_get(node, "error"));
    struct buf text;
    buf_init(&text, OUTPUT_LINE_MAX);
    buf_printf(&text, "%.*s", SPAN_ARGS(error.n ? error : state));
    if (json_get(code, "size_bytes"))
        buf_printf(&text, ", compiled in %lld ms, %lld bytes", (long long)json_i64(json_get(code, "compile_ms")),
                   (long long)json_i64(json_get(code, "size_bytes")));
    if (json_bool(json_get(code, "compiling")) && !span_equal_text(state, "compiling"))
        buf_append_text(&text, ", compiling");
    if (failure.n)
        buf_printf(&text, ", %.*s", SPAN_ARGS(failure));
    buf_printf(&text, " on %.*s", SPAN_ARGS(json_string(json_get(node, "http_address"))));
    table_print_field(p->cli, p->label, buf_span(&text));
    buf_done(&text);
    return 0;
}

// Of a node on which its workers crash, why.
static int print_health(void *ctx, struct span key, json_val *node) {
    (void)key;
    const struct member_printer *p = ctx;
    json_val *health = json_get(node, "health");
    struct span status = json_string(json_get(health, "status")), reason = json_string(json_get(health, "reason"));
    struct buf text;
    if (!span_equal_text(status, "unhealthy"))
        return 0;
    buf_init(&text, OUTPUT_LINE_MAX);
    buf_printf(&text, "unhealthy on %.*s, %lld workers crashed in a row: %.*s",
               SPAN_ARGS(json_string(json_get(node, "http_address"))), (long long)json_i64(json_get(health, "crashes")),
               SPAN_ARGS(reason));
    table_print_field(p->cli, p->label, buf_span(&text));
    buf_done(&text);
    return 0;
}

static void print_task(const struct cli *cli, json_val *task) {
    static const char *const texts[] = {"name", "task_id", "version", "description", "status", "priority", "endpoint"};
    json_val *executable = json_get(task, "executable");
    print_texts(cli, task, texts, COUNT_OF(texts));
    listing_print_time(cli, "registered", json_i64(json_get(task, "registered_at")));
    table_print_field(cli, "module", json_string(json_get(executable, "uri")));
    table_print_field(cli, "sha256", json_string(json_get(executable, "checksum_sha256")));
    table_print_field(cli, "argv[0]", json_string(json_get(executable, "name")));
    json_each(json_get(executable, "args"), print_member, &(struct member_printer){cli, "arg"});
    json_each(json_get(executable, "env"), print_member, &(struct member_printer){cli, "env"});
    json_each(json_get(task, "config"), print_member, &(struct member_printer){cli, "config"});
    json_each(json_get(task, "metadata"), print_member, &(struct member_printer){cli, "metadata"});
    json_each(json_get(task, "nodes"), print_node, &(struct member_printer){cli, "code"});
    json_each(json_get(task, "nodes"), print_health, &(struct member_printer){cli, "health"});
}

static int run_get(struct cli *cli, const struct args *args) {
    return listing_show(cli, args, "/api/v1/tasks/", "?nodes=true", print_task);
}

static int run_rm(struct cli *cli, const struct args *args) {
    return listing_remove(cli, args, "/api/v1/tasks/", "");
}

const struct command tasks_ls_command = {.name = "tasks ls",
                                         .arguments = "",
                                         .summary = "list the registered tasks",
                                         .flags = {listing_flags, LISTING_FLAGS},
                                         .run = run_ls};
const struct command tasks_get_command = {.name = "tasks get",
                                          .arguments = "TASK",
                                          .summary = "show one task, by name or id, and what runs it on each node",
                                          .rest_min = 1,
                                          .rest_max = 1,
                                          .run = run_get};
const struct command tasks_rm_command = {
    .name = "tasks rm",
    .arguments = "TASK...",
    .summary = "remove tasks, by name or id",
    .details = "Their instances on the nodes are stopped. The module's file stays: see spear files rm.",
    .rest_min = 1,
    .rest_max = SIZE_MAX,
    .run = run_rm};
