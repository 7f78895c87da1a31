// base/options.h: which source wins, what is refused and how it is said, what --help and --print-config show.
#include "unit.h"

#include "base/options.h"

static const struct option_spec specs[] = {
    {.name = "http-addr",
     .environment = "UNIT_HTTP_ADDR",
     .type = OPTION_ADDRESS,
     .default_value = "127.0.0.1:8080",
     .argument = "HOST:PORT",
     .help = "where to listen"},
    {.name = "data-dir", .environment = "UNIT_DATA_DIR", .type = OPTION_TEXT, .argument = "DIR", .help = "the data"},
    {.name = "max-bytes",
     .environment = "UNIT_MAX_BYTES",
     .type = OPTION_BYTES,
     .default_value = "64MiB",
     .min = 1,
     .max = 1 << 30,
     .argument = "BYTES",
     .help = "the ceiling"},
    {.name = "timeout",
     .environment = "UNIT_TIMEOUT",
     .type = OPTION_DURATION_MS,
     .default_value = "90s",
     .min = 1000,
     .argument = "DURATION",
     .help = "how long"},
    {.name = "level",
     .environment = "UNIT_LEVEL",
     .type = OPTION_CHOICE,
     .default_value = "info",
     .choices = "error|warn|info",
     .help = "how much"},
    {.name = "nodes", .type = OPTION_COUNT, .default_value = "1", .max = 9, .argument = "N", .help = "how many"},
    {.name = "verbose", .environment = "UNIT_VERBOSE", .type = OPTION_FLAG, .help = "more"},
    {.name = "sandbox.mode", .type = OPTION_TEXT, .default_value = "on", .argument = "MODE", .help = "the sandbox"},
};

static const struct option_program program = {.name = "unit",
                                              .usage = "usage: unit [options]",
                                              .summary = "Tests options.",
                                              .default_config_path = "~/unit.toml",
                                              .config_environment = "UNIT_CONFIG",
                                              .specs = specs,
                                              .spec_count = COUNT_OF(specs)};

static char *directory, *config_path;

static int set_up(void **state) {
    (void)state;
    directory = unit_directory();
    config_path = file_join(directory, "unit.toml");
    setenv("HOME", directory, 1);
    for (size_t i = 0; i < COUNT_OF(specs); i++)
        if (specs[i].environment)
            unsetenv(specs[i].environment);
    unsetenv("UNIT_CONFIG");
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    unit_directory_done(directory);
    free(config_path);
    return 0;
}

static void write_config(const char *text) {
    assert_int_equal(file_write_atomic(config_path, span_of(text), 0600, NULL), 0);
}

enum { ARGUMENTS_MAX = 16 };

// Parses a command line written with blanks between its arguments.
static int parse(const char *line, struct options **ret, int *ret_rest, struct err *e) {
    static char copies[ARGUMENTS_MAX][256];
    static char name[] = "unit";
    char *argv[ARGUMENTS_MAX + 2] = {name};
    int argc = 1;
    struct span rest = span_of(line), part;
    while (span_next(&rest, ' ', &part)) {
        snprintf(copies[argc], sizeof copies[argc], "%.*s", SPAN_ARGS(part));
        argv[argc] = copies[argc];
        argc++;
    }
    return options_parse(&program, argc, argv, ret, ret_rest, e);
}

static struct options *parse_well(const char *line) {
    struct options *o = NULL;
    struct err e;
    if (parse(line, &o, NULL, &e) < 0)
        fail_msg("%s", e.text);
    return o;
}

static void expect_refusal(const char *line, const char *said) {
    struct options *o = NULL;
    struct err e;
    assert_int_equal(parse(line, &o, NULL, &e), -1);
    assert_null(o);
    assert_int_equal(e.kind, ERR_INVALID_CONFIGURATION);
    if (!strstr(e.text, said))
        fail_msg("\"%s\" does not hold \"%s\"", e.text, said);
}

static void test_defaults(void **state) {
    (void)state;
    struct options *o = parse_well("");
    assert_int_equal(options_action(o), OPTIONS_RUN);
    assert_string_equal(options_text(o, "http-addr"), "127.0.0.1:8080");
    assert_null(options_text(o, "data-dir"));
    assert_int_equal(options_number(o, "max-bytes"), 64 << 20);
    assert_int_equal(options_number(o, "timeout"), 90000);
    assert_false(options_flag(o, "verbose"));
    assert_false(options_is_set(o, "http-addr"));
    options_free(o);
    options_free(NULL);
}

