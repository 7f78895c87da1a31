// spear: the command line of SPEAR. This file finds the command and reads the flags that all of them have.
//
// A command is a file of its own (run.c, files.c, …) with its flags, its help and what it does; it is listed here.
#include "base/address.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/version.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "model/token.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

enum { FLAG_COLUMN = 26, COMMAND_COLUMN = 13, NAME_MAX_BYTES = 64 };

static const struct command version_command, help_command;

static const struct command *const commands[] = {
    &run_command,        &up_command,           &deploy_command,    &invoke_command,   &files_ls_command,
    &files_put_command,  &files_get_command,    &files_rm_command,  &tasks_ls_command, &tasks_get_command,
    &tasks_rm_command,   &nodes_ls_command,     &nodes_get_command, &nodes_rm_command, &token_create_command,
    &token_list_command, &token_revoke_command, &audit_command,     &version_command,  &help_command,
};

static const struct flag global_flags[] = {
    {"sms-addr", 0, "HOST:PORT",
     "where sms serves, https:// before it for TLS; default: $SPEAR_SMS_ADDR, else 127.0.0.1:8080"},
    {"ca", 0, "FILE", "authorities (PEM) that https trusts, in place of the system's; default: $SPEAR_CA"},
    {"cert", 0, "FILE", "a client certificate (PEM) for https; default: $SPEAR_CERT"},
    {"key", 0, "FILE", "its private key (PEM); default: $SPEAR_KEY"},
    {"token", 0, "TOKEN",
     "shown to sms; others on this machine can see it: --token-file is better; default: $SPEAR_TOKEN"},
    {"token-file", 0, "FILE", "the file that holds it; default: $SPEAR_TOKEN_FILE"},
    {"json", 0, NULL, "results and errors as JSON"},
    {"quiet", 'q', NULL, "only what was asked for; lists give ids alone"},
    {"no-color", 0, NULL, "no colours, as with $NO_COLOR"},
    {"help", 'h', NULL, "this help"},
    {"version", 'V', NULL, "the version"},
};

// ---- help

static void print_flags(FILE *to, const struct flag_set *set) {
    for (size_t i = 0; i < set->count; i++) {
        const struct flag *f = &set->flags[i];
        char left[NAME_MAX_BYTES];
        snprintf(left, sizeof left, "%c%c%s--%s %s", f->letter ? '-' : ' ', f->letter ? f->letter : ' ',
                 f->letter ? ", " : "  ", f->name, f->argument ? f->argument : "");
        fprintf(to, "  %-*s %s\n", FLAG_COLUMN, left, f->help);
    }
}

static void print_overview(FILE *to) {
    char group[NAME_MAX_BYTES] = "";
    fprintf(to, "usage: spear COMMAND [flags] [arguments]\n\n"
                "Runs WebAssembly functions, on this machine or on a cluster.\n\ncommands:\n");
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        struct span name = span_of(commands[i]->name), first = span_slice(name, 0, span_find(name, ' '));
        if (!span_equal_text(first, group) && (first.n != name.n || group[0]))
            fprintf(to, "\n");
        snprintf(group, sizeof group, "%.*s", first.n == name.n ? 0 : (int)first.n, first.p);
        fprintf(to, "  %-*s %s\n", COMMAND_COLUMN, commands[i]->name, commands[i]->summary);
    }
    fprintf(to, "\nflags of every command:\n");
    print_flags(to, &(struct flag_set)FLAG_SET(global_flags));
    fprintf(to, "\n  spear run hello.wasm          run a module once, no server needed\n"
                "  spear up                      start SPEAR here\n"
                "  spear help COMMAND            more about one command\n");
}

static void print_command_help(FILE *to, const struct command *c) {
    fprintf(to, "usage: spear %s%s%s%s\n\n%s\n", c->name, c->flags.count ? " [flags]" : "", c->arguments[0] ? " " : "",
            c->arguments, c->summary);
    if (c->details)
        fprintf(to, "\n%s\n", c->details);
    if (c->flags.count) {
        fprintf(to, "\nflags:\n");
        print_flags(to, &c->flags);
    }
    fprintf(to, "\nflags of every command:\n");
    print_flags(to, &(struct flag_set)FLAG_SET(global_flags));
}

// ---- finding a command

// The command whose name is the first word, or the first two; *ret_words tells how many.
static const struct command *find_command(char *const words[], size_t count, size_t *ret_words) {
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        char name[NAME_MAX_BYTES];
        bool two = strchr(commands[i]->name, ' ') != NULL;
        if (two && count < 2)
            continue;
        snprintf(name, sizeof name, "%s%s%s", words[0], two ? " " : "", two ? words[1] : "");
        if (strcmp(name, commands[i]->name) == 0) {
            *ret_words = two ? 2 : 1;
            return commands[i];
        }
    }
    return NULL;
}

