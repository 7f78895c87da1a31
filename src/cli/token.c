// spear token: who may use SPEAR. A token is printed once, when it is made; afterwards it is known by its name and id.
//
// Lists and removals are listing.c. What scopes mean is in docs/security.md.
#include "model/token.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/options.h"
#include "cli/listing.h"
#include "cli/output.h"

#include <stdio.h>

#define TOKENS_PATH "/api/v1/tokens"

// ---- create

static const struct flag create_flags[] = {
    {"scope", 's', "SCOPE,...", "what it may do: read, deploy, invoke, node, admin; may be repeated"},
    {"expires", 0, "TIME", "how long it counts: 90s, 12h, 30d; default: for ever"},
};

static int read_scopes(const struct args *args, unsigned *ret, struct err *e) {
    size_t cursor = 0;
    *ret = 0;
    for (const char *text; (text = args_each(args, "scope", &cursor));) {
        unsigned scopes;
        if (token_scopes_parse(span_of(text), &scopes, e) != 0) {
            err_wrap(e, "--scope %s", text);
            e->kind = ERR_INVALID_CONFIGURATION;
            return -1;
        }
        *ret |= scopes;
    }
    if (!*ret)
        return err_set(e, ERR_INVALID_CONFIGURATION,
                       "--scope is wanted: read, deploy, invoke, node or admin, such as --scope deploy,invoke");
    return 0;
}

static int read_expiry(const struct args *args, uint64_t *ret_s, struct err *e) {
    uint64_t ms = 0;
    if (args_duration_ms(args, "expires", &ms, e) != 0)
        return -1;
    if (ms % 1000 != 0)
        return err_set(e, ERR_INVALID_CONFIGURATION, "--expires %s: whole seconds are wanted",
                       args_text(args, "expires"));
    *ret_s = ms / 1000;
    return 0;
}

static int check_name(const char *name, struct err *e) {
    if (token_name_valid(span_of(name)))
        return 0;
    return err_set(
        e, ERR_INVALID_CONFIGURATION,
        "\"%.100s\" is no name of a token: 1 to %d of the characters A-Z a-z 0-9 . _ @ - are wanted, beginning "
        "with a letter or digit",
        name, TOKEN_NAME_MAX);
}

static void write_body(const char *name, unsigned scopes, uint64_t expires_s, struct buf *to) {
    struct json_out *out = json_out_new();
    json_node *root = json_out_object(out);
    char list[TOKEN_SCOPES_TEXT];
    struct span rest, scope;
    json_add_text(out, root, "name", name);
    json_node *array = json_add_array(out, root, "scopes");
    token_scopes_print(scopes, ",", list);
    for (rest = span_of(list); span_next(&rest, ',', &scope);)
        json_push_string(out, array, scope);
    if (expires_s)
        json_add_i64(out, root, "expires_in_s", (int64_t)expires_s);
    json_out_print(out, false, to);
    json_out_free(out);
}

static void print_created(const struct cli *cli, json_val *root) {
    printf("%.*s\n", SPAN_ARGS(json_string(json_get(root, "token"))));
    if (cli->quiet)
        return;
    fprintf(stderr, "this is the only time that it is shown; keep it in a file of mode 600 (--token-file)\n");
    if (!cli->token)
        fprintf(stderr, "from now on sms wants a token with every request\n");
}

static int create(struct api *api, struct span body, struct err *e) {
    const struct http_header type = {SPAN_LITERAL("Content-Type"), SPAN_LITERAL("application/json")};
    struct json_doc *doc CLEANUP(json_free_pointer) = NULL;
    struct api_request request = {
        .method = "POST", .path = TOKENS_PATH, .headers = &type, .header_count = 1, .body = body};
    if (api->cli->json)
        return api_print(api, &request, e);
    if (api_json(api, &request, &doc, e) != 0)
        return -1;
    print_created(api->cli, json_root(doc));
    return 0;
}