static void test_precedence(void **state) {
    (void)state;
    write_config("data_dir = \"file\"\nlevel = \"warn\"\nnodes = 3\nverbose = true\n[sandbox]\nmode = \"off\"\n");
    setenv("UNIT_DATA_DIR", "environment", 1);
    setenv("UNIT_LEVEL", "error", 1);
    setenv("UNIT_MAX_BYTES", "", 1); // counts as unset
    struct options *o = parse_well("--data-dir=flag --timeout 2m --data-dir last");
    assert_string_equal(options_text(o, "data-dir"), "last");
    assert_string_equal(options_text(o, "level"), "error");
    assert_int_equal(options_number(o, "nodes"), 3);
    assert_int_equal(options_number(o, "timeout"), 120000);
    assert_true(options_flag(o, "verbose"));
    assert_string_equal(options_text(o, "sandbox.mode"), "off");
    assert_false(options_is_set(o, "max-bytes"));
    assert_true(options_is_set(o, "nodes"));
    options_free(o);
}

static void test_flag_without_argument(void **state) {
    (void)state;
    struct options *o = parse_well("--verbose");
    assert_true(options_flag(o, "verbose"));
    options_free(o);
    expect_refusal("--verbose=true", "--verbose takes no value");
}

static void test_config_path(void **state) {
    (void)state;
    AUTO_FREE char *other = file_join(directory, "other.toml");
    AUTO_FREE char *line = mem_printf("--config %s", other);
    expect_refusal(line, other); // asked for: has to be there
    setenv("UNIT_CONFIG", other, 1);
    expect_refusal("", other);
    assert_int_equal(file_write_atomic(other, span_of("nodes = 5"), 0600, NULL), 0);
    write_config("nodes = 4");
    struct options *o = parse_well("--config ~/unit.toml");
    assert_int_equal(options_number(o, "nodes"), 4);
    options_free(o);
    o = parse_well("");
    assert_int_equal(options_number(o, "nodes"), 5);
    options_free(o);
}

static void test_refused_flags(void **state) {
    (void)state;
    expect_refusal("--htp-addr x", "unknown flag \"--htp-addr\"; known flags: --config");
    expect_refusal("--http x", "unknown flag \"--http\""); // no abbreviations
    expect_refusal("-x", "unknown flag \"-x\"");
    expect_refusal("--data-dir", "--data-dir needs a value");
    expect_refusal("--http-addr abc", "--http-addr: \"abc\" is not HOST:PORT");
    expect_refusal("--max-bytes 12x", "--max-bytes: \"12x\" is not a size");
    expect_refusal("--max-bytes 0", "is below the least allowed, 1 bytes");
    expect_refusal("--max-bytes 2GiB", "is above the most allowed, 1073741824 bytes");
    expect_refusal("--timeout 1w", "is not a duration");
    expect_refusal("--timeout 500ms", "is below the least allowed, 1000 milliseconds");
    expect_refusal("--level debug", "--level: \"debug\" is not one of error|warn|info");
    expect_refusal("--nodes ten", "\"ten\" is not a whole number");
    expect_refusal("stray", "unexpected argument \"stray\"");
    expect_refusal("-- --nodes", "unexpected argument \"--nodes\"");
}

static void test_refused_elsewhere(void **state) {
    (void)state;
    write_config("\n\nhtp_addr = \"x\"\n");
    AUTO_FREE char *unknown =
        mem_printf("%s:3: unknown key \"htp_addr\"; known keys: http_addr, data_dir", config_path);
    expect_refusal("", unknown);
    write_config("nodes = 3\nhttp_addr = 8080\n");
    AUTO_FREE char *bad = mem_printf("%s:2: http_addr: \"8080\" is not HOST:PORT", config_path);
    expect_refusal("", bad);
    expect_refusal("--http-addr a:1", bad); // also when a flag overrides it
    write_config("");
    setenv("UNIT_VERBOSE", "yes", 1);
    expect_refusal("", "UNIT_VERBOSE: \"yes\" is not true or false");
}

static void test_rest(void **state) {
    (void)state;
    struct options *o = NULL;
    int rest = 0;
    assert_int_equal(parse("--nodes 2 run --verbose x", &o, &rest, NULL), 0);
    assert_int_equal(rest, 3);
    assert_false(options_flag(o, "verbose"));
    options_free(o);
    assert_int_equal(parse("--nodes 2", &o, &rest, NULL), 0);
    assert_int_equal(rest, 3);
    options_free(o);
    assert_int_equal(parse("-- --nodes", &o, &rest, NULL), 0);
    assert_int_equal(rest, 2);
    options_free(o);
}

static void test_actions(void **state) {
    (void)state;
    static const struct {
        const char *line;
        enum options_action action;
    } rows[] = {{"--help --nonsense", OPTIONS_HELP},
                {"-h", OPTIONS_HELP},
                {"--version", OPTIONS_VERSION},
                {"--print-config --nodes 2", OPTIONS_PRINT_CONFIG}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct options *o = parse_well(rows[i].line);
        assert_int_equal(options_action(o), rows[i].action);
        options_free(o);
    }
    write_config("broken");
    struct options *o = parse_well("--help"); // does not read the file
    options_free(o);
}

