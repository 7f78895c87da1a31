// Fuzzes a registration's body: JSON, fields, limits. What is accepted must survive being written and read again.
#include "base/mem.h"
#include "fuzz/fuzz.h"
#include "model/task.h"

static void read_back(const struct task *t) {
    struct json_out *out = json_out_new();
    struct buf text;
    struct json_doc *doc;
    struct task *again;
    buf_init(&text, 16 * TASK_BODY_MAX);
    task_to_json(t, out, json_out_object(out));
    ASSERT(json_out_print(out, false, &text) == 0);
    ASSERT(json_parse(buf_span(&text), &doc, NULL) == 0);
    ASSERT(task_from_json(json_root(doc), &again, NULL) == 0);
    ASSERT(strcmp(again->name, t->name) == 0);
    task_unref(again);
    json_free(doc);
    buf_done(&text);
    json_out_free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct json_doc *doc;
    struct task *t;
    struct err e;
    if (json_parse(span_make(data, size), &doc, &e) != 0)
        return 0;
    if (task_from_registration(json_root(doc), &t, &e) == 0) {
        free(t->task_id); // what the store would give it
        t->task_id = mem_strdup("0b0c0d0e-1111-4222-8333-444455556666");
        read_back(t);
        task_unref(t);
    } else {
        ASSERT(e.text[0]);
    }
    json_free(doc);
    return 0;
}
