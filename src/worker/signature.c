// Function types and names of modules as text. Everything here is bounded by the size of its output.
#include "worker/signature.h"

#include <stdio.h>

static const char *type_name(enum engine_type type) {
    static const char *const names[] = {"i32", "i64", "f32", "f64", "other"};
    return names[type <= ENGINE_OTHER ? type : ENGINE_OTHER];
}

static size_t append(char *text, size_t at, const char *piece) {
    int n = snprintf(text + at, SIGNATURE_TEXT - at, "%s", piece);
    return at + (size_t)n < SIGNATURE_TEXT ? at + (size_t)n : SIGNATURE_TEXT - 1;
}

static size_t append_types(char *text, size_t at, const enum engine_type *types, uint32_t count) {
    at = append(text, at, "(");
    for (uint32_t i = 0; i < count && i < ENGINE_PARAMS_MAX; i++) {
        at = append(text, at, i ? ", " : "");
        at = append(text, at, type_name(types[i]));
    }
    return append(text, at, count > ENGINE_PARAMS_MAX ? ", ...)" : ")");
}

void signature_text(const struct engine_signature *signature, char ret_text[SIGNATURE_TEXT]) {
    size_t at = append_types(ret_text, 0, signature->params, signature->param_count);
    at = append(ret_text, at, " -> ");
    append_types(ret_text, at, signature->results, signature->result_count);
}

static bool types_equal(const enum engine_type *a, const enum engine_type *b, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        if (a[i] != b[i] || a[i] == ENGINE_OTHER)
            return false;
    return true;
}

bool signature_equal(const struct engine_signature *a, const struct engine_signature *b) {
    return a->param_count == b->param_count && a->result_count == b->result_count &&
           a->param_count <= ENGINE_PARAMS_MAX && a->result_count <= ENGINE_PARAMS_MAX &&
           types_equal(a->params, b->params, a->param_count) && types_equal(a->results, b->results, a->result_count);
}

void name_text(struct span name, char ret_text[NAME_TEXT]) {
    size_t kept = name.n < NAME_TEXT ? name.n : NAME_TEXT - 4;
    // Not in the middle of a UTF-8 character.
    while (kept < name.n && kept > 0 && ((unsigned char)name.p[kept] & 0xc0) == 0x80)
        kept--;
    for (size_t i = 0; i < kept; i++) {
        unsigned char c = (unsigned char)name.p[i];
        ret_text[i] = c < 0x20 || c == 0x7f || c == '"' ? '?' : (char)c;
    }
    snprintf(ret_text + kept, NAME_TEXT - kept, "%s", kept < name.n ? "..." : "");
}