static char *printed(const struct options *o) {
    char *text = NULL;
    size_t n = 0;
    FILE *to = open_memstream(&text, &n);
    if (o)
        options_print_config(o, to);
    else
        options_print_help(&program, to);
    fclose(to);
    return text;
}

static void test_print_config(void **state) {
    (void)state;
    write_config("\nnodes = 3\n");
    setenv("UNIT_DATA_DIR", "a \"b\" \\", 1);
    struct options *o = parse_well("--print-config --max-bytes 4096 --verbose");
    AUTO_FREE char *text = printed(o);
    AUTO_FREE char *want = mem_printf("http_addr = \"127.0.0.1:8080\" # from default\n"
                                      "data_dir = \"a \\\"b\\\" \\\\\" # from UNIT_DATA_DIR\n"
                                      "max_bytes = 4096 # from --max-bytes\n"
                                      "timeout = \"90s\" # from default\n"
                                      "level = \"info\" # from default\n"
                                      "nodes = 3 # from %s:2\n"
                                      "verbose = true # from --verbose\n"
                                      "sandbox.mode = \"on\" # from default\n",
                                      config_path);
    assert_string_equal(text, want);
    options_free(o);
    unsetenv("UNIT_DATA_DIR");
    write_config(text); // what is printed is a file that can be read
    o = parse_well("");
    assert_string_equal(options_text(o, "data-dir"), "a \"b\" \\");
    assert_int_equal(options_number(o, "max-bytes"), 4096);
    options_free(o);
}

static void test_help_names_everything(void **state) {
    (void)state;
    AUTO_FREE char *text = printed(NULL);
    for (size_t i = 0; i < COUNT_OF(specs); i++) {
        AUTO_FREE char *flag = mem_printf("  --%s", specs[i].name);
        assert_non_null(strstr(text, flag));
        assert_non_null(strstr(text, specs[i].help));
    }
    assert_non_null(strstr(text, "[UNIT_HTTP_ADDR, default 127.0.0.1:8080]"));
    assert_non_null(strstr(text, "--config FILE"));
    assert_non_null(strstr(text, "[UNIT_CONFIG, default ~/unit.toml if present]"));
    assert_non_null(strstr(text, "--print-config"));
}

static void test_sizes_and_durations(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint64_t bytes;
    } sizes[] = {{"0", 0}, {"4096", 4096}, {"64KiB", 65536}, {"100MiB", 104857600}, {"1GiB", 1073741824}};
    static const char *const bad[] = {
        "", "KiB", "1.5MiB", "-1", "64 KiB", "64kib", "1KB", " 1", "99999999999999999999", "99999999999GiB"};
    uint64_t number = 7;
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        assert_int_equal(option_parse_bytes(span_of(sizes[i].text), &number), 0);
        assert_int_equal(number, sizes[i].bytes);
    }
    number = 7;
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_int_equal(option_parse_bytes(span_of(bad[i]), &number), -1);
    assert_int_equal(number, 7);
    static const struct {
        const char *text;
        uint64_t ms;
    } durations[] = {{"0", 0},       {"500ms", 500},  {"90s", 90000},     {"90", 90000},
                     {"5m", 300000}, {"1h", 3600000}, {"30d", 2592000000}};
    for (size_t i = 0; i < COUNT_OF(durations); i++) {
        assert_int_equal(option_parse_duration_ms(span_of(durations[i].text), &number), 0);
        assert_int_equal(number, durations[i].ms);
    }
    assert_int_equal(option_parse_duration_ms(span_of("1w"), &number), -1);
    assert_int_equal(option_parse_duration_ms(span_of("18446744073709551615"), &number), -1);
}

static void ask_unknown(void) {
    struct options *o = parse_well("");
    options_text(o, "no-such-option");
}

static void ask_wrong_type(void) {
    struct options *o = parse_well("");
    options_number(o, "data-dir");
}

static void test_our_own_mistakes_abort(void **state) {
    (void)state;
    assert_true(unit_aborts(ask_unknown));
    assert_true(unit_aborts(ask_wrong_type));
}

#define PREPARED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        PREPARED(test_defaults),
        PREPARED(test_precedence),
        PREPARED(test_flag_without_argument),
        PREPARED(test_config_path),
        PREPARED(test_refused_flags),
        PREPARED(test_refused_elsewhere),
        PREPARED(test_rest),
        PREPARED(test_actions),
        PREPARED(test_print_config),
        PREPARED(test_help_names_everything),
        cmocka_unit_test(test_sizes_and_durations),
        PREPARED(test_our_own_mistakes_abort),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
