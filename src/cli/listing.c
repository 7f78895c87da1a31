// Lists as tables, ids or JSON; one object; removals. files.c, tasks.c and nodes.c say what the columns are.
#include "cli/listing.h"

#include "base/clock.h"
#include "base/mem.h"
#include "cli/output.h"

#include <stdio.h>

enum { TOTAL_MAX = 1 << 20, JSON_MAX = 512 * 1024 * 1024 };

const struct flag listing_flags[] = {
    {"limit", 0, "N", "at most so many; default: 100"},
    {"offset", 0, "N", "skip so many"},
    {"all", 0, NULL, "all of them, page after page"},
    {"filter", 0, "TEXT", "those whose name or id has this text"}, // last: LISTING_PAGE_FLAGS leaves it out
};
_Static_assert(COUNT_OF(listing_flags) == LISTING_FLAGS, "LISTING_FLAGS counts listing_flags");

struct gathering {
    const struct listing *listing;
    const struct cli *cli;
    struct table *table;
    struct json_out *json;
    json_node *array;
    uint64_t count;
};

static int take_row(void *ctx, struct span key, json_val *value) {
    (void)key;
    struct gathering *g = ctx;
    g->count++;
    if (g->cli->json)
        json_push_value(g->json, g->array, value);
    else if (g->cli->quiet)
        printf("%.*s\n", SPAN_ARGS(json_string(json_get(value, g->listing->id))));
    else
        g->listing->row(g->table, value);
    return 0;
}

static void print_gathered(struct gathering *g, json_node *root, uint64_t offset, uint64_t total) {
    if (g->cli->json) {
        struct buf text;
        buf_init(&text, JSON_MAX);
        json_add_i64(g->json, root, "total_count", (int64_t)total);
        json_out_print(g->json, false, &text);
        output_json_line(buf_span(&text));
        buf_done(&text);
    } else if (!g->cli->quiet && g->count == 0) {
        fprintf(stderr, "%s\n", total ? "nothing there: --offset is behind the last one" : g->listing->empty);
    } else if (!g->cli->quiet) {
        table_print(g->table, g->cli);
        uint64_t next = g->count + offset;
        if (next < total)
            fprintf(stderr, "%llu of %llu; see more with --all or --offset %llu\n", (unsigned long long)g->count,
                    (unsigned long long)total, (unsigned long long)next);
    }
}

static int read_flags(const struct args *args, struct api_list *list, struct err *e) {
    list->limit = API_PAGE;
    list->all = args_has(args, "all");
    if (args_count(args, "limit", 1, 1000, &list->limit, e) != 0)
        return -1;
    return args_count(args, "offset", 0, INT64_MAX, &list->offset, e);
}

static int gather(struct api *api, struct gathering *g, const struct api_list *list, struct err *e) {
    uint64_t total = 0;
    g->table = table_new(g->listing->columns, g->listing->column_count);
    g->json = json_out_new();
    json_node *root = json_out_object(g->json);
    g->array = json_add_array(g->json, root, g->listing->member);
    int result = api_list(api, list, take_row, g, &total, e);
    if (result == 0)
        print_gathered(g, root, list->offset, total ? total : g->count);
    json_out_free(g->json);
    table_free(g->table);
    return result;
}

int listing_run(struct cli *cli, const struct args *args, const struct listing *listing) {
    struct err e;
    struct api api;
    struct gathering g = {.listing = listing, .cli = cli};
    const char *filter = args_text(args, "filter");
    AUTO_FREE char *query = filter ? api_path("&q=", filter, "") : mem_strdup("");
    struct api_list list = {.path = listing->path, .member = listing->member, .query = query};
    if (read_flags(args, &list, &e) != 0)
        return output_usage_error(cli, listing->command, &e);
    if (api_init(&api, cli, cli->sms_addr, &e) != 0)
        return output_error(cli, &e, NULL);
    int code = gather(&api, &g, &list, &e) == 0 ? 0 : output_error(cli, &e, api.hint);
    api_done(&api);
    return output_finish(cli, code);
}

int listing_show(struct cli *cli, const struct args *args, const char *before, const char *after,
                 void (*print)(const struct cli *cli, json_val *object)) {
    struct err e;
    struct api api;
    struct json_doc *doc CLEANUP(json_free_pointer) = NULL;
    AUTO_FREE char *path = api_path(before, args->rest[0], after);
    struct api_request request = {.method = "GET", .path = path};
    int code = 0;
    if (api_init(&api, cli, cli->sms_addr, &e) != 0)
        return output_error(cli, &e, NULL);
    if ((cli->json ? api_print(&api, &request, &e) : api_json(&api, &request, &doc, &e)) != 0)
        code = output_error(cli, &e, api.hint);
    else if (!cli->json)
        print(cli, json_root(doc));
    api_done(&api);
    return output_finish(cli, code);
}

static const char *removal_hint(const struct api *api, const char *path, enum err_kind kind) {
    bool is_token = span_starts_with(span_of(path), "/api/v1/tokens/");
    if (kind == ERR_CONFLICT)
        return is_token ? "make another one: spear token create NAME --scope admin"
                        : "a task names it; --force removes it all the same";
    return is_token && kind == ERR_NOT_FOUND ? "see what there is: spear token list" : api->hint;
}

static int remove_one(struct api *api, const char *path, const char *what) {
    struct err e;
    const struct cli *cli = api->cli;
    struct api_request request = {.method = "DELETE", .path = path};
    if (cli->json)
        return api_print(api, &request, &e) == 0 ? 0 : output_error(cli, &e, api->hint);
    struct json_doc *doc CLEANUP(json_free_pointer) = NULL;
    if (api_json(api, &request, &doc, &e) != 0)
        return output_error(cli, &e, removal_hint(api, path, e.kind));
    AUTO_FREE char *clean = output_clean(span_of(what));
    if (!cli->quiet)
        printf("removed %s\n", clean);
    return 0;
}

int listing_remove(struct cli *cli, const struct args *args, const char *before, const char *after) {
    struct err e;
    struct api api;
    int code = 0;
    if (api_init(&api, cli, cli->sms_addr, &e) != 0)
        return output_error(cli, &e, NULL);
    for (size_t i = 0; i < args->rest_count && !cli->signal; i++) {
        AUTO_FREE char *path = api_path(before, args->rest[i], after);
        int one = remove_one(&api, path, args->rest[i]);
        code = code ? code : one;
    }
    api_done(&api);
    return output_finish(cli, code);
}

void listing_print_time(const struct cli *cli, const char *label, int64_t unix_s) {
    char when[RFC3339_TEXT], age[OUTPUT_NUMBER_TEXT], text[RFC3339_TEXT + OUTPUT_NUMBER_TEXT + 8];
    if (unix_s <= 0) {
        table_print_field(cli, label, (struct span){0});
        return;
    }
    clock_rfc3339(unix_s * 1000, when);
    output_age(clock_unix_s() - unix_s, age);
    snprintf(text, sizeof text, "%s (%s ago)", when, age);
    table_print_field(cli, label, span_of(text));
}
