// base/json.h: reading, checked reading with the field named, and writing that is always well-formed.
#include "unit.h"

#include "base/json.h"

#include <math.h>

static struct json_doc *parse(const char *text) {
    struct json_doc *doc = NULL;
    struct err e;
    if (json_parse(span_of(text), &doc, &e) < 0)
        fail_msg("%s", e.text);
    return doc;
}

static void test_types(void **state) {
    (void)state;
    CLEANUP(json_free_pointer)
    struct json_doc *doc = parse("{\"o\":{},\"a\":[1,2],\"s\":\"x\\u0000y\",\"i\":-5,\"d\":1.5,\"t\":true,\"n\":null}");
    json_val *root = json_root(doc);
    assert_true(json_is_object(root));
    assert_true(json_is_object(json_get(root, "o")));
    assert_true(json_is_array(json_get(root, "a")));
    assert_true(json_is_string(json_get(root, "s")));
    assert_int_equal(json_string(json_get(root, "s")).n, 3);
    assert_int_equal(json_i64(json_get(root, "i")), -5);
    assert_true(json_is_integer(json_get(root, "i")));
    assert_true(json_is_number(json_get(root, "d")));
    assert_false(json_is_integer(json_get(root, "d")));
    assert_int_equal(json_i64(json_get(root, "d")), 0);
    assert_true(fabs(json_f64(json_get(root, "d")) - 1.5) < 1e-9);
    assert_true(fabs(json_f64(json_get(root, "i")) + 5) < 1e-9);
    assert_true(json_bool(json_get(root, "t")));
    assert_true(json_is_bool(json_get(root, "t")));
    assert_true(json_is_null(json_get(root, "n")));
    assert_int_equal(json_count(root), 7);
    assert_int_equal(json_i64(json_at(json_get(root, "a"), 1)), 2);
    assert_null(json_at(json_get(root, "a"), 2));
}

static void test_absent_is_harmless(void **state) {
    (void)state;
    assert_null(json_get(NULL, "x"));
    assert_null(json_at(NULL, 0));
    assert_true(json_is_null(NULL));
    assert_false(json_is_object(NULL));
    assert_int_equal(json_string(NULL).n, 0);
    assert_int_equal(json_i64(NULL), 0);
    assert_false(json_bool(NULL));
    assert_int_equal(json_count(NULL), 0);
    assert_int_equal(json_each(NULL, NULL, NULL), 0);
    json_free(NULL);
    json_out_free(NULL);
}

static void test_integers_at_the_edges(void **state) {
    (void)state;
    CLEANUP(json_free_pointer)
    struct json_doc *doc = parse("[9223372036854775807,-9223372036854775808,9223372036854775808,1e3]");
    json_val *root = json_root(doc);
    assert_true(json_i64(json_at(root, 0)) == INT64_MAX);
    assert_true(json_i64(json_at(root, 1)) == INT64_MIN);
    assert_true(json_i64(json_at(root, 2)) == 0);
    assert_true(json_is_integer(json_at(root, 2)));
    assert_false(json_is_integer(json_at(root, 3)));
}

static void test_first_of_two_counts(void **state) {
    (void)state;
    CLEANUP(json_free_pointer) struct json_doc *doc = parse("{\"a\":1,\"a\":2}");
    assert_int_equal(json_i64(json_get(json_root(doc), "a")), 1);
}

static void test_malformed_says_where(void **state) {
    (void)state;
    static const char *const bad[] = {"",    "{",       "[1,]",  "{\"a\":}", "nul", "\"\xFF\"",
                                      "1 2", "{'a':1}", "[NaN]", "// x\n1",  "01"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct json_doc *doc = NULL;
        struct err e;
        assert_int_equal(json_parse(span_of(bad[i]), &doc, &e), -1);
        assert_int_equal(e.kind, ERR_SERIALIZATION);
        assert_true(i == 0 || strstr(e.text, "offset"));
        assert_null(doc);
    }
}

static void test_depth_costs_no_stack(void **state) {
    (void)state;
    enum { DEPTH = 200000 };
    struct buf text, again;
    buf_init(&text, 2 * DEPTH);
    buf_init(&again, 2 * DEPTH);
    for (int i = 0; i < DEPTH; i++)
        buf_append_char(&text, '[');
    for (int i = 0; i < DEPTH; i++)
        buf_append_char(&text, ']');
    CLEANUP(json_free_pointer) struct json_doc *doc = parse(buf_text(&text));
    assert_int_equal(json_print(json_root(doc), &again), 0);
    assert_true(span_equal(buf_span(&text), buf_span(&again)));
    struct json_out *out = json_out_new();
    json_add_value(out, json_out_object(out), "v", json_root(doc));
    json_out_free(out);
    buf_done(&text);
    buf_done(&again);
}

