// Sorting a command line into flags and the rest, and finding what a mistyped word was meant to be.
//
// It knows no command; the tables are in the commands' own files. Next step: main.c.
#include "cli/args.h"

#include "base/mem.h"
#include "base/options.h"

enum { WORD_MAX = 64 };

static size_t min3(size_t a, size_t b, size_t c) {
    size_t m = a < b ? a : b;
    return m < c ? m : c;
}

// Insertions, deletions, replacements and swaps of neighbours between two words (optimal string alignment).
static size_t distance(const char *a, const char *b) {
    size_t n = strlen(a), m = strlen(b), rows[3][WORD_MAX + 1];
    if (n > WORD_MAX || m > WORD_MAX)
        return WORD_MAX;
    size_t *older = rows[0], *last = rows[1], *now = rows[2];
    for (size_t j = 0; j <= m; j++)
        last[j] = j;
    for (size_t i = 1; i <= n; i++) {
        now[0] = i;
        for (size_t j = 1; j <= m; j++) {
            now[j] = min3(last[j] + 1, now[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && older[j - 2] + 1 < now[j])
                now[j] = older[j - 2] + 1;
        }
        size_t *free_row = older;
        older = last;
        last = now;
        now = free_row;
    }
    return last[m];
}

const char *args_nearest(const char *word, const char *const candidates[], size_t count) {
    const char *nearest = NULL;
    size_t length = strlen(word), best = length < 4 ? 2 : 3; // the first distance that is too far
    for (size_t i = 0; i < count; i++) {
        size_t d = distance(word, candidates[i]);
        if (length >= 3 && strncmp(word, candidates[i], length) == 0)
            d = 1;
        if (d < best) {
            best = d;
            nearest = candidates[i];
        }
    }
    return nearest;
}

static const struct flag *find_long(const struct flag_set sets[], size_t set_count, struct span name) {
    for (size_t s = 0; s < set_count; s++)
        for (size_t i = 0; i < sets[s].count; i++)
            if (span_equal_text(name, sets[s].flags[i].name))
                return &sets[s].flags[i];
    return NULL;
}

static const struct flag *find_letter(const struct flag_set sets[], size_t set_count, char letter) {
    for (size_t s = 0; s < set_count; s++)
        for (size_t i = 0; i < sets[s].count; i++)
            if (sets[s].flags[i].letter == letter)
                return &sets[s].flags[i];
    return NULL;
}

static int unknown_flag(const struct flag_set sets[], size_t set_count, const char *word, struct err *e) {
    const char *names[128];
    size_t count = 0;
    for (size_t s = 0; s < set_count; s++)
        for (size_t i = 0; i < sets[s].count && count < COUNT_OF(names); i++)
            names[count++] = sets[s].flags[i].name;
    AUTO_FREE char *name = span_dup(span_slice(span_of(word), 2, span_find(span_of(word), '=') - 2));
    const char *nearest = word[1] == '-' ? args_nearest(name, names, count) : NULL;
    if (nearest)
        return err_set(e, ERR_INVALID_CONFIGURATION, "unknown flag %s; did you mean --%s?", word, nearest);
    return err_set(e, ERR_INVALID_CONFIGURATION, "unknown flag %s", word);
}

static void add_value(struct args *args, const struct flag *flag, const char *value) {
    args->values = mem_realloc(args->values, (args->value_count + 1) * sizeof *args->values);
    args->values[args->value_count++] = (struct flag_value){flag, value};
}

struct cursor {
    char **argv;
    size_t argc, at;
};

// Takes the flag at the cursor, with its value when that is a word of its own.
static int take_flag(struct args *args, const struct flag_set sets[], size_t set_count, struct cursor *c,
                     struct err *e) {
    const char *word = c->argv[c->at++], *attached = NULL;
    const struct flag *flag;
    if (word[1] == '-') {
        size_t end = span_find(span_of(word), '=');
        flag = find_long(sets, set_count, span_slice(span_of(word), 2, end - 2));
        attached = word[end] == '=' ? word + end + 1 : NULL;
    } else {
        flag = find_letter(sets, set_count, word[1]);
        attached = word[2] ? word + 2 : NULL;
    }
    if (!flag)
        return unknown_flag(sets, set_count, word, e);
    if (!flag->argument && attached)
        return err_set(e, ERR_INVALID_CONFIGURATION, "--%s takes no value, but %s gives one", flag->name, word);
    if (flag->argument && !attached && c->at == c->argc)
        return err_set(e, ERR_INVALID_CONFIGURATION, "--%s needs a value: --%s %s", flag->name, flag->name,
                       flag->argument);
    if (args->value_count == ARGS_FLAGS_MAX)
        return err_set(e, ERR_INVALID_CONFIGURATION, "more than %d flags", ARGS_FLAGS_MAX);
    if (flag->argument && !attached)
        attached = c->argv[c->at++];
    add_value(args, flag, attached);
    return 0;
}

// A lone "-" is a word: standard input.
static bool is_flag(const char *word) {
    return word[0] == '-' && word[1] != '\0';
}

int args_parse(struct args *args, const struct flag_set sets[], size_t set_count, char **argv, size_t argc,
               enum args_stop stop, struct err *e) {
    free(args->rest);
    args->rest = mem_calloc(argc + 1, sizeof *args->rest);
    args->rest_count = 0;
    bool flags_ended = false;
    for (struct cursor c = {argv, argc, 0}; c.at < argc;) {
        const char *word = argv[c.at];
        if (!flags_ended && strcmp(word, "--") == 0) {
            flags_ended = true;
            c.at++;
        } else if (!flags_ended && is_flag(word)) {
            if (take_flag(args, sets, set_count, &c, e) != 0)
                return -1;
        } else {
            args->rest[args->rest_count++] = argv[c.at++];
            flags_ended = flags_ended || stop == ARGS_STOP_AT_FIRST;
            while (stop == ARGS_STOP_AT_FIRST && c.at < argc)
                args->rest[args->rest_count++] = argv[c.at++];
        }
    }
    return 0;
}

void args_done(struct args *args) {
    free(args->values);
    free(args->rest);
    *args = (struct args){0};
}

bool args_has(const struct args *args, const char *name) {
    for (size_t i = 0; i < args->value_count; i++)
        if (strcmp(args->values[i].flag->name, name) == 0)
            return true;
    return false;
}

const char *args_each(const struct args *args, const char *name, size_t *cursor) {
    while (*cursor < args->value_count) {
        const struct flag_value *v = &args->values[(*cursor)++];
        if (strcmp(v->flag->name, name) == 0)
            return v->value;
    }
    return NULL;
}

const char *args_text(const struct args *args, const char *name) {
    const char *last = NULL;
    size_t cursor = 0;
    for (const char *value; (value = args_each(args, name, &cursor));)
        last = value;
    return last;
}

int args_count(const struct args *args, const char *name, uint64_t min, uint64_t max, uint64_t *ret, struct err *e) {
    const char *text = args_text(args, name);
    uint64_t value;
    if (!text)
        return 0;
    if (!span_to_u64(span_of(text), &value) || value < min || value > max)
        return err_set(e, ERR_INVALID_CONFIGURATION, "--%s %s: a number from %llu to %llu is wanted", name, text,
                       (unsigned long long)min, (unsigned long long)max);
    *ret = value;
    return 0;
}

int args_duration_ms(const struct args *args, const char *name, uint64_t *ret_ms, struct err *e) {
    const char *text = args_text(args, name);
    uint64_t value;
    if (!text)
        return 0;
    if (option_parse_duration_ms(span_of(text), &value) != 0 || value == 0)
        return err_set(e, ERR_INVALID_CONFIGURATION,
                       "--%s %s: a duration is wanted, such as 500ms, 90s, 5m, 1h or 30d (a bare number is seconds)",
                       name, text);
    *ret_ms = value;
    return 0;
}

int args_bytes(const struct args *args, const char *name, uint64_t *ret_bytes, struct err *e) {
    const char *text = args_text(args, name);
    uint64_t value;
    if (!text)
        return 0;
    if (option_parse_bytes(span_of(text), &value) != 0)
        return err_set(e, ERR_INVALID_CONFIGURATION, "--%s %s: a size is wanted, such as 4096, 64KiB or 100MiB", name,
                       text);
    *ret_bytes = value;
    return 0;
}