// The names that a word could have been meant for: all first words, or the second words behind a known first one.
static size_t candidate_names(const char *group, const char *names[], char store[][NAME_MAX_BYTES]) {
    size_t count = 0;
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        struct span name = span_of(commands[i]->name), first = span_slice(name, 0, span_find(name, ' '));
        struct span part = group ? span_slice(name, first.n + 1, name.n) : first;
        if (group && (!span_equal_text(first, group) || part.n == 0))
            continue;
        snprintf(store[count], NAME_MAX_BYTES, "%.*s", SPAN_ARGS(part));
        names[count] = store[count];
        count++;
    }
    return count;
}

static const char *subcommands_of(const char *group) {
    if (strcmp(group, "token") == 0)
        return "create, list, revoke";
    return strcmp(group, "files") == 0 ? "ls, get, rm, put" : "ls, get, rm";
}

static int unknown_command(const struct cli *cli, char *const words[], size_t count) {
    struct err e;
    const char *names[COUNT_OF(commands)];
    char store[COUNT_OF(commands)][NAME_MAX_BYTES];
    size_t in_group = candidate_names(words[0], names, store);
    if (in_group && count < 2) {
        err_set(&e, ERR_INVALID_CONFIGURATION, "spear %s needs one of: %s", words[0], subcommands_of(words[0]));
        return output_usage_error(cli, "", &e);
    }
    const char *word = in_group ? words[1] : words[0];
    const char *nearest = args_nearest(word, names, in_group ? in_group : candidate_names(NULL, names, store));
    err_set(&e, ERR_INVALID_CONFIGURATION, "unknown command \"%s%s%s\"%s%s%s%s", in_group ? words[0] : "",
            in_group ? " " : "", word, nearest ? "; did you mean: spear " : "", nearest && in_group ? words[0] : "",
            nearest && in_group ? " " : "", nearest ? nearest : "");
    return output_usage_error(cli, "", &e);
}

// ---- the small commands

static int run_version(struct cli *cli, const struct args *args) {
    (void)args;
    if (cli->json)
        printf("{\"version\":\"%s\"}\n", SPEAR_VERSION);
    else
        printf("spear %s\n", SPEAR_VERSION);
    return output_finish(cli, 0);
}

static int run_help(struct cli *cli, const struct args *args) {
    size_t words;
    if (args->rest_count == 0) {
        print_overview(stdout);
        return output_finish(cli, 0);
    }
    const struct command *c = find_command(args->rest, args->rest_count, &words);
    if (c) {
        print_command_help(stdout, c);
        return output_finish(cli, 0);
    }
    bool found = false;
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        struct span name = span_of(commands[i]->name);
        if (span_equal_text(span_slice(name, 0, span_find(name, ' ')), args->rest[0])) {
            printf("  %-*s %s\n", COMMAND_COLUMN, commands[i]->name, commands[i]->summary);
            found = true;
        }
    }
    return found ? output_finish(cli, 0) : unknown_command(cli, args->rest, args->rest_count);
}

static const struct command version_command = {
    .name = "version", .arguments = "", .summary = "the version of this program", .run = run_version};
static const struct command help_command = {
    .name = "help", .arguments = "[COMMAND]", .summary = "what a command does", .rest_max = 2, .run = run_help};

// ---- from the command line to a command

static bool has_word(int argc, char **argv, const char *word) {
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], word) == 0)
            return true;
    return false;
}

static void set_up(struct cli *cli, int argc, char **argv) {
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM"), *address = getenv("SPEAR_SMS_ADDR");
    bool color = !(no_color && no_color[0]) && !(term && strcmp(term, "dumb") == 0);
    cli->stdout_tty = isatty(STDOUT_FILENO);
    cli->stderr_tty = isatty(STDERR_FILENO);
    cli->color_out = color && cli->stdout_tty;
    cli->color_err = color && cli->stderr_tty;
    cli->sms_addr = address && address[0] ? address : "127.0.0.1:8080";
    cli->json = has_word(argc, argv, "--json"); // for errors in the command line itself
    sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
}

// A flag, else the variable, else NULL.
static const char *file_setting(const struct args *args, const char *flag, const char *variable) {
    const char *given = args_text(args, flag), *environment = getenv(variable);
    if (given)
        return given[0] ? given : NULL;
    return environment && environment[0] ? environment : NULL;
}

static int apply_tls(struct cli *cli, const struct args *args, struct err *e) {
    static const char scheme[] = "https://";
    cli->https = span_starts_with(span_of(cli->sms_addr), scheme);
    if (cli->https) {
        cli->sms_addr += sizeof scheme - 1;
        size_t n = strlen(cli->sms_addr);
        if (n && cli->sms_addr[n - 1] == '/')
            return err_set(e, ERR_INVALID_CONFIGURATION, "sms address https://%s: nothing may stand behind the port",
                           cli->sms_addr);
    }
    cli->ca = file_setting(args, "ca", "SPEAR_CA");
    cli->cert = file_setting(args, "cert", "SPEAR_CERT");
    cli->key = file_setting(args, "key", "SPEAR_KEY");
    if (!cli->cert != !cli->key)
        return err_set(e, ERR_INVALID_CONFIGURATION, "--cert and --key go together; --%s is missing",
                       cli->cert ? "key" : "cert");
    return 0;
}

