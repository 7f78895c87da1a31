// spear deploy: a module becomes a task under a name, and takes the place of what had that name before.
//
// The new task is registered first and the older ones are removed then, so that the name answers at every moment: the
// newest registration of a name is the one that is called.
#include "base/json.h"
#include "base/mem.h"
#include "cli/deployment.h"
#include "cli/output.h"

#include <stdio.h>

static const struct flag flags[] = {
    {"name", 'n', "NAME", "the task's name; default: the file's, without .wasm"},
    {"version", 0, "VERSION", "the task's version; default: 1.0.0"},
    {"arg", 0, "ARG", "an argument of the guest (may be repeated)"},
    {"env", 'e', "KEY=VALUE", "a variable of the guest's environment (may be repeated)"},
    {"config", 'c', "KEY=VALUE", "a limit or setting, such as limit.time_ms=5000 (may be repeated)"},
    {"endpoint", 0, "PATH", "serve HTTP requests below /e/PATH"},
    {"priority", 0, "LEVEL", "low, normal, high or urgent; default: normal"},
    {"keep-old", 0, NULL, "leave older tasks of this name and their files"},
};

// ---- older tasks of the name

struct old_task {
    char *task_id, *file_id;
    bool removed;
};

struct old_tasks {
    const char *name;
    struct old_task *tasks;
    size_t count;
    bool any_removed;
};

static int keep_old(void *ctx, struct span key, json_val *value) {
    (void)key;
    struct old_tasks *old = ctx;
    struct sms_uri uri = {.file_id = ""};
    if (!span_equal_text(json_string(json_get(value, "name")), old->name))
        return 0;
    (void)sms_uri_parse(json_string(json_get(json_get(value, "executable"), "uri")), &uri, NULL);
    old->tasks = mem_realloc(old->tasks, (old->count + 1) * sizeof *old->tasks);
    struct old_task *task = &old->tasks[old->count++];
    task->task_id = span_dup(json_string(json_get(value, "task_id")));
    task->file_id = mem_strdup(uri.host_port[0] ? "" : uri.file_id);
    task->removed = false;
    return 0;
}

static int find_old(struct api *api, struct old_tasks *old, struct err *e) {
    uint64_t total;
    AUTO_FREE char *query = api_path("&q=", old->name, "");
    struct api_list list = {.path = "/api/v1/tasks", .member = "tasks", .query = query, .limit = API_PAGE, .all = true};
    return api_list(api, &list, keep_old, old, &total, e);
}

static enum err_kind remove_one(struct api *api, const char *before, const char *id, struct err *e) {
    struct api_reply reply;
    AUTO_FREE char *path = api_path(before, id, "");
    int result = api_call(api, &(struct api_request){.method = "DELETE", .path = path}, &reply, e);
    api_reply_done(&reply);
    return result == 0 ? ERR_NONE : e->kind;
}

// A task that somebody else removed meanwhile, and a file that another task names, are no failures.
static void remove_old(struct api *api, struct old_tasks *old) {
    struct err e;
    for (size_t i = 0; i < old->count; i++) {
        enum err_kind kind = remove_one(api, "/api/v1/tasks/", old->tasks[i].task_id, &e);
        if (kind != ERR_NONE && kind != ERR_TASK_NOT_FOUND) {
            output_warning(api->cli, "the older task %s stays: %s", old->tasks[i].task_id, e.text);
            continue;
        }
        old->tasks[i].removed = old->any_removed = true;
        if (!old->tasks[i].file_id[0])
            continue;
        kind = remove_one(api, "/api/v1/files/", old->tasks[i].file_id, &e);
        if (kind != ERR_NONE && kind != ERR_FILE_NOT_FOUND && kind != ERR_CONFLICT)
            output_warning(api->cli, "the older file %s stays: %s", old->tasks[i].file_id, e.text);
    }
}

static void old_done(struct old_tasks *old) {
    for (size_t i = 0; i < old->count; i++) {
        free(old->tasks[i].task_id);
        free(old->tasks[i].file_id);
    }
    free(old->tasks);
}

// ---- what is said

static void print_json(const struct api *api, const char *name, const struct deployed *d, const struct old_tasks *old) {
    AUTO_FREE char *path = api_path("/api/v1/tasks/", name, "/invoke");
    AUTO_FREE char *url = mem_printf("%s://%s%s", api->scheme, api->sms_addr, path);
    struct buf text;
    struct json_out *out = json_out_new();
    json_node *root = json_out_object(out);
    json_add_text(out, root, "name", name);
    json_add_text(out, root, "task_id", d->task_id);
    json_add_text(out, root, "file_id", d->file.id);
    json_add_text(out, root, "uri", d->file.uri);
    json_add_i64(out, root, "len", (int64_t)d->file.size_bytes);
    json_add_text(out, root, "checksum_sha256", d->file.sha256);
    json_add_text(out, root, "invoke_url", url);
    json_node *replaced = json_add_array(out, root, "replaced");
    for (size_t i = 0; i < old->count; i++)
        if (old->tasks[i].removed)
            json_push_string(out, replaced, span_of(old->tasks[i].task_id));
    buf_init(&text, OUTPUT_JSON_MAX);
    json_out_print(out, false, &text);
    output_json_line(buf_span(&text));
    buf_done(&text);
    json_out_free(out);
}

