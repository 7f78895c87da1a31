// model/task.h: the registration of the contract as it stands there, every refusal with its field, and the way back.
#include "unit.h"

#include "base/mem.h"
#include "model/task.h"

#define DIGEST     "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"
#define EXECUTABLE "\"executable\":{\"type\":\"wasm\",\"uri\":\"sms+file://abc\"}"
#define REQUIRED   "\"name\":\"n\",\"version\":\"1\","

static int read_text(const char *text, bool stored, struct task **ret, struct err *e) {
    struct json_doc *doc = NULL;
    if (json_parse(span_of(text), &doc, e) < 0)
        fail_msg("%s", e->text);
    int status = stored ? task_from_json(json_root(doc), ret, e) : task_from_registration(json_root(doc), ret, e);
    json_free(doc); // nothing of the task may point into it
    return status;
}

static struct task *read_well(const char *text, bool stored) {
    struct task *t = NULL;
    struct err e;
    if (read_text(text, stored, &t, &e) < 0)
        fail_msg("%s", e.text);
    return t;
}

static void expect_refusal(const char *text, enum err_kind kind, const char *said) {
    struct task *t = NULL;
    struct err e;
    assert_int_equal(read_text(text, false, &t, &e), -1);
    assert_null(t);
    if (e.kind != kind || !strstr(e.text, said))
        fail_msg("%s answers %s \"%s\", which lacks \"%s\"", text, err_kind_info(e.kind)->name, e.text, said);
}

