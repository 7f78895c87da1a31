// spear run: one module, once, through the whole real path, and nothing stays.
//
// A private sms and spearlet on free ports, in a temporary directory (scratch.c) that goes away in every case; the module
// is uploaded, registered and invoked as on any other SPEAR. While spearlet starts, the upload is already under way.
#include "base/mem.h"
#include "cli/cluster.h"
#include "cli/deployment.h"
#include "cli/invocation.h"
#include "cli/output.h"
#include "cli/payload.h"
#include "cli/scratch.h"

#include <stdio.h>
#include <unistd.h>

enum { RUN_STOP_MS = 5000, UPLOAD_MIN_MAX = 64 * 1024 * 1024, ROOM_BYTES = 64 * 1024 * 1024 };

static const char task_name[] = "run";

static const struct flag flags[] = {
    {"env", 'e', "KEY=VALUE", "a variable of the guest's environment (may be repeated)"},
    {"config", 'c', "KEY=VALUE", "a limit or setting, such as limit.memory_bytes=1048576 (may be repeated)"},
    {"function", 0, "NAME", "call this export instead of the default entry"},
    {"params", 0, "JSON", "its parameters, such as '[2, 3]'; the results are printed as JSON"},
    {"header", 'H', "NAME:VALUE", "a header that the guest sees (may be repeated)"},
    {"timeout", 't', "TIME", "end the guest after so long (500ms, 30s); default: 30s"},
    {"limit", 0, "BYTES", "the largest stdin that is read; default: 16MiB"},
    {"require-sandbox", 0, "LEVEL", "full, best-effort or off: what to do where this machine lacks a part of it"},
    {"verbose", 'v', NULL, "show the logs of sms and spearlet"},
};

struct run {
    struct cli *cli;
    const struct args *args;
    struct local_file module;
    struct buf payload;
    uint64_t time_ms, limit_bytes;
    struct scratch *scratch;
    struct api api;
    struct cluster cluster;
    unsigned signals_before; // for is_interrupted
};

static void show_line(void *ctx, const struct child *child, struct span line) {
    const struct run *r = ctx;
    AUTO_FREE char *clean = output_clean(line);
    if (args_has(r->args, "verbose"))
        fprintf(stderr, "%s | %s\n", child_name(child), clean);
}

// ---- start

static int start_sms(struct run *r, struct err *e) {
    uint64_t upload_max = r->module.size_bytes > UPLOAD_MIN_MAX ? r->module.size_bytes : UPLOAD_MIN_MAX;
    struct cluster_config config = {.api = &r->api,
                                    .data_dir = scratch_path(r->scratch),
                                    .http_addr = "127.0.0.1:0",
                                    .spearlet_http_addr = "127.0.0.1:0",
                                    .require_sandbox = args_text(r->args, "require-sandbox"),
                                    .log_level = args_has(r->args, "verbose") ? "info" : "warn",
                                    .log_format = "text",
                                    .max_upload_bytes = upload_max,
                                    .home = scratch_path(r->scratch),
                                    .ends_at_once = true,
                                    .line = show_line,
                                    .ctx = r};
    if (cluster_init(&r->cluster, &config, e) != 0)
        return -1;
    int result = cluster_start_sms(&r->cluster, e);
    if (r->cluster.sms)
        scratch_used_by(r->scratch, child_pid(r->cluster.sms));
    return result;
}

static int start_node(struct run *r, struct err *e) {
    if (cluster_start_node(&r->cluster, e) != 0)
        return -1;
    scratch_used_by(r->scratch, child_pid(r->cluster.nodes[0]));
    return 0;
}

static int deploy(struct run *r, struct err *e) {
    struct deployed made;
    struct deployment d = {.module = &r->module,
                           .task_name = task_name,
                           .version = "1.0.0",
                           .endpoint = "",
                           .priority = "normal",
                           .guest_args = r->args->rest + 1,
                           .guest_arg_count = r->args->rest_count - 1,
                           .flags = r->args,
                           .time_ms = r->time_ms,
                           .payload_bytes = r->limit_bytes};
    return deployment_make(&r->api, &d, &made, e);
}

static int boot(struct run *r, struct err *e) {
    if (start_sms(r, e) != 0 || start_node(r, e) != 0 || deploy(r, e) != 0)
        return -1;
    return cluster_wait_node(&r->cluster, e) != 0 ? -1 : cluster_wait_registered(&r->cluster, e);
}

static int boot_failed(const struct run *r, const struct err *e) {
    struct child *suspect = r->cluster.supervisor ? cluster_suspect(&r->cluster) : NULL;
    bool its_fault = suspect && e->kind == ERR_INSTANCE_STARTUP_FAILED;
    if (its_fault && !r->cli->signal && !r->cli->json && !args_has(r->args, "verbose"))
        cluster_print_last_lines(r->cli, suspect);
    return output_error(r->cli, e,
                        r->cli->signal ? NULL
                        : its_fault    ? "the lines above are its last ones"
                                       : r->api.hint);
}

// ---- what the guest gave

static bool is_interrupted(void *ctx) {
    struct run *r = ctx;
    uv_run(&r->api.loop.uv, UV_RUN_NOWAIT);
    return r->api.signal_count != r->signals_before;
}