static void print_text(const struct api *api, const char *name, const char *endpoint, const struct deployed *d,
                       const struct old_tasks *old) {
    char size[OUTPUT_NUMBER_TEXT];
    AUTO_FREE char *path = api_path("/api/v1/tasks/", name, "/invoke");
    AUTO_FREE char *clean = output_clean(span_of(name));
    const char *green = output_color(api->cli->color_out, OUTPUT_GREEN);
    const char *plain = output_color(api->cli->color_out, OUTPUT_PLAIN);
    output_size(d->file.size_bytes, size);
    printf("%sdeployed%s %s%s\n", green, plain, clean, old->any_removed ? ", in place of the one before" : "");
    printf("  task  %s\n  file  %s (%s, sha256 %.12s…)\n", d->task_id, d->file.uri, size, d->file.sha256);
    printf("  call  spear invoke %s --data TEXT\n", clean);
    printf("        curl --data-binary @FILE %s://%s%s\n", api->scheme, api->sms_addr, path);
    if (endpoint[0])
        printf("        curl %s://%s/e/%s\n", api->scheme, api->sms_addr, endpoint);
}

// ---- the command

static char *default_name(const struct local_file *module) {
    struct span name = span_of(module->name);
    return span_dup(span_ends_with(name, ".wasm") && name.n > 5 ? span_slice(name, 0, name.n - 5) : name);
}

static int deploy_module(struct api *api, const struct args *args, const char *name, const struct local_file *module,
                         struct err *e) {
    struct old_tasks old = {.name = name};
    struct deployed made;
    const char *version = args_text(args, "version"), *endpoint = args_text(args, "endpoint");
    const char *priority = args_text(args, "priority");
    struct deployment d = {.module = module,
                           .task_name = name,
                           .version = version ? version : "1.0.0",
                           .endpoint = endpoint ? endpoint : "",
                           .priority = priority ? priority : "normal",
                           .flags = args};
    int result = args_has(args, "keep-old") ? 0 : find_old(api, &old, e);
    if (result == 0)
        result = deployment_make(api, &d, &made, e);
    if (result == 0) {
        remove_old(api, &old);
        if (api->cli->json)
            print_json(api, name, &made, &old);
        else if (api->cli->quiet)
            printf("%s\n", made.task_id);
        else
            print_text(api, name, d.endpoint, &made, &old);
    }
    old_done(&old);
    return result;
}

static int check_priority(const struct args *args, struct err *e) {
    static const char *const levels[] = {"low", "normal", "high", "urgent"};
    const char *priority = args_text(args, "priority");
    for (size_t i = 0; priority && i < COUNT_OF(levels); i++)
        if (strcmp(priority, levels[i]) == 0)
            return 0;
    return priority
               ? err_set(e, ERR_INVALID_CONFIGURATION, "--priority %s: low, normal, high or urgent is wanted", priority)
               : 0;
}

// What sms refuses in a registration came from the command line.
static int deploy_failed(const struct api *api, const struct err *e) {
    bool refused = e->kind == ERR_UNPROCESSABLE || e->kind == ERR_INVALID_CONFIGURATION;
    int code = output_error(api->cli, e,
                            refused ? "the flag of that field is to be corrected, see: spear help deploy" : api->hint);
    return refused && !api->cli->signal ? CLI_EXIT_USAGE : code;
}

static int run_deploy(struct cli *cli, const struct args *args) {
    struct err e;
    struct api api;
    struct local_file module;
    const char *hint = NULL;
    if (deployment_check_flags(args, &e) != 0 || check_priority(args, &e) != 0)
        return output_usage_error(cli, "deploy", &e);
    if (module_file_open(args->rest[0], &module, &hint, &e) != 0)
        return output_error(cli, &e, hint);
    AUTO_FREE char *name = args_has(args, "name") ? mem_strdup(args_text(args, "name")) : default_name(&module);
    int code = 0;
    if (api_init(&api, cli, cli->sms_addr, &e) != 0) {
        code = output_error(cli, &e, NULL);
    } else {
        if (deploy_module(&api, args, name, &module, &e) != 0)
            code = deploy_failed(&api, &e);
        api_done(&api);
    }
    local_file_done(&module);
    return output_finish(cli, code);
}

const struct command deploy_command = {
    .name = "deploy",
    .arguments = "MODULE [--name NAME]",
    .summary = "upload a module and register it as a task",
    .details =
        "The module is checked for its first bytes here, uploaded with its sha256, and registered. Older tasks of the\n"
        "same name, and their files when no other task names them, are removed once the new one is in place.\n"
        "\n"
        "  spear deploy hello.wasm --name hello\n"
        "  spear deploy hello.wasm --name hello --env GREETING=Hi --config limit.time_ms=5000",
    .flags = FLAG_SET(flags),
    .rest_min = 1,
    .rest_max = 1,
    .run = run_deploy,
};