static void test_registration_of_the_contract(void **state) {
    (void)state;
    struct task *t = read_well(
        "{\"name\":\"hello-wasm\",\"priority\":\"high\",\"endpoint\":\"shop/orders.v1\",\"version\":\"1.0.0\","
        "\"capabilities\":[\"wasm\"],\"metadata\":{\"team\":\"a\"},\"config\":{\"limit.time_ms\":\"5\",\"mine\":\"x\"},"
        "\"desired_replicas\":3,\"scheduling_strategy\":{\"a\":[]},"
        "\"executable\":{\"type\":\"wasm\",\"uri\":\"sms+file://abc\",\"name\":\"hello.wasm\","
        "\"checksum_sha256\":\"" DIGEST "\",\"args\":[\"-v\",\"\"],\"env\":{\"A\":\"1\",\"B\":\"\"}}}",
        false);
    assert_string_equal(t->name, "hello-wasm");
    assert_string_equal(t->priority, "high");
    assert_string_equal(t->endpoint, "shop/orders.v1");
    assert_string_equal(t->task_id, "");
    assert_string_equal(t->status, "registered");
    assert_int_equal(t->capability_count, 1);
    assert_string_equal(t->metadata.pairs[0].value, "a");
    assert_int_equal(t->config.count, 2);
    assert_int_equal(t->limits.time_ms, 5);
    assert_int_equal(t->limits.queue_max, 1024);
    assert_string_equal(t->executable.name, "hello.wasm");
    assert_string_equal(t->executable.checksum_sha256,
                        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_int_equal(t->executable.arg_count, 2);
    assert_string_equal(t->executable.args[0], "-v");
    assert_string_equal(t->executable.env.pairs[1].key, "B");
    task_unref(t);
}

static void test_least_registration(void **state) {
    (void)state;
    struct task *t = read_well("{" REQUIRED EXECUTABLE "}", false);
    assert_string_equal(t->priority, "normal");
    assert_string_equal(t->endpoint, "");
    assert_string_equal(t->description, "");
    assert_string_equal(t->executable.checksum_sha256, "");
    assert_string_equal(t->executable.name, "n"); // argv[0]
    assert_int_equal(t->executable.arg_count, 0);
    task_unref(t);
}

static void test_required_fields_are_named(void **state) {
    (void)state;
    expect_refusal("[]", ERR_UNPROCESSABLE, "JSON object");
    expect_refusal("{\"version\":\"1\"," EXECUTABLE "}", ERR_UNPROCESSABLE, "field \"name\" is required");
    expect_refusal("{\"name\":\"n\"," EXECUTABLE "}", ERR_UNPROCESSABLE, "field \"version\" is required");
    expect_refusal("{\"name\":\"n\",\"version\":\"\"," EXECUTABLE "}", ERR_UNPROCESSABLE,
                   "field \"version\" may not be empty");
    expect_refusal("{" REQUIRED "\"x\":1}", ERR_UNPROCESSABLE, "field \"executable\" is required");
    expect_refusal("{" REQUIRED "\"executable\":{\"uri\":\"sms+file://a\"}}", ERR_UNPROCESSABLE,
                   "field \"executable.type\" is required");
    expect_refusal("{" REQUIRED "\"executable\":{\"type\":\"wasm\"}}", ERR_UNPROCESSABLE,
                   "field \"executable.uri\" is required");
}

static void test_mistyped_fields_are_named(void **state) {
    (void)state;
    static const char *const rows[][2] = {{"\"name\":1,\"version\":\"1\"", "field \"name\" must be a string"},
                                          {REQUIRED "\"endpoint\":1", "field \"endpoint\" must be a string"},
                                          {REQUIRED "\"priority\":1", "field \"priority\" must be a string"},
                                          {REQUIRED "\"capabilities\":{}", "field \"capabilities\" must be an array"},
                                          {REQUIRED "\"capabilities\":[1]", "field \"capabilities\": element 0"},
                                          {REQUIRED "\"metadata\":[]", "field \"metadata\" must be an object"},
                                          {REQUIRED "\"metadata\":{\"a\":1}", "field \"metadata\": the value of \"a\""},
                                          {REQUIRED "\"config\":{\"a\":1}", "field \"config\": the value of \"a\""},
                                          {REQUIRED "\"config\":{\"a\":\"1\",\"a\":\"2\"}", "\"a\" twice"}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO_FREE char *text = mem_printf("{%s," EXECUTABLE "}", rows[i][0]);
        expect_refusal(text, ERR_UNPROCESSABLE, rows[i][1]);
    }
    expect_refusal("{" REQUIRED "\"executable\":[]}", ERR_UNPROCESSABLE, "field \"executable\" must be an object");
}

static void test_executable(void **state) {
    (void)state;
    static const struct {
        const char *members;
        enum err_kind kind;
        const char *said;
    } rows[] = {
        {"\"type\":\"container\",\"uri\":\"sms+file://a\"", ERR_NOT_SUPPORTED, "container is not supported"},
        {"\"type\":\"binary\",\"uri\":\"sms+file://a\"", ERR_NOT_SUPPORTED, "field \"executable.type\""},
        {"\"type\":\"script\",\"uri\":\"sms+file://a\"", ERR_NOT_SUPPORTED, "script"},
        {"\"type\":\"process\",\"uri\":\"sms+file://a\"", ERR_NOT_SUPPORTED, "process"},
        {"\"type\":\"java\",\"uri\":\"sms+file://a\"", ERR_UNPROCESSABLE, "\"java\" is unknown"},
        {"\"type\":\"wasm\",\"uri\":\"http://a\"", ERR_INVALID_CONFIGURATION, "accepted: sms+file://"},
        {"\"type\":\"wasm\",\"uri\":\"\"", ERR_INVALID_CONFIGURATION, "it is empty"},
        {"\"type\":\"wasm\",\"uri\":\"sms+file://a\",\"checksum_sha256\":\"abc\"", ERR_UNPROCESSABLE,
         "field \"executable.checksum_sha256\": \"abc\" is not 64"},
        {"\"type\":\"wasm\",\"uri\":\"sms+file://a\",\"args\":[\"a\",2]", ERR_UNPROCESSABLE,
         "field \"executable.args\": element 1"},
        {"\"type\":\"wasm\",\"uri\":\"sms+file://a\",\"args\":[\"a\\u0000\"]", ERR_UNPROCESSABLE, "NUL"},
        {"\"type\":\"wasm\",\"uri\":\"sms+file://a\",\"env\":{\"A=B\":\"\"}", ERR_UNPROCESSABLE,
         "field \"executable.env\": the name \"A=B\""},
        {"\"type\":\"wasm\",\"uri\":\"sms+file://a\",\"env\":{\"\":\"\"}", ERR_UNPROCESSABLE, "empty name"},
        {"\"type\":\"wasm\",\"uri\":\"sms+file://a\",\"env\":{\"A\\u0000\":\"\"}", ERR_UNPROCESSABLE, "NUL"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO_FREE char *text = mem_printf("{" REQUIRED "\"executable\":{%s}}", rows[i].members);
        expect_refusal(text, rows[i].kind, rows[i].said);
    }
}

static void test_names(void **state) {
    (void)state;
    static const char *const good[] = {"a", "A b.c_d-e", "\xC3\xA4\xE2\x82\xAC", "..."};
    static const char *const bad[] = {"a/b", "a\\nb", ".", "..", "\\u007f", "\\u0085", "\\u0000"};
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        AUTO_FREE char *text = mem_printf("{\"name\":\"%s\",\"version\":\"1\"," EXECUTABLE "}", good[i]);
        task_unref(read_well(text, false));
    }
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        AUTO_FREE char *text = mem_printf("{\"name\":\"%s\",\"version\":\"1\"," EXECUTABLE "}", bad[i]);
        expect_refusal(text, ERR_UNPROCESSABLE, "field \"name\"");
    }
    AUTO_FREE char *longest = mem_printf("{\"name\":\"%0255d\",\"version\":\"1\"," EXECUTABLE "}", 0);
    AUTO_FREE char *too_long = mem_printf("{\"name\":\"%0256d\",\"version\":\"1\"," EXECUTABLE "}", 0);
    task_unref(read_well(longest, false));
    expect_refusal(too_long, ERR_UNPROCESSABLE, "field \"name\"");
}

