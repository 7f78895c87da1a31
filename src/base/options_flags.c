// The command line, through getopt_long(3) but stricter: a flag has to be written out, and positional arguments end it.
//
// getopt keeps its place in globals, so this is for the main thread only, as the command line itself.
#include "base/options_flags.h"

#include "base/buf.h"
#include "base/mem.h"

#include <getopt.h>

// The values that getopt_long returns: a character, one of these, or FIRST_SPEC + the spec's index.
enum { GIVEN_CONFIG = 256, GIVEN_PRINT_CONFIG, GIVEN_HELP, GIVEN_VERSION, FIRST_SPEC };
enum { COMMON_COUNT = 4 };

static const struct option common[COMMON_COUNT] = {
    {"config", required_argument, NULL, GIVEN_CONFIG},
    {"print-config", no_argument, NULL, GIVEN_PRINT_CONFIG},
    {"help", no_argument, NULL, GIVEN_HELP},
    {"version", no_argument, NULL, GIVEN_VERSION},
};

// The table for getopt_long, ended by an empty entry; the caller frees it.
static struct option *make_table(const struct option_program *program) {
    struct option *table = mem_calloc(COMMON_COUNT + program->spec_count + 1, sizeof *table);
    memcpy(table, common, sizeof common);
    for (size_t i = 0; i < program->spec_count; i++) {
        struct option *entry = &table[COMMON_COUNT + i];
        entry->name = program->specs[i].name;
        entry->has_arg = program->specs[i].type == OPTION_FLAG ? no_argument : required_argument;
        entry->val = FIRST_SPEC + (int)i;
    }
    return table;
}

// getopt_long accepts "--ht" for --http-addr; a later version's new flag would change what that means.
static const struct option *find_exact(const struct option *table, struct span argument) {
    struct span name = span_slice(argument, 2, argument.n);
    name = span_slice(name, 0, span_find(name, '='));
    for (; table->name; table++)
        if (span_equal_text(name, table->name))
            return table;
    return NULL;
}

static int unknown_flag(const struct option *table, struct span argument, struct err *e) {
    struct buf known;
    buf_init(&known, ERR_TEXT_MAX);
    for (const struct option *entry = table; entry->name; entry++)
        buf_printf(&known, "%s--%s", known.n ? ", " : "", entry->name);
    err_set(e, ERR_INVALID_CONFIGURATION, "unknown flag \"%.*s\"; known flags: %s",
            SPAN_ARGS(span_slice(argument, 0, 200)), buf_text(&known));
    buf_done(&known);
    return -1;
}

static void take(struct options_flags *flags, int given) {
    if (given == GIVEN_CONFIG)
        flags->config_path = optarg;
    else if (given == GIVEN_PRINT_CONFIG)
        flags->action = OPTIONS_PRINT_CONFIG;
    else if (given == GIVEN_HELP || given == 'h')
        flags->action = OPTIONS_HELP;
    else if (given == GIVEN_VERSION)
        flags->action = OPTIONS_VERSION;
    else
        flags->texts[given - FIRST_SPEC] = optarg ? optarg : "true";
}

// One flag: 1 when there may be more, 0 when the flags are over, -1 on an error.
static int next_flag(const struct option *table, int argc, char **argv, struct options_flags *flags, struct err *e) {
    struct span argument = span_of(argv[optind ? optind : 1]);
    int given = getopt_long(argc, argv, "+:h", table, NULL);
    if (given == -1)
        return 0;
    if (given != 'h' && !(span_starts_with(argument, "--") && find_exact(table, argument)))
        return unknown_flag(table, argument, e);
    if (given == ':')
        return err_set(e, ERR_INVALID_CONFIGURATION, "%.*s needs a value", SPAN_ARGS(argument));
    if (given == '?')
        return err_set(e, ERR_INVALID_CONFIGURATION, "--%s takes no value", find_exact(table, argument)->name);
    take(flags, given);
    return flags->action == OPTIONS_HELP || flags->action == OPTIONS_VERSION ? 0 : 1;
}

int options_flags_parse(const struct option_program *program, int argc, char **argv, struct options_flags *flags,
                        struct err *e) {
    AUTO_FREE struct option *table = make_table(program);
    optind = 0; // starts getopt anew
    opterr = 0;
    int status;
    do
        status = next_flag(table, argc, argv, flags, e);
    while (status > 0);
    flags->rest = optind;
    return status;
}
