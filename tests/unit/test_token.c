// model/token.h: the form of tokens, names and scopes.
#include "unit.h"

#include "model/token.h"

static void test_a_made_token_has_the_form(void **state) {
    (void)state;
    char id[TOKEN_ID_TEXT + 1], text[TOKEN_TEXT + 1], other_id[TOKEN_ID_TEXT + 1], other[TOKEN_TEXT + 1];
    token_make(id, text);
    token_make(other_id, other);
    assert_int_equal(strlen(text), TOKEN_TEXT);
    assert_true(token_valid(span_of(text)));
    assert_true(token_id_valid(span_of(id)));
    assert_memory_equal(text + 6, id, TOKEN_ID_TEXT);
    assert_string_not_equal(text, other);
    assert_string_not_equal(id, other_id);
    for (size_t n = 0; n < TOKEN_TEXT; n++)
        assert_false(token_valid(span_make(text, n)));
    text[TOKEN_TEXT - 1] = '+';
    assert_false(token_valid(span_of(text)));
    text[6] = 'A';
    assert_false(token_valid(span_of(text)));
}

static void test_secret(void **state) {
    (void)state;
    char secret[TOKEN_SECRET_TEXT + 1];
    for (int i = 0; i < 100; i++) {
        token_make_secret(secret);
        assert_true(token_secret_valid(span_of(secret)));
    }
    assert_false(token_secret_valid(span_of("short")));
}

static void test_found_within_other_text(void **state) {
    (void)state;
    assert_true(token_is_within(span_of("spear_0123456789abcdef_x")));
    assert_true(token_is_within(span_of("Basic a, bearer  spear_0123456789abcdef_secret")));
    assert_true(token_is_within(span_of("spear_spear_0123456789abcdef")));
    assert_false(token_is_within(span_of("Bearer spear_something_else_of_mine")));
    assert_false(token_is_within(span_of("Bearer spear_0123456789abcde")));
    assert_false(token_is_within(span_of("")));
}

static void test_equal(void **state) {
    (void)state;
    assert_true(token_equal("abc", "abc", 3));
    assert_true(token_equal("abc", "abd", 2));
    assert_false(token_equal("abc", "abd", 3));
    assert_false(token_equal("xbc", "abc", 3));
}

static void test_names(void **state) {
    (void)state;
    static const char *const good[] = {"a", "ci", "CI-1", "me@example.org", "node_", "0.1"};
    static const char *const bad[] = {"", "-a", ".a", "a b", "a/b", "a\n", "0123456789abcdef", "anonymous", "ä", "a,b"};
    for (size_t i = 0; i < COUNT_OF(good); i++)
        assert_true(token_name_valid(span_of(good[i])));
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_false(token_name_valid(span_of(bad[i])));
    char longest[TOKEN_NAME_MAX + 2];
    memset(longest, 'a', sizeof longest);
    longest[10] = 'x'; // not of an id's form
    assert_true(token_name_valid(span_make(longest, TOKEN_NAME_MAX)));
    assert_false(token_name_valid(span_make(longest, TOKEN_NAME_MAX + 1)));
    assert_false(token_name_valid(span_make("a\0b", 3)));
}

static void test_scopes(void **state) {
    (void)state;
    struct err e;
    unsigned scopes = 99;
    char text[TOKEN_SCOPES_TEXT];
    assert_int_equal(token_scopes_parse(span_of("invoke,deploy"), &scopes, &e), 0);
    assert_int_equal(scopes, SCOPE_DEPLOY | SCOPE_INVOKE);
    token_scopes_print(scopes, ",", text);
    assert_string_equal(text, "deploy,invoke");
    assert_int_equal(token_scopes_parse(span_of(" read , admin read"), &scopes, &e), 0);
    assert_int_equal(scopes, SCOPE_READ | SCOPE_ADMIN);
    token_scopes_print(SCOPES_ALL, " or ", text);
    assert_string_equal(text, "read or deploy or invoke or node or admin");
    token_scopes_print(SCOPES_ALL, ", ", text);
    assert_string_equal(text, "read, deploy, invoke, node, admin");
    assert_int_equal(token_scopes_parse(span_of("read,write"), &scopes, &e), -1);
    assert_non_null(strstr(e.text, "\"write\""));
    assert_int_equal(token_scopes_parse(span_of(", "), &scopes, &e), -1);
    assert_int_equal(token_scopes_parse(span_of("Read"), &scopes, &e), -1);
    assert_string_equal(token_scope_name(SCOPE_NODE), "node");
}

static void test_what_scopes_allow(void **state) {
    (void)state;
    assert_true(token_scopes_allow(SCOPE_READ, SCOPE_READ | SCOPE_DEPLOY));
    assert_true(token_scopes_allow(SCOPE_ADMIN, SCOPE_NODE));
    assert_false(token_scopes_allow(SCOPE_READ | SCOPE_NODE, SCOPE_DEPLOY));
    assert_false(token_scopes_allow(0, SCOPE_READ));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_made_token_has_the_form),
        cmocka_unit_test(test_secret),
        cmocka_unit_test(test_found_within_other_text),
        cmocka_unit_test(test_equal),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_scopes),
        cmocka_unit_test(test_what_scopes_allow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