// False when the reader has gone or a signal came; *code says what that means for the shell.
static bool give(struct run *r, int fd, const struct buf *bytes, int *code) {
    struct err e;
    r->signals_before = r->api.signal_count;
    if (output_write(fd, buf_span(bytes), is_interrupted, r, &e))
        return true;
    *code = output_error(r->cli, &e, NULL);
    return false;
}

static const char *hint_for(const struct run *r, enum err_kind kind) {
    switch (kind) {
    case ERR_RUNTIME_ERROR:
        return "what the guest wrote until then is above";
    case ERR_EXECUTION_TIMEOUT:
        return "give it more time with --timeout";
    case ERR_RESOURCE_EXHAUSTED:
        return "raise the limit it names with --config KEY=VALUE";
    case ERR_INVALID_REQUEST:
        return "choose an export with --function and --params";
    case ERR_PAYLOAD_TOO_LARGE:
        return "allow more with --limit";
    case ERR_INVALID_CONFIGURATION:
        return "the module cannot run here as it is; see docs/guests.md for what a module may import";
    default:
        return r->api.hint;
    }
}

static int report(struct run *r, struct invocation_result *result) {
    struct err e = result->error;
    int code = invocation_exit_code(result);
    const struct buf *output = r->cli->json ? &result->record : &result->output;
    if (r->cli->json || result->results.n)
        buf_append_char(r->cli->json ? &result->record : &result->results, '\n');
    if (!give(r, STDOUT_FILENO, output, &code) || (!r->cli->json && !give(r, STDOUT_FILENO, &result->results, &code)))
        return code;
    if (!r->cli->json && !give(r, STDERR_FILENO, &result->log, &code))
        return code;
    invocation_warn_of_loss(r->cli, result);
    if (e.kind == ERR_NONE || (result->exit_code && !r->cli->json))
        return code; // a guest's exit code speaks for itself
    err_wrap(&e, "%s", err_kind_info(e.kind)->name);
    output_error(r->cli, &e, r->cli->signal ? NULL : hint_for(r, e.kind));
    return r->cli->signal ? 128 + r->cli->signal : code;
}

static int invoke(struct run *r) {
    struct invocation_result result;
    struct invocation invocation = {.task = task_name,
                                    .function = args_text(r->args, "function"),
                                    .params = args_text(r->args, "params"),
                                    .payload = buf_span(&r->payload),
                                    .flags = r->args,
                                    .want_record = true};
    invocation_run(&r->api, &invocation, &result);
    int code = report(r, &result);
    invocation_result_done(&result);
    return code;
}

// ---- the course of things

static int in_scratch(struct run *r) {
    struct err e;
    if (api_init(&r->api, r->cli, NULL, &e) != 0)
        return output_error(r->cli, &e, NULL);
    int code = boot(r, &e) == 0 ? invoke(r) : boot_failed(r, &e);
    if (r->cluster.supervisor) {
        cluster_stop(&r->cluster, RUN_STOP_MS);
        cluster_done(&r->cluster);
    }
    api_done(&r->api);
    return code;
}

static int read_flags(struct run *r, struct err *e) {
    r->limit_bytes = 0;
    if (deployment_check_flags(r->args, e) != 0 || invocation_check_flags(r->args, e) != 0 ||
        args_duration_ms(r->args, "timeout", &r->time_ms, e) != 0)
        return -1;
    return args_bytes(r->args, "limit", &r->limit_bytes, e);
}

static int with_module(struct run *r) {
    struct err e;
    buf_init(&r->payload, r->limit_bytes ? r->limit_bytes : PAYLOAD_DEFAULT_MAX);
    if (!isatty(STDIN_FILENO) && payload_read(STDIN_FILENO, "stdin", &r->payload, &e) != 0)
        return output_error(r->cli, &e, e.kind == ERR_PAYLOAD_TOO_LARGE ? "allow more with --limit" : NULL);
    if (scratch_new("run", ROOM_BYTES + 4 * r->module.size_bytes, &r->scratch, &e) != 0)
        return output_error(r->cli, &e, "set TMPDIR to a directory that can be written");
    int code = in_scratch(r);
    scratch_free(r->scratch);
    return code;
}

static int run_run(struct cli *cli, const struct args *args) {
    struct err e;
    struct run r = {.cli = cli, .args = args};
    const char *hint = NULL;
    if (read_flags(&r, &e) != 0)
        return output_usage_error(cli, "run", &e);
    cli->no_progress = true;
    if (module_file_open(args->rest[0], &r.module, &hint, &e) != 0)
        return output_error(cli, &e, hint);
    int code = with_module(&r);
    buf_done(&r.payload);
    local_file_done(&r.module);
    return code;
}

const struct command run_command = {
    .name = "run",
    .arguments = "MODULE [ARGS...]",
    .summary = "run a module once: stdin, stdout and exit code are its own",
    .details =
        "Everything behind MODULE belongs to the guest, flags and -- too. stdin is its payload, unless it is a "
        "terminal;\n"
        "what the guest writes to stdout and stderr comes out here, and its exit code is ours. A private sms and\n"
        "spearlet are started for it and leave nothing behind. --json prints the execution's record instead.\n"
        "\n"
        "  echo hello | spear run hello.wasm world\n"
        "  spear run --env GREETING=Hi --timeout 5s hello.wasm\n"
        "  spear run --function add --params '[2, 3]' add.wasm",
    .flags = FLAG_SET(flags),
    .rest_min = 1,
    .rest_max = 1,
    .guest_arguments = true,
    .run = run_run,
};
