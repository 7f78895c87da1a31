// spear nodes: the machines that run tasks, as sms knows them.
//
// Lists, objects and removals are listing.c.
#include "base/mem.h"
#include "cli/listing.h"
#include "cli/output.h"

#include <stdio.h>

static const struct table_column columns[] = {
    {.title = "NAME", .shrinks = true},
    {.title = "ADDRESS"},
    {.title = "STATUS"},
    {.title = "HEARTBEAT", .right = true},
    {.title = "AGE", .right = true},
    {.title = "ID"},
};

static void node_address(json_val *node, char ret_text[300]) {
    struct span ip = json_string(json_get(node, "ip_address"));
    bool v6 = span_find(ip, ':') != ip.n;
    json_val *http_port = json_get(node, "http_port");
    int64_t port = json_i64(http_port) ? json_i64(http_port) : json_i64(json_get(node, "port"));
    snprintf(ret_text, 300, "%s%.*s%s:%lld", v6 ? "[" : "", (int)(ip.n < 256 ? ip.n : 256), ip.n ? ip.p : "",
             v6 ? "]" : "", (long long)port);
}

static struct span node_name(json_val *node) {
    json_val *metadata = json_get(node, "metadata");
    struct span name = json_string(json_get(metadata, "node_name"));
    return name.n ? name : json_string(json_get(metadata, "name"));
}

static void add_row(struct table *t, json_val *node) {
    char address[300];
    node_address(node, address);
    table_add_span(t, node_name(node));
    table_add(t, address);
    table_add_span(t, json_string(json_get(node, "status")));
    table_add_age(t, json_i64(json_get(node, "last_heartbeat")));
    table_add_age(t, json_i64(json_get(node, "registered_at")));
    table_add_span(t, json_string(json_get(node, "uuid")));
}

static int run_ls(struct cli *cli, const struct args *args) {
    static const struct listing listing = {.command = "nodes ls",
                                           .path = "/api/v1/nodes",
                                           .member = "nodes",
                                           .id = "uuid",
                                           .columns = columns,
                                           .column_count = COUNT_OF(columns),
                                           .row = add_row,
                                           .empty = "no nodes; start one with: spearlet --sms-http-addr HOST:PORT"};
    return listing_run(cli, args, &listing);
}

static int print_metadata(void *ctx, struct span key, json_val *value) {
    struct buf text;
    buf_init(&text, OUTPUT_LINE_MAX);
    buf_printf(&text, "%.*s=", SPAN_ARGS(key));
    if (json_is_string(value))
        buf_append_span(&text, json_string(value));
    else
        json_print(value, &text);
    table_print_field(ctx, "metadata", buf_span(&text));
    buf_done(&text);
    return 0;
}

static void print_node(const struct cli *cli, json_val *object) {
    char address[300];
    json_val *node = json_get(object, "node") ? json_get(object, "node") : object;
    node_address(node, address);
    table_print_field(cli, "uuid", json_string(json_get(node, "uuid")));
    table_print_field(cli, "address", span_of(address));
    table_print_field(cli, "status", json_string(json_get(node, "status")));
    listing_print_time(cli, "heartbeat", json_i64(json_get(node, "last_heartbeat")));
    listing_print_time(cli, "registered", json_i64(json_get(node, "registered_at")));
    json_each(json_get(node, "metadata"), print_metadata, (void *)(uintptr_t)cli);
}

static int run_get(struct cli *cli, const struct args *args) {
    return listing_show(cli, args, "/api/v1/nodes/", "", print_node);
}

static int run_rm(struct cli *cli, const struct args *args) {
    return listing_remove(cli, args, "/api/v1/nodes/", "");
}

const struct command nodes_ls_command = {.name = "nodes ls",
                                         .arguments = "",
                                         .summary = "list the nodes that run tasks",
                                         .flags = {listing_flags, LISTING_FLAGS},
                                         .run = run_ls};
const struct command nodes_get_command = {
    .name = "nodes get", .arguments = "UUID", .summary = "show one node", .rest_min = 1, .rest_max = 1, .run = run_get};
const struct command nodes_rm_command = {.name = "nodes rm",
                                         .arguments = "UUID...",
                                         .summary = "forget nodes",
                                         .details =
                                             "A spearlet that still runs registers again with its next heartbeat.",
                                         .rest_min = 1,
                                         .rest_max = SIZE_MAX,
                                         .run = run_rm};