static void test_endpoints_and_priorities(void **state) {
    (void)state;
    static const char *const good[] = {"", "a", "a/b/c", "/a/b", "A-b_c.d~e/1", "..."};
    static const char *const bad[] = {"//a", "a/", "a//b", ".", "a/../b", "a b", "a?b", "\xC3\xA4", "/", "a%20"};
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        AUTO_FREE char *text = mem_printf("{\"endpoint\":\"%s\"," REQUIRED EXECUTABLE "}", good[i]);
        task_unref(read_well(text, false));
    }
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        AUTO_FREE char *text = mem_printf("{\"endpoint\":\"%s\"," REQUIRED EXECUTABLE "}", bad[i]);
        expect_refusal(text, ERR_UNPROCESSABLE, "field \"endpoint\"");
    }
    expect_refusal("{\"priority\":\"asap\"," REQUIRED EXECUTABLE "}", ERR_UNPROCESSABLE,
                   "\"asap\" is not one of low, normal, high, urgent");
}

static void test_config_keys(void **state) {
    (void)state;
    static const char *const bad[][2] = {{"\"limit.tme_ms\":\"1\"", "limit.tme_ms"},
                                         {"\"limit.time_ms\":\"0\"", "from 1 to 86400000"},
                                         {"\"scale.min\":\"5\",\"scale.max\":\"4\"", "scale.min"},
                                         {"\"scale.max\":\"4\",\"scale.min\":\"5\"", "scale.min"},
                                         {"\"wasi.dir./x\":\"v:w\"", "is not <volume>"}};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        AUTO_FREE char *text = mem_printf("{\"config\":{%s}," REQUIRED EXECUTABLE "}", bad[i][0]);
        expect_refusal(text, ERR_INVALID_CONFIGURATION, bad[i][1]);
    }
    task_unref(read_well("{\"config\":{\"scale.min\":\"4\",\"scale.max\":\"4\"}," REQUIRED EXECUTABLE "}", false));
    task_unref(read_well("{\"config\":{\"scale.min\":\"900\"}," REQUIRED EXECUTABLE "}", false));
}

