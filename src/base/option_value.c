// The forms that a setting's value can have: sizes, durations, addresses, choices, and how each one is refused.
#include "base/options_internal.h"

#include "base/address.h"
#include "base/mem.h"

#include <inttypes.h>

struct unit {
    const char *suffix;
    uint64_t factor;
};

// A decimal number followed by one of the suffixes, exactly.
static int parse_with_unit(struct span text, const struct unit *units, size_t count, uint64_t *ret) {
    size_t digits = 0;
    while (digits < text.n && text.p[digits] >= '0' && text.p[digits] <= '9')
        digits++;
    uint64_t number;
    if (!span_to_u64(span_slice(text, 0, digits), &number))
        return -1;
    struct span suffix = span_slice(text, digits, text.n);
    for (size_t i = 0; i < count; i++) {
        if (!span_equal_text(suffix, units[i].suffix))
            continue;
        uint64_t product;
        if (__builtin_mul_overflow(number, units[i].factor, &product))
            return -1;
        *ret = product;
        return 0;
    }
    return -1;
}

int option_parse_bytes(struct span text, uint64_t *ret_bytes) {
    static const struct unit units[] = {{"", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}};
    return parse_with_unit(text, units, COUNT_OF(units), ret_bytes);
}

int option_parse_duration_ms(struct span text, uint64_t *ret_ms) {
    static const struct unit units[] = {{"", 1000},   {"ms", 1},      {"s", 1000},
                                        {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    return parse_with_unit(text, units, COUNT_OF(units), ret_ms);
}

static bool is_choice(struct span text, const char *choices) {
    struct span rest = span_of(choices), choice;
    while (span_next(&rest, '|', &choice))
        if (span_equal(text, choice))
            return true;
    return false;
}

static int check_range(const struct option_spec *spec, uint64_t number, char ret_reason[OPTION_REASON_MAX]) {
    const char *unit = spec->type == OPTION_BYTES ? " bytes" : spec->type == OPTION_DURATION_MS ? " milliseconds" : "";
    if (number < spec->min)
        snprintf(ret_reason, OPTION_REASON_MAX, "is below the least allowed, %" PRIu64 "%s", spec->min, unit);
    else if (spec->max && number > spec->max)
        snprintf(ret_reason, OPTION_REASON_MAX, "is above the most allowed, %" PRIu64 "%s", spec->max, unit);
    else
        return 0;
    return -1;
}

static int refuse(char ret_reason[OPTION_REASON_MAX], const char *what) {
    snprintf(ret_reason, OPTION_REASON_MAX, "is not %s", what);
    return -1;
}

static int parse_number(const struct option_spec *spec, struct span text, uint64_t *ret,
                        char ret_reason[OPTION_REASON_MAX]) {
    uint64_t number = 0;
    if (spec->type == OPTION_BYTES && option_parse_bytes(text, &number) < 0)
        return refuse(ret_reason, "a size such as 4096, 64KiB, 100MiB or 1GiB");
    if (spec->type == OPTION_DURATION_MS && option_parse_duration_ms(text, &number) < 0)
        return refuse(ret_reason, "a duration such as 500ms, 90s, 5m, 1h or 30d");
    if (spec->type == OPTION_COUNT && !span_to_u64(text, &number))
        return refuse(ret_reason, "a whole number");
    if (check_range(spec, number, ret_reason) < 0)
        return -1;
    *ret = number;
    return 0;
}

static int check_address(struct span text, char ret_reason[OPTION_REASON_MAX]) {
    struct span host;
    uint16_t port;
    return address_split(text, &host, &port) ? 0 : refuse(ret_reason, "HOST:PORT");
}

static int check_choice(const struct option_spec *spec, struct span text, char ret_reason[OPTION_REASON_MAX]) {
    if (is_choice(text, spec->choices))
        return 0;
    snprintf(ret_reason, OPTION_REASON_MAX, "is not one of %s", spec->choices);
    return -1;
}

int option_value_parse(const struct option_spec *spec, struct span text, uint64_t *ret_number,
                       char ret_reason[OPTION_REASON_MAX]) {
    *ret_number = 0;
    switch (spec->type) {
    case OPTION_TEXT:
        return 0;
    case OPTION_CHOICE:
        return check_choice(spec, text, ret_reason);
    case OPTION_ADDRESS:
        return check_address(text, ret_reason);
    case OPTION_FLAG:
        *ret_number = span_equal_text(text, "true");
        return *ret_number || span_equal_text(text, "false") ? 0 : refuse(ret_reason, "true or false");
    case OPTION_BYTES:
    case OPTION_DURATION_MS:
    case OPTION_COUNT:
        return parse_number(spec, text, ret_number, ret_reason);
    }
    ASSERT(false);
    return -1;
}

char *option_key(const struct option_spec *spec) {
    char *key = mem_strdup(spec->name);
    for (char *c = key; *c; c++)
        if (*c == '-')
            *c = '_';
    return key;
}