static int apply_globals(struct cli *cli, const struct args *args, struct err *e) {
    const char *address = args_text(args, "sms-addr");
    cli->json = args_has(args, "json");
    cli->quiet = args_has(args, "quiet");
    if (args_has(args, "no-color"))
        cli->color_out = cli->color_err = false;
    if (address)
        cli->sms_addr = address;
    if (apply_tls(cli, args, e) != 0)
        return -1;
    struct span a = span_of(cli->sms_addr), host = {0};
    uint16_t port;
    if (span_starts_with(a, "http://"))
        return err_set(e, ERR_INVALID_CONFIGURATION, "sms address %s: HOST:PORT is wanted, without http://",
                       cli->sms_addr);
    if (!address_split(a, &host, &port) || port == 0)
        return err_set(e, ERR_INVALID_CONFIGURATION, "sms address %s: HOST:PORT is wanted", cli->sms_addr);
    return 0;
}

// The flags win over the variables. The text itself is never part of an error.
static int find_token(struct cli *cli, const struct args *args, struct err *e) {
    const char *text = args_text(args, "token"), *file = args_text(args, "token-file");
    if (!text && !file)
        text = getenv("SPEAR_TOKEN");
    if (!file && !(text && text[0]))
        file = getenv("SPEAR_TOKEN_FILE");
    if (text && text[0])
        cli->token = mem_strdup(text);
    else if (file && file[0] && file_read_secret(file, TOKEN_TEXT, &cli->token, e) != 0)
        return err_wrap(e, "the file of the token");
    if (cli->token && !token_valid(span_of(cli->token)))
        return err_set(e, ERR_INVALID_CONFIGURATION, "%s%s is no token of SPEAR: spear_ID_SECRET is wanted",
                       text && text[0] ? "what --token or $SPEAR_TOKEN gives" : "what stands in ",
                       text && text[0] ? "" : file);
    return 0;
}

static int check_rest(const struct command *c, const struct args *args, struct err *e) {
    if (args->rest_count < c->rest_min)
        return err_set(e, ERR_INVALID_CONFIGURATION, "spear %s needs %s", c->name, c->arguments);
    if (args->rest_count > c->rest_max && !c->guest_arguments)
        return err_set(e, ERR_INVALID_CONFIGURATION, "spear %s: \"%s\" is one argument too many", c->name,
                       args->rest[c->rest_max]);
    return 0;
}

// Flags before the command and behind it are read together; only the command's own come with it.
static int run_command_words(struct cli *cli, struct args *args, const struct command *c, char **words, size_t count) {
    struct err e;
    const struct flag_set sets[] = {c->flags, FLAG_SET(global_flags)}; // a command's own --version comes first
    if (args_parse(args, sets, COUNT_OF(sets), words, count, c->guest_arguments ? ARGS_STOP_AT_FIRST : ARGS_ALL, &e) !=
        0)
        return output_usage_error(cli, c->name, &e);
    if (args_has(args, "help")) {
        print_command_help(stdout, c);
        return output_finish(cli, 0);
    }
    if (args_has(args, "version") && !args_text(args, "version"))
        return run_version(cli, args);
    if (apply_globals(cli, args, &e) != 0 || find_token(cli, args, &e) != 0 || check_rest(c, args, &e) != 0)
        return output_usage_error(cli, c->name, &e);
    return c->run(cli, args);
}

static int run_words(struct cli *cli, struct args *globals, struct args *args, int argc, char **argv) {
    struct err e;
    const struct flag_set set = FLAG_SET(global_flags);
    size_t taken;
    if (args_parse(globals, &set, 1, argv + 1, (size_t)(argc - 1), ARGS_STOP_AT_FIRST, &e) != 0)
        return output_usage_error(cli, "", &e);
    if (globals->rest_count == 0 && args_has(globals, "version"))
        return run_version(cli, globals);
    if (globals->rest_count == 0) {
        bool asked = args_has(globals, "help");
        print_overview(asked ? stdout : stderr);
        return asked ? output_finish(cli, 0) : CLI_EXIT_USAGE;
    }
    const struct command *c = find_command(globals->rest, globals->rest_count, &taken);
    bool asks_group = !c && globals->rest_count == 2 &&
                      (strcmp(globals->rest[1], "--help") == 0 || strcmp(globals->rest[1], "-h") == 0);
    if (asks_group)
        globals->rest_count = 1;
    if (asks_group)
        return run_help(cli, globals);
    if (!c)
        return unknown_command(cli, globals->rest, globals->rest_count);
    for (size_t i = 0; i < globals->value_count; i++) {
        args->values = mem_realloc(args->values, (i + 1) * sizeof *args->values);
        args->values[args->value_count++] = globals->values[i];
    }
    return run_command_words(cli, args, c, globals->rest + taken, globals->rest_count - taken);
}

int main(int argc, char **argv) {
    struct cli cli = {0};
    struct args globals = {0}, args = {0};
    file_keep_standard_descriptors();
    set_up(&cli, argc, argv);
    int code = run_words(&cli, &globals, &args, argc, argv);
    args_done(&args);
    args_done(&globals);
    file_secret_free(cli.token);
    return code;
}