static void test_counts_are_bounded(void **state) {
    (void)state;
    for (int extra = 0; extra < 2; extra++) {
        struct buf list, text;
        buf_init(&list, 100000);
        buf_init(&text, 200000);
        for (int i = 0; i < TASK_LIST_MAX + extra; i++)
            buf_printf(&list, "%s\"k%d\":\"\"", i ? "," : "", i);
        buf_printf(&text, "{\"metadata\":{%s}," REQUIRED EXECUTABLE "}", buf_text(&list));
        if (extra)
            expect_refusal(buf_text(&text), ERR_UNPROCESSABLE, "field \"metadata\" has 257 entries, at most 256");
        else
            task_unref(read_well(buf_text(&text), false));
        buf_done(&list);
        buf_done(&text);
    }
}

static char *to_text(const struct task *t) {
    struct json_out *out = json_out_new();
    struct buf text;
    buf_init(&text, 100000);
    task_to_json(t, out, json_out_object(out));
    assert_int_equal(json_out_print(out, false, &text), 0);
    json_out_free(out);
    return buf_take(&text, NULL);
}

static const char stored[] =
    "{\"task_id\":\"id-1\",\"name\":\"n\",\"description\":\"d\",\"status\":\"active\",\"priority\":\"low\","
    "\"node_uuid\":\"u\",\"endpoint\":\"a/b\",\"version\":\"1\",\"capabilities\":[\"wasm\",\"x\"],\"registered_at\":5,"
    "\"last_heartbeat\":6,\"metadata\":{\"m\":\"\\u00e4\"},\"config\":{\"queue.max\":\"7\",\"own\":\"\"},"
    "\"executable\":{\"type\":\"wasm\",\"uri\":\"sms+file://h:1/abc\",\"name\":\"x.wasm\",\"checksum_sha256\":\"\","
    "\"args\":[\"1\"],\"env\":{\"E\":\"v\"}}}";

static void test_there_and_back(void **state) {
    (void)state;
    struct task *t = read_well(stored, true);
    assert_int_equal(t->registered_at, 5);
    assert_int_equal(t->limits.queue_max, 7);
    AUTO_FREE char *once = to_text(t);
    struct task *again = read_well(once, true);
    AUTO_FREE char *twice = to_text(again);
    assert_string_equal(once, twice);
    assert_non_null(strstr(once, "\"task_id\":\"id-1\",\"name\":\"n\",\"description\":\"d\",\"status\":\"active\""));
    assert_non_null(strstr(once, "\"metadata\":{\"m\":\"\xC3\xA4\"}"));
    task_unref(t);
    task_unref(again);
}

static void test_stored_form_needs_an_id(void **state) {
    (void)state;
    struct task *t = NULL;
    struct err e;
    assert_int_equal(read_text("{" REQUIRED EXECUTABLE "}", true, &t, &e), -1);
    assert_string_equal(e.text, "field \"task_id\" is required");
    assert_int_equal(read_text("{\"task_id\":\"i\",\"registered_at\":\"x\"," REQUIRED EXECUTABLE "}", true, &t, &e),
                     -1);
    assert_non_null(strstr(e.text, "registered_at"));
}

static void test_references(void **state) {
    (void)state;
    struct task *t = read_well(stored, true);
    assert_ptr_equal(task_ref(t), t);
    task_unref(t);
    assert_string_equal(t->name, "n"); // one holder is left
    task_unref(t);
    task_unref(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_registration_of_the_contract),
        cmocka_unit_test(test_least_registration),
        cmocka_unit_test(test_required_fields_are_named),
        cmocka_unit_test(test_mistyped_fields_are_named),
        cmocka_unit_test(test_executable),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_endpoints_and_priorities),
        cmocka_unit_test(test_config_keys),
        cmocka_unit_test(test_counts_are_bounded),
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_stored_form_needs_an_id),
        cmocka_unit_test(test_references),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
