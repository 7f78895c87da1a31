// Showing settings: --help from the table, --print-config from what was settled.
#include "base/options_internal.h"

#include "base/mem.h"

enum { HELP_COLUMN = 30 };

static void print_flag(FILE *to, const char *name, const char *argument, const char *help) {
    int width = fprintf(to, "  --%s%s%s", name, argument ? " " : "", argument ? argument : "");
    if (width >= HELP_COLUMN)
        fprintf(to, "\n%*s%s", HELP_COLUMN, "", help);
    else
        fprintf(to, "%*s%s", HELP_COLUMN - width, "", help);
}

static void print_sources(FILE *to, const char *environment, const char *default_value, const char *condition) {
    if (!environment && !default_value)
        return;
    fprintf(to, " [%s", environment ? environment : "");
    if (default_value)
        fprintf(to, "%sdefault %s%s", environment ? ", " : "", default_value, condition);
    fputc(']', to);
}

static const char *argument_of(const struct option_spec *spec) {
    if (spec->type == OPTION_FLAG)
        return NULL;
    if (spec->argument)
        return spec->argument;
    return spec->type == OPTION_CHOICE ? spec->choices : "VALUE";
}

void options_print_help(const struct option_program *program, FILE *to) {
    fprintf(to, "%s\n%s\n\noptions:\n", program->usage, program->summary);
    for (size_t i = 0; i < program->spec_count; i++) {
        const struct option_spec *spec = &program->specs[i];
        print_flag(to, spec->name, argument_of(spec), spec->help);
        print_sources(to, spec->environment, spec->type == OPTION_FLAG ? NULL : spec->default_value, "");
        fputc('\n', to);
    }
    print_flag(to, "config", "FILE", "a TOML file with these settings");
    print_sources(to, program->config_environment, program->default_config_path, " if present");
    fputc('\n', to);
    print_flag(to, "print-config", NULL, "show the settings and where each one comes from, then end\n");
    print_flag(to, "help", NULL, "show this, then end\n");
    print_flag(to, "version", NULL, "show the version, then end\n");
}

// A basic string of TOML.
static void print_quoted(FILE *to, const char *text) {
    fputc('"', to);
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            fprintf(to, "\\%c", c);
        else if (c < 0x20 || c == 0x7F)
            fprintf(to, "\\u%04X", c);
        else
            fputc(c, to);
    }
    fputc('"', to);
}

// A number of TOML has no zeros in front and no unit.
static bool is_bare(const struct option_spec *spec, struct span text) {
    uint64_t number;
    if (spec->type == OPTION_FLAG)
        return true;
    if (spec->type != OPTION_BYTES && spec->type != OPTION_DURATION_MS && spec->type != OPTION_COUNT)
        return false;
    return span_to_u64(text, &number) && number <= INT64_MAX && (text.n == 1 || text.p[0] != '0');
}

void options_print_config(const struct options *o, FILE *to) {
    for (size_t i = 0; i < o->program->spec_count; i++) {
        const struct option_spec *spec = &o->program->specs[i];
        const struct option_value *value = &o->values[i];
        AUTO_FREE char *key = option_key(spec);
        if (!value->text) {
            fprintf(to, "# %s is not set # from default\n", key);
            continue;
        }
        fprintf(to, "%s = ", key);
        if (is_bare(spec, span_of(value->text)))
            fputs(value->text, to);
        else
            print_quoted(to, value->text);
        fprintf(to, " # from %s\n", value->where ? value->where : "default");
    }
}
