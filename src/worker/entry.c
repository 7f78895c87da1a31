// Entry selection. Values are converted in entry_values.c.
#include "worker/entry.h"

#include "base/json.h"
#include "worker/entry_values.h"
#include "worker/signature.h"

enum { EXPORT_LIST_BYTES = 600 };

static void list_one(void *ctx, struct span name, const struct engine_signature *signature) {
    struct buf *list = ctx;
    char shown[NAME_TEXT], type[SIGNATURE_TEXT];
    name_text(name, shown);
    signature_text(signature, type);
    if (!list->full)
        buf_printf(list, "%s%s%s", list->n ? ", " : "", shown, type);
}

// Appends "; exports: add(i32, i32) -> (i32), …" to e's text.
static int with_exports(const struct engine_module *module, struct err *e) {
    struct buf list;
    struct err first = *e;
    buf_init(&list, EXPORT_LIST_BYTES);
    engine_each_export(module, list_one, &list);
    if (list.n)
        err_set(e, first.kind, "%.300s; exports: %s%s", first.text, buf_text(&list), list.full ? ", ..." : "");
    else
        err_set(e, first.kind, "%.300s; the module exports no function", first.text);
    buf_done(&list);
    return -1;
}

static bool is_main(const struct engine_signature *s) {
    bool params =
        s->param_count == 0 || (s->param_count == 2 && s->params[0] == ENGINE_I32 && s->params[1] == ENGINE_I32);
    return params && (s->result_count == 0 || (s->result_count == 1 && s->results[0] == ENGINE_I32));
}

static int select_default(const struct engine_module *module, struct entry *ret, struct err *e) {
    ret->is_default = true;
    ret->name = SPAN_LITERAL("_start");
    if (engine_export(module, ret->name, &ret->signature) && ret->signature.param_count == 0 &&
        ret->signature.result_count == 0)
        return 0;
    ret->name = SPAN_LITERAL("main");
    if (engine_export(module, ret->name, &ret->signature) && is_main(&ret->signature))
        return 0;
    return err_set(
        e, ERR_INVALID_REQUEST,
        "the module has no default entry (_start, or main with no params or with argc and argv): name an export");
}

static int select_named(const struct engine_module *module, struct span function, struct entry *ret, struct err *e) {
    char shown[NAME_TEXT];
    name_text(function, shown);
    ret->is_default = false;
    ret->name = function;
    if (!engine_export(module, function, &ret->signature))
        return err_set(e, ERR_INVALID_REQUEST, "no export \"%s\"", shown);
    if (!entry_values_callable(&ret->signature))
        return err_set(e, ERR_INVALID_REQUEST,
                       "export \"%s\" cannot be called from outside: it takes or gives vectors or references, or more "
                       "than %d values",
                       shown, ENGINE_PARAMS_MAX);
    return 0;
}

static int read_params(struct span params_json, struct entry *ret, struct err *e) {
    if (span_trim(params_json).n == 0 && ret->is_default) {
        for (uint32_t i = 0; i < ret->signature.param_count; i++)
            ret->params[i] = (struct engine_value){.type = ENGINE_I32};
        return 0;
    }
    return entry_values_read(params_json, ret->name, &ret->signature, ret->params, e);
}

int entry_select(const struct engine_module *module, struct span function, struct span params_json, struct entry *ret,
                 struct err *e) {
    struct err own;
    e = e ? e : &own;
    bool is_default = function.n == 0 || span_equal_text(function, "__spear_default_entry__");
    if (is_default ? select_default(module, ret, e) : select_named(module, function, ret, e))
        return with_exports(module, e);
    if (read_params(params_json, ret, e))
        return with_exports(module, e);
    return 0;
}

int entry_results(const struct entry *entry, const struct engine_value *results, struct buf *out) {
    return entry_values_write(results, entry->signature.result_count, out);
}