static int sum_until_ten(void *ctx, struct span key, json_val *value) {
    int64_t *sum = ctx;
    *sum += json_i64(value) + (int64_t)key.n * 100;
    return json_i64(value) == 10 ? 42 : 0;
}

static void test_each(void **state) {
    (void)state;
    CLEANUP(json_free_pointer) struct json_doc *array = parse("[1,2,10,50]");
    CLEANUP(json_free_pointer) struct json_doc *object = parse("{\"a\":1,\"bc\":2}");
    int64_t sum = 0;
    assert_int_equal(json_each(json_root(array), sum_until_ten, &sum), 42);
    assert_int_equal(sum, 13);
    sum = 0;
    assert_int_equal(json_each(json_root(object), sum_until_ten, &sum), 0);
    assert_int_equal(sum, 303);
}

static void expect_text(const struct err *e, const char *text) {
    assert_int_equal(e->kind, ERR_UNPROCESSABLE);
    assert_string_equal(e->text, text);
}

static void test_needed_string(void **state) {
    (void)state;
    CLEANUP(json_free_pointer) struct json_doc *doc = parse("{\"name\":\"x\",\"n\":3,\"z\":null,\"e\":\"\"}");
    json_val *root = json_root(doc);
    struct span text = span_of("before");
    struct err e;
    assert_int_equal(json_need_string(root, "missing", &text, &e), -1);
    expect_text(&e, "field \"missing\" is required");
    assert_int_equal(json_need_string(root, "z", &text, &e), -1);
    expect_text(&e, "field \"z\" is required");
    assert_int_equal(json_need_string(NULL, "z", &text, &e), -1);
    assert_int_equal(json_need_string(root, "n", &text, &e), -1);
    expect_text(&e, "field \"n\" must be a string, not a number");
    assert_span_equal(text, "before");
    assert_int_equal(json_need_string(root, "name", &text, &e), 0);
    assert_span_equal(text, "x");
    assert_int_equal(json_need_string(root, "e", &text, &e), 0);
    assert_int_equal(text.n, 0);
    assert_int_equal(json_need_string(json_get(root, "n"), "x", &text, &e), -1);
    assert_int_equal(e.kind, ERR_UNPROCESSABLE);
}

static void test_wanted_values(void **state) {
    (void)state;
    CLEANUP(json_free_pointer)
    struct json_doc *doc =
        parse("{\"i\":7,\"d\":1.5,\"big\":9223372036854775808,\"b\":true,\"o\":{},\"a\":[],\"z\":null}");
    json_val *root = json_root(doc), *container = root;
    int64_t number = 5;
    bool flag = false;
    struct err e;
    assert_int_equal(json_want_i64(root, "missing", 0, 10, &number, &e), 0);
    assert_int_equal(json_want_i64(root, "z", 0, 10, &number, &e), 0);
    assert_int_equal(number, 5);
    assert_int_equal(json_want_i64(root, "d", 0, 10, &number, &e), -1);
    expect_text(&e, "field \"d\" must be an integer, not 1.5");
    assert_int_equal(json_want_i64(root, "b", 0, 10, &number, &e), -1);
    expect_text(&e, "field \"b\" must be an integer, not a boolean");
    assert_int_equal(json_want_i64(root, "i", 8, 10, &number, &e), -1);
    expect_text(&e, "field \"i\" must be from 8 to 10, not 7");
    assert_int_equal(json_want_i64(root, "big", 0, INT64_MAX, &number, &e), -1);
    assert_int_equal(number, 5);
    assert_int_equal(json_want_i64(root, "i", 7, 7, &number, &e), 0);
    assert_int_equal(number, 7);
    assert_int_equal(json_want_bool(root, "b", &flag, &e), 0);
    assert_true(flag);
    assert_int_equal(json_want_bool(root, "i", &flag, &e), -1);
    expect_text(&e, "field \"i\" must be a boolean, not a number");
    assert_int_equal(json_want_object(root, "z", &container, &e), 0);
    assert_ptr_equal(container, root);
    assert_int_equal(json_want_object(root, "a", &container, &e), -1);
    expect_text(&e, "field \"a\" must be an object, not an array");
    assert_int_equal(json_want_array(root, "o", &container, &e), -1);
    expect_text(&e, "field \"o\" must be an array, not an object");
    assert_int_equal(json_want_array(root, "a", &container, &e), 0);
    assert_true(json_is_array(container));
}

