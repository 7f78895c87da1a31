// base/toml.h: a TOML file as flat keys with their lines, and errors that name file, line and column.
#include "unit.h"

#include "base/toml.h"

static char *directory, *path;

static int set_up(void **state) {
    (void)state;
    directory = unit_directory();
    path = file_join(directory, "x.toml");
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    unit_directory_done(directory);
    free(path);
    return 0;
}

static int read_text(struct span text, struct toml_file *ret, struct err *e) {
    assert_int_equal(file_write_atomic(path, text, 0600, NULL), 0);
    return toml_read(path, ret, e);
}

static void check_entry(const struct toml_file *file, const char *key, const char *value, int line) {
    for (size_t i = 0; i < file->count; i++) {
        if (strcmp(file->entries[i].key, key) != 0)
            continue;
        assert_string_equal(file->entries[i].value, value);
        assert_int_equal(file->entries[i].line, line);
        return;
    }
    fail_msg("no key %s", key);
}

static void test_flat_keys_with_lines(void **state) {
    (void)state;
    struct toml_file file;
    struct err e;
    const char *text = "text = 'a b'\nnumber = 1_000\nhex = 0x10\nreal = 0.5\nflag = false\nlist = [1, 'b', true]\n"
                       "none = []\n[table]\ninner = \"\\u00e4\"\n[table.deep]\nx = 1\n# comment\na.b = 2\n";
    if (read_text(span_of(text), &file, &e) < 0)
        fail_msg("%s", e.text);
    assert_int_equal(file.count, 10);
    check_entry(&file, "text", "a b", 1);
    check_entry(&file, "number", "1000", 2);
    check_entry(&file, "hex", "16", 3);
    check_entry(&file, "real", "0.5", 4);
    check_entry(&file, "flag", "false", 5);
    check_entry(&file, "list", "1,b,true", 6);
    check_entry(&file, "none", "", 7);
    check_entry(&file, "table.inner", "\xC3\xA4", 9);
    check_entry(&file, "table.deep.x", "1", 11);
    check_entry(&file, "table.deep.a.b", "2", 13);
    toml_done(&file);
    assert_int_equal(file.count, 0);
}

static void test_empty_file(void **state) {
    (void)state;
    struct toml_file file;
    assert_int_equal(read_text(span_of(""), &file, NULL), 0);
    assert_int_equal(file.count, 0);
    toml_done(&file);
}

static void test_refusals_name_the_place(void **state) {
    (void)state;
    static const struct {
        const char *text, *place, *said;
    } rows[] = {{"a = 1\nb = \n", ":2:", ""},
                {"a = 1\na = 2\n", ":2:", ""},
                {"\nwhen = 2026-01-01\n", ":2:8: ", "\"when\" may not be a date"},
                {"at = 07:30:00", ":1:6: ", "\"at\""},
                {"a = [[1]]", ":1:6: ", "\"a\""},
                {"a = [{b = 1}]", ":1:6: ", "\"a\""},
                {"[[t]]\nb = 1", ":1:", "\"t\""},
                {"a = ['x,y']", ":1:6: ", "comma"},
                {"a = \"\\u0000\"", ":1:5: ", "NUL"},
                {"a = \"\xFF\"", ":1:", ""}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct toml_file file = {NULL, 77};
        struct err e;
        assert_int_equal(read_text(span_of(rows[i].text), &file, &e), -1);
        assert_int_equal(e.kind, ERR_INVALID_CONFIGURATION);
        AUTO_FREE char *place = mem_printf("%s%s", path, rows[i].place);
        if (!span_starts_with(span_of(e.text), place) || !strstr(e.text, rows[i].said))
            fail_msg("%s: \"%s\"", rows[i].text, e.text);
        assert_int_equal(file.count, 77);
    }
}

static void test_missing_and_large_files(void **state) {
    (void)state;
    struct toml_file file;
    struct err e;
    assert_int_equal(toml_read(path, &file, &e), -1);
    assert_int_equal(e.kind, ERR_INVALID_CONFIGURATION);
    assert_non_null(strstr(e.text, path));
    AUTO_FREE char *large = mem_calloc(1, (1 << 20) + 1);
    memset(large, '\n', (1 << 20) + 1);
    assert_int_equal(read_text(span_make(large, (1 << 20) + 1), &file, &e), -1);
    assert_int_equal(e.kind, ERR_INVALID_CONFIGURATION);
}

#define PREPARED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        PREPARED(test_flat_keys_with_lines),
        PREPARED(test_empty_file),
        PREPARED(test_refusals_name_the_place),
        PREPARED(test_missing_and_large_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
