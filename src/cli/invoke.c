// spear invoke: a payload to a task, its output to stdout.
//
// How the call is made is invocation.c; here are the flags and what is printed.
#include "base/mem.h"
#include "cli/invocation.h"
#include "cli/output.h"
#include "cli/payload.h"

#include <stdio.h>
#include <unistd.h>

static const struct flag flags[] = {
    {"data", 'd', "TEXT", "the payload; - is stdin"},
    {"data-file", 'f', "FILE", "the payload is a file's content; - is stdin"},
    {"function", 0, "NAME", "call this export instead of the default entry"},
    {"params", 0, "JSON", "its parameters, such as '[2, 3]'; the results are printed as JSON"},
    {"header", 'H', "NAME:VALUE", "a header that the guest sees (may be repeated)"},
    {"timeout", 't', "TIME", "give up after so long (500ms, 30s); default: the task's limit"},
    {"limit", 0, "BYTES", "the largest payload that is sent; default: 16MiB"},
    {"log", 0, NULL, "show the guest's stderr, too, when it succeeds"},
};

enum { TIMEOUT_MAX_MS = 24 * 60 * 60 * 1000 }; // what a node takes

static int read_timeout(const struct args *args, uint64_t *ret_ms, struct err *e) {
    if (args_duration_ms(args, "timeout", ret_ms, e) != 0)
        return -1;
    if (*ret_ms > TIMEOUT_MAX_MS)
        return err_set(e, ERR_INVALID_CONFIGURATION, "--timeout %s: at most 24h is allowed",
                       args_text(args, "timeout"));
    return 0;
}

static int read_payload(const struct args *args, struct buf *payload, struct err *e) {
    const char *data = args_text(args, "data"), *file = args_text(args, "data-file");
    if (data && file)
        return err_set(e, ERR_INVALID_CONFIGURATION, "--data and --data-file exclude each other");
    if (file || (data && strcmp(data, "-") == 0))
        return payload_read_file(file ? file : data, payload, e);
    if (data && buf_append_text(payload, data) != 0)
        return err_set(e, ERR_PAYLOAD_TOO_LARGE, "--data has more than %zu bytes", payload->max);
    return 0;
}

// On a terminal the next prompt starts on a line of its own.
static void print_output(const struct cli *cli, const struct invocation_result *result) {
    const struct buf *output = &result->output;
    output_put(stdout, buf_span(output));
    if (result->results.n)
        printf("%s\n", buf_text(&result->results));
    else if (cli->stdout_tty && output->n && output->p[output->n - 1] != '\n')
        putchar('\n');
}

static const char *hint_for(const struct api *api, const struct invocation_result *result) {
    if (result->exit_code)
        return ""; // the guest's own word
    switch (result->error.kind) {
    case ERR_INVALID_REQUEST:
        return "choose an export with --function and --params";
    case ERR_INVALID_CONFIGURATION:
        return "the module cannot run as it was deployed; see docs/guests.md for what a module may import";
    case ERR_RESOURCE_EXHAUSTED:
        return "raise the limit it names: spear deploy MODULE --config KEY=VALUE";
    default:
        return api->hint;
    }
}

static void print_failure(const struct api *api, const char *task, struct invocation_result *result) {
    struct err e = result->error;
    if (result->exit_code)
        err_set(&e, e.kind, "%s ended with exit code %d", task, result->exit_code);
    else
        err_wrap(&e, "%s", err_kind_info(e.kind)->name);
    output_error(api->cli, &e, hint_for(api, result));
}

static int invoke_task(struct api *api, const struct invocation *invocation, bool show_log) {
    struct invocation_result result;
    struct cli *cli = api->cli;
    int outcome = invocation_run(api, invocation, &result);
    if (cli->json && result.record.n)
        output_json_line(buf_span(&result.record));
    else
        print_output(cli, &result);
    fflush(stdout);
    if (!cli->json && (show_log || outcome != 0))
        output_put(stderr, buf_span(&result.log));
    if (show_log || outcome != 0)
        invocation_warn_of_loss(cli, &result);
    if (outcome != 0)
        print_failure(api, invocation->task, &result);
    int code = cli->signal ? 128 + cli->signal : invocation_exit_code(&result);
    invocation_result_done(&result);
    return code;
}

static int with_payload(struct cli *cli, const struct args *args, struct buf *payload) {
    struct err e;
    struct api api;
    struct invocation invocation = {.task = args->rest[0],
                                    .function = args_text(args, "function"),
                                    .params = args_text(args, "params"),
                                    .flags = args,
                                    .want_record = args_has(args, "log") || cli->json};
    if (invocation_check_flags(args, &e) != 0 || read_timeout(args, &invocation.timeout_ms, &e) != 0)
        return output_usage_error(cli, "invoke", &e);
    if (read_payload(args, payload, &e) != 0)
        return output_error(cli, &e, e.kind == ERR_PAYLOAD_TOO_LARGE ? "allow more with --limit" : "spear help invoke");
    invocation.payload = buf_span(payload);
    if (api_init(&api, cli, cli->sms_addr, &e) != 0)
        return output_error(cli, &e, NULL);
    int code = invoke_task(&api, &invocation, args_has(args, "log"));
    api_done(&api);
    return output_finish(cli, code);
}

static int run_invoke(struct cli *cli, const struct args *args) {
    struct err e;
    struct buf payload;
    uint64_t limit = PAYLOAD_DEFAULT_MAX;
    if (args_bytes(args, "limit", &limit, &e) != 0)
        return output_usage_error(cli, "invoke", &e);
    buf_init(&payload, limit);
    int code = with_payload(cli, args, &payload);
    buf_done(&payload);
    return code;
}

const struct command invoke_command = {
    .name = "invoke",
    .arguments = "TASK",
    .summary = "call a task by name or id; its output goes to stdout",
    .details =
        "The payload is --data or --data-file, else empty. A guest that fails gives its own exit code, and its log\n"
        "on stderr. --json prints the execution's record.\n"
        "\n"
        "  spear invoke hello --data 'some text'\n"
        "  spear invoke resize --data-file photo.jpg > small.jpg\n"
        "  spear invoke add --function add --params '[2, 3]'",
    .flags = FLAG_SET(flags),
    .rest_min = 1,
    .rest_max = 1,
    .run = run_invoke,
};
