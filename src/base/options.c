// Settling a program's settings: the table's defaults, then the file, the environment and the flags over them.
//
// Every value that is given is checked, also one that a stronger source overrides: a broken file should not lie in wait.
// The forms of values are in option_value.c, the command line in options_flags.c, what is shown in options_print.c.
#include "base/options.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/options_flags.h"
#include "base/options_internal.h"
#include "base/toml.h"

#include <errno.h>
#include <sys/stat.h>

// `label` stands before the error, `where` is kept with the value (NULL for a default).
static int set_value(struct options *o, size_t index, const char *text, const char *label, const char *where,
                     struct err *e) {
    struct option_value *value = &o->values[index];
    char reason[OPTION_REASON_MAX];
    uint64_t number;
    if (option_value_parse(&o->program->specs[index], span_of(text), &number, reason) < 0)
        return err_set(e, ERR_INVALID_CONFIGURATION, "%s: \"%.200s\" %s", label, text, reason);
    free(value->text);
    free(value->where);
    value->text = mem_strdup(text);
    value->number = number;
    value->where = mem_strdup(where);
    return 0;
}

static void set_defaults(struct options *o) {
    for (size_t i = 0; i < o->program->spec_count; i++) {
        const struct option_spec *spec = &o->program->specs[i];
        if (spec->default_value)
            ASSERT(set_value(o, i, spec->default_value, spec->name, NULL, NULL) == 0);
    }
}

static int unknown_key(const struct options *o, const char *path, const struct toml_entry *entry, struct err *e) {
    struct buf known;
    buf_init(&known, ERR_TEXT_MAX);
    for (size_t i = 0; i < o->program->spec_count; i++) {
        AUTO_FREE char *key = option_key(&o->program->specs[i]);
        buf_printf(&known, "%s%s", i ? ", " : "", key);
    }
    err_set(e, ERR_INVALID_CONFIGURATION, "%s:%d: unknown key \"%.200s\"; known keys: %s", path, entry->line,
            entry->key, buf_text(&known));
    buf_done(&known);
    return -1;
}

static int set_from_entry(struct options *o, const char *path, const struct toml_entry *entry, struct err *e) {
    for (size_t i = 0; i < o->program->spec_count; i++) {
        AUTO_FREE char *key = option_key(&o->program->specs[i]);
        if (strcmp(key, entry->key) != 0)
            continue;
        AUTO_FREE char *where = mem_printf("%s:%d", path, entry->line);
        AUTO_FREE char *label = mem_printf("%s: %s", where, key);
        return set_value(o, i, entry->value, label, where, e);
    }
    return unknown_key(o, path, entry, e);
}

static int set_from_file(struct options *o, const char *path, struct err *e) {
    struct toml_file file;
    if (toml_read(path, &file, e) < 0)
        return -1;
    int status = 0;
    for (size_t i = 0; i < file.count && status == 0; i++)
        status = set_from_entry(o, path, &file.entries[i], e);
    toml_done(&file);
    return status;
}

// "~/" at the front is the home directory. The caller frees the path.
static char *expand_home(const char *path) {
    const char *home = getenv("HOME");
    if (strncmp(path, "~/", 2) != 0 || !home || !*home)
        return mem_strdup(path);
    return mem_printf("%s/%s", home, path + 2);
}

static const char *environment(const char *name) {
    const char *text = name ? getenv(name) : NULL;
    return text && *text ? text : NULL;
}

// A file that was asked for has to be there; the usual one may be missing.
static int set_from_config(struct options *o, const char *asked_path, struct err *e) {
    const char *path = asked_path ? asked_path : environment(o->program->config_environment);
    const char *usual = o->program->default_config_path;
    if (!path && !usual)
        return 0;
    AUTO_FREE char *expanded = expand_home(path ? path : usual);
    struct stat st;
    if (!path && stat(expanded, &st) < 0 && (errno == ENOENT || errno == ENOTDIR))
        return 0;
    return set_from_file(o, expanded, e);
}

static int set_from_environment(struct options *o, struct err *e) {
    for (size_t i = 0; i < o->program->spec_count; i++) {
        const char *name = o->program->specs[i].environment, *text = environment(name);
        if (text && set_value(o, i, text, name, name, e) < 0)
            return -1;
    }
    return 0;
}

static int set_from_flags(struct options *o, const struct options_flags *flags, struct err *e) {
    for (size_t i = 0; i < o->program->spec_count; i++) {
        if (!flags->texts[i])
            continue;
        AUTO_FREE char *flag = mem_printf("--%s", o->program->specs[i].name);
        if (set_value(o, i, flags->texts[i], flag, flag, e) < 0)
            return -1;
    }
    return 0;
}

static int settle(struct options *o, const struct options_flags *flags, struct err *e) {
    set_defaults(o);
    o->action = flags->action;
    if (o->action == OPTIONS_HELP || o->action == OPTIONS_VERSION)
        return 0;
    if (set_from_config(o, flags->config_path, e) < 0 || set_from_environment(o, e) < 0)
        return -1;
    return set_from_flags(o, flags, e);
}

int options_parse(const struct option_program *program, int argc, char **argv, struct options **ret, int *ret_rest,
                  struct err *e) {
    AUTO_FREE const char **texts = mem_calloc(program->spec_count, sizeof *texts);
    struct options_flags flags = {.texts = texts, .rest = argc};
    if (argc > 1 && options_flags_parse(program, argc, argv, &flags, e) < 0)
        return -1;
    if (!ret_rest && flags.action != OPTIONS_HELP && flags.action != OPTIONS_VERSION && flags.rest < argc)
        return err_set(e, ERR_INVALID_CONFIGURATION, "unexpected argument \"%.200s\"; %s --help shows the flags",
                       argv[flags.rest], program->name);
    struct options *o = NEW(struct options);
    o->program = program;
    o->values = mem_calloc(program->spec_count, sizeof *o->values);
    if (settle(o, &flags, e) < 0) {
        options_free(o);
        return -1;
    }
    *ret = o;
    if (ret_rest)
        *ret_rest = flags.rest;
    return 0;
}

void options_free(struct options *o) {
    if (!o)
        return;
    for (size_t i = 0; i < o->program->spec_count; i++) {
        free(o->values[i].text);
        free(o->values[i].where);
    }
    free(o->values);
    free(o);
}

enum options_action options_action(const struct options *o) {
    return o->action;
}

static size_t index_of(const struct options *o, const char *name) {
    size_t i = 0;
    while (i < o->program->spec_count && strcmp(o->program->specs[i].name, name) != 0)
        i++;
    ASSERT(i < o->program->spec_count);
    return i;
}

const char *options_text(const struct options *o, const char *name) {
    return o->values[index_of(o, name)].text;
}

uint64_t options_number(const struct options *o, const char *name) {
    size_t i = index_of(o, name);
    enum option_type type = o->program->specs[i].type;
    ASSERT(type == OPTION_BYTES || type == OPTION_DURATION_MS || type == OPTION_COUNT);
    return o->values[i].number;
}

bool options_flag(const struct options *o, const char *name) {
    size_t i = index_of(o, name);
    ASSERT(o->program->specs[i].type == OPTION_FLAG);
    return o->values[i].number != 0;
}

bool options_is_set(const struct options *o, const char *name) {
    return options_where(o, name) != NULL;
}

const char *options_where(const struct options *o, const char *name) {
    return o->values[index_of(o, name)].where;
}