static int run_create(struct cli *cli, const struct args *args) {
    struct err e;
    struct api api;
    struct buf body;
    unsigned scopes;
    uint64_t expires_s = 0;
    if (check_name(args->rest[0], &e) != 0 || read_scopes(args, &scopes, &e) != 0 ||
        read_expiry(args, &expires_s, &e) != 0)
        return output_usage_error(cli, "token create", &e);
    if (api_init(&api, cli, cli->sms_addr, &e) != 0)
        return output_error(cli, &e, NULL);
    buf_init(&body, OUTPUT_LINE_MAX);
    write_body(args->rest[0], scopes, expires_s, &body);
    int code = 0;
    if (create(&api, buf_span(&body), &e) != 0)
        code = output_error(
            cli, &e,
            e.kind == ERR_CONFLICT
                ? "see what there is: spear token list; the first one: spear token create admin --scope admin"
                : api.hint);
    buf_done(&body);
    api_done(&api);
    return output_finish(cli, code);
}

// ---- list

static const struct table_column columns[] = {
    {.title = "NAME", .shrinks = true},  {.title = "SCOPES"},
    {.title = "AGE", .right = true},     {.title = "USED", .right = true},
    {.title = "EXPIRES", .right = true}, {.title = "ID"},
};

static int add_scope(void *ctx, struct span key, json_val *value) {
    (void)key;
    struct buf *list = ctx;
    buf_printf(list, "%s%.*s", list->n ? "," : "", SPAN_ARGS(json_string(value)));
    return 0;
}

static void add_expiry(struct table *t, int64_t expires_at) {
    char text[OUTPUT_NUMBER_TEXT] = "never";
    int64_t left_s = expires_at - clock_unix_s();
    if (expires_at && left_s <= 0)
        snprintf(text, sizeof text, "expired");
    else if (expires_at)
        output_age(left_s, text);
    table_add(t, text);
}

static void add_row(struct table *t, json_val *token) {
    struct buf scopes;
    buf_init(&scopes, TOKEN_SCOPES_TEXT);
    json_each(json_get(token, "scopes"), add_scope, &scopes);
    table_add_span(t, json_string(json_get(token, "name")));
    table_add(t, buf_text(&scopes));
    table_add_age(t, json_i64(json_get(token, "created_at")));
    table_add_age(t, json_i64(json_get(token, "last_used_at")));
    add_expiry(t, json_i64(json_get(token, "expires_at")));
    table_add_span(t, json_string(json_get(token, "id")));
    buf_done(&scopes);
}

static int run_list(struct cli *cli, const struct args *args) {
    static const struct listing listing = {.command = "token list",
                                           .path = TOKENS_PATH,
                                           .member = "tokens",
                                           .id = "id",
                                           .columns = columns,
                                           .column_count = COUNT_OF(columns),
                                           .row = add_row,
                                           .empty = "no tokens, so that nobody is asked for one; make the first with: "
                                                    "spear token create admin --scope admin"};
    return listing_run(cli, args, &listing);
}

static int run_revoke(struct cli *cli, const struct args *args) {
    return listing_remove(cli, args, TOKENS_PATH "/", "");
}

const struct command token_create_command = {
    .name = "token create",
    .arguments = "NAME",
    .summary = "make a token and print it",
    .details =
        "It is printed once and cannot be had again. The first one must have scope admin; from then on sms wants a\n"
        "token with every request.",
    .flags = FLAG_SET(create_flags),
    .rest_min = 1,
    .rest_max = 1,
    .run = run_create};
const struct command token_list_command = {.name = "token list",
                                           .arguments = "",
                                           .summary = "list the tokens, not their secrets",
                                           .flags = {listing_flags, LISTING_PAGE_FLAGS},
                                           .run = run_list};
const struct command token_revoke_command = {.name = "token revoke",
                                             .arguments = "NAME|ID...",
                                             .summary = "end tokens",
                                             .details =
                                                 "sms refuses them at once, nodes within their token-cache-time.",
                                             .rest_min = 1,
                                             .rest_max = SIZE_MAX,
                                             .run = run_revoke};