static void expect_printed(struct json_out *out, const char *want) {
    struct buf text;
    buf_init(&text, 10000);
    assert_int_equal(json_out_print(out, false, &text), 0);
    assert_string_equal(buf_text(&text), want);
    buf_done(&text);
    json_out_free(out);
}

static void test_writing(void **state) {
    (void)state;
    struct json_out *out = json_out_new();
    json_node *root = json_out_object(out);
    json_add_text(out, root, "t", "a\"b\n");
    json_add_text(out, root, "none", NULL);
    json_add_string(out, root, "s", span_make("x\0y", 3));
    json_add_i64(out, root, "i", INT64_MIN);
    json_add_f64(out, root, "d", 0.5);
    json_add_f64(out, root, "inf", (double)INFINITY);
    json_add_bool(out, root, "b", true);
    json_add_null(out, root, "n");
    json_node *array = json_add_array(out, root, "a");
    json_push_i64(out, array, 1);
    json_push_f64(out, array, (double)NAN);
    json_push_string(out, array, span_of(NULL));
    json_add_i64(out, json_push_object(out, array), "k", 2);
    json_add_string_at(out, json_add_object(out, root, "o"), span_make("k\0", 2), span_of("v"));
    expect_printed(out, "{\"t\":\"a\\\"b\\n\",\"none\":null,\"s\":\"x\\u0000y\",\"i\":-9223372036854775808,\"d\":0.5,"
                        "\"inf\":null,\"b\":true,\"n\":null,\"a\":[1,null,\"\",{\"k\":2}],\"o\":{\"k\\u0000\":\"v\"}}");
}

static void test_bad_utf8_is_replaced(void **state) {
    (void)state;
    struct json_out *out = json_out_new();
    json_node *root = json_out_object(out);
    json_add_text(out, root, "a\xFF", "\xC3(");
    expect_printed(out, "{\"a\xEF\xBF\xBD\":\"\xEF\xBF\xBD(\"}");
}

static void test_strings_are_copied(void **state) {
    (void)state;
    struct json_out *out = json_out_new();
    char key[] = "key", value[] = "value";
    json_add_text(out, json_out_object(out), key, value);
    memset(key, 'x', 3);
    memset(value, 'x', 5);
    expect_printed(out, "{\"key\":\"value\"}");
}

static void test_first_value_is_the_root(void **state) {
    (void)state;
    struct json_out *out = json_out_new();
    json_node *array = json_out_array(out);
    json_out_object(out);
    json_push_i64(out, array, 1);
    expect_printed(out, "[1]");
}

static void test_copied_values_outlive_their_document(void **state) {
    (void)state;
    struct json_out *out = json_out_new();
    struct json_doc *doc = parse("{\"a\":[1,{\"b\":\"c\"}]}");
    json_node *root = json_out_array(out);
    json_push_value(out, root, json_root(doc));
    json_push_value(out, root, NULL);
    json_free(doc);
    expect_printed(out, "[{\"a\":[1,{\"b\":\"c\"}]},null]");
}

static void test_printing_keeps_to_the_ceiling(void **state) {
    (void)state;
    struct buf text;
    buf_init(&text, 5);
    struct json_out *out = json_out_new();
    json_add_text(out, json_out_object(out), "a", "b");
    assert_int_equal(json_out_print(out, false, &text), -1);
    assert_int_equal(text.n, 0);
    buf_done(&text);
    buf_init(&text, 100);
    assert_int_equal(json_out_print(out, true, &text), 0);
    assert_string_equal(buf_text(&text), "{\n    \"a\": \"b\"\n}");
    buf_done(&text);
    json_out_free(out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_absent_is_harmless),
        cmocka_unit_test(test_integers_at_the_edges),
        cmocka_unit_test(test_first_of_two_counts),
        cmocka_unit_test(test_malformed_says_where),
        cmocka_unit_test(test_depth_costs_no_stack),
        cmocka_unit_test(test_each),
        cmocka_unit_test(test_needed_string),
        cmocka_unit_test(test_wanted_values),
        cmocka_unit_test(test_writing),
        cmocka_unit_test(test_bad_utf8_is_replaced),
        cmocka_unit_test(test_strings_are_copied),
        cmocka_unit_test(test_first_value_is_the_root),
        cmocka_unit_test(test_copied_values_outlive_their_document),
        cmocka_unit_test(test_printing_keeps_to_the_ceiling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
