// base/file.h: whole files or none, directories made, removed and locked, and programs found.
#include "unit.h"

#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>

static char *directory;

static int set_up(void **state) {
    (void)state;
    directory = unit_directory();
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    unit_directory_done(directory);
    return 0;
}

static char *in(const char *name) {
    return file_join(directory, name);
}

static void write_file(const char *name, const char *content) {
    AUTO_FREE char *path = in(name);
    struct err e;
    if (file_write_atomic(path, span_of(content), 0600, &e) < 0)
        fail_msg("%s", e.text);
}

static size_t count_entries(void) {
    DIR *entries = opendir(directory);
    size_t count = 0;
    while (readdir(entries))
        count++;
    closedir(entries);
    return count - 2;
}

static void test_write_then_read(void **state) {
    (void)state;
    AUTO_FREE char *path = in("a");
    struct buf content;
    struct stat st;
    buf_init(&content, 100);
    write_file("a", "first");
    write_file("a", "second");
    assert_int_equal(file_read(path, &content, NULL), 0);
    assert_string_equal(buf_text(&content), "second");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(count_entries(), 1); // no temporary file stays
    buf_done(&content);
}

static void test_read_refuses(void **state) {
    (void)state;
    AUTO_FREE char *large = in("large"), *fifo = in("fifo"), *missing = in("missing");
    struct buf content;
    struct err e;
    buf_init(&content, 10);
    buf_append_text(&content, "kept");
    write_file("large", "1234567");
    assert_int_equal(file_read(large, &content, &e), -1);
    assert_int_equal(e.kind, ERR_IO);
    assert_non_null(strstr(e.text, large));
    assert_non_null(strstr(e.text, "7 bytes, 6 are allowed"));
    assert_int_equal(file_read(missing, &content, &e), -1);
    assert_int_equal(e.sys, ENOENT);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(file_read(fifo, &content, &e), -1);
    assert_int_equal(file_read(directory, &content, &e), -1);
    assert_int_equal(file_read("/proc/self/maps", &content, &e), -1); // tells no size
    assert_string_equal(buf_text(&content), "kept");
    buf_done(&content);
}

static void test_atomic_write_leaves_the_old_on_failure(void **state) {
    (void)state;
    AUTO_FREE char *path = in("sub"), *below = in("sub/file");
    struct err e;
    assert_int_equal(file_write_atomic(below, span_of("x"), 0600, &e), -1);
    assert_int_equal(e.sys, ENOENT);
    assert_int_equal(mkdir(path, 0700), 0);
    write_file("sub/inner", "y");
    assert_int_equal(file_write_atomic(path, span_of("x"), 0600, &e), -1); // a directory is there
    assert_int_equal(e.kind, ERR_IO);
    assert_int_equal(count_entries(), 1);
}

static void test_write_all_reports(void **state) {
    (void)state;
    struct err e;
    AUTO_CLOSE int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    assert_true(full >= 0);
    assert_int_equal(file_write_all(full, span_of("abc"), &e), -1);
    assert_int_equal(e.kind, ERR_IO);
    assert_int_equal(e.sys, ENOSPC);
    assert_int_equal(file_write_all(full, span_of(""), &e), 0);
}

static void test_make_dirs(void **state) {
    (void)state;
    AUTO_FREE char *deep = in("a/b//c/"), *file = in("file/x");
    struct err e;
    struct stat st;
    assert_int_equal(file_make_dirs(deep, 0700, &e), 0);
    assert_int_equal(file_make_dirs(deep, 0700, &e), 0);
    assert_int_equal(stat(deep, &st), 0);
    assert_true(S_ISDIR(st.st_mode));
    write_file("file", "");
    assert_int_equal(file_make_dirs(file, 0700, &e), -1);
    assert_int_equal(e.sys, ENOTDIR);
    assert_int_equal(file_make_dirs("/", 0700, &e), 0);
}

static void test_join(void **state) {
    (void)state;
    static const char *const rows[][3] = {{"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"a//", "/b", "a/b"},
                                          {"/", "b", "/b"},  {"", "b", "b"},     {"/x", "y/z", "/x/y/z"}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO_FREE char *path = file_join(rows[i][0], rows[i][1]);
        assert_string_equal(path, rows[i][2]);
    }
}

static void test_remove_tree_of_a_deep_tree(void **state) {
    (void)state;
    AUTO_FREE char *top = in("top");
    struct err e;
    assert_int_equal(mkdir(top, 0700), 0);
    // Deeper than a path name may be long, and than descriptors would reach.
    AUTO_CLOSE int at = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; i < 3000; i++) {
        assert_int_equal(mkdirat(at, ".removed-0", 0700), 0); // a name that the removal uses itself
        AUTO_CLOSE int file = openat(at, "file", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        assert_true(file >= 0);
        int next = openat(at, ".removed-0", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        close(at);
        at = next;
    }
    if (file_remove_tree(top, &e) < 0)
        fail_msg("%s", e.text);
    assert_int_equal(access(top, F_OK), -1);
    assert_int_equal(file_remove_tree(top, &e), 0); // missing is success
}

static void test_remove_tree_does_not_follow_links(void **state) {
    (void)state;
    AUTO_FREE char *outside = in("outside"), *inside = in("tree"), *link = in("tree/link"), *own = in("own");
    AUTO_FREE char *kept = in("outside/kept");
    assert_int_equal(mkdir(outside, 0700), 0);
    assert_int_equal(mkdir(inside, 0700), 0);
    write_file("outside/kept", "x");
    assert_int_equal(symlink(outside, link), 0);
    assert_int_equal(symlink(outside, own), 0);
    assert_int_equal(file_remove_tree(inside, NULL), 0);
    assert_int_equal(file_remove_tree(own, NULL), 0); // the link itself goes
    assert_int_equal(access(own, F_OK), -1);
    assert_int_equal(access(kept, F_OK), 0);
    assert_int_equal(file_remove_tree(kept, NULL), 0); // a plain file
    assert_int_equal(access(kept, F_OK), -1);
}

static void test_lock_excludes(void **state) {
    (void)state;
    struct err e;
    int first = -1, second = -1;
    assert_int_equal(file_lock_dir(directory, &first, &e), 0);
    assert_int_equal(file_lock_dir(directory, &second, &e), -1);
    assert_int_equal(e.kind, ERR_CONFLICT);
    AUTO_FREE char *pid = mem_printf("(%d)", (int)getpid());
    assert_non_null(strstr(e.text, pid));
    assert_int_equal(second, -1);
    close(first);
    assert_int_equal(file_lock_dir(directory, &second, &e), 0);
    close(second);
}

static void test_find_program(void **state) {
    (void)state;
    AUTO_FREE char *own = file_find_program("test_file"); // beside the running executable
    assert_non_null(own);
    assert_int_equal(access(own, X_OK), 0);
    assert_null(file_find_program("no-such-program-of-spear"));
    AUTO_FREE char *shell = file_find_program("sh"); // on PATH
    assert_non_null(shell);
    write_file("not-executable", "x");
    AUTO_FREE char *old_path = mem_strdup(getenv("PATH"));
    setenv("PATH", directory, 1);
    assert_null(file_find_program("not-executable"));
    setenv("PATH", old_path, 1);
}

static void expect_no_secret(const char *path, const char *word) {
    struct err e;
    char *text = NULL;
    assert_int_equal(file_read_secret(path, 10, &text, &e), -1);
    assert_int_equal(e.kind, ERR_INVALID_CONFIGURATION);
    assert_non_null(strstr(e.text, path));
    assert_non_null(strstr(e.text, word));
    assert_null(strstr(e.text, "hidden"));
    assert_null(text);
}

static void test_secret(void **state) {
    (void)state;
    struct err e;
    char *text = NULL;
    AUTO_FREE char *path = in("secret");
    expect_no_secret(path, "No such file");
    write_file("secret", "hidden \r\n");
    assert_int_equal(file_read_secret(path, 10, &text, &e), 0);
    assert_string_equal(text, "hidden");
    file_secret_free(text);
    static const mode_t modes[] = {0604, 0602, 0601, 0620, 0644, 0666};
    for (size_t i = 0; i < COUNT_OF(modes); i++) {
        assert_int_equal(chmod(path, modes[i]), 0);
        expect_no_secret(path, "chmod 600");
    }
    write_file("secret", "hidden hidden");
    expect_no_secret(path, "at most 10 bytes");
    write_file("secret", " \n");
    expect_no_secret(path, "is empty");
    expect_no_secret(directory, "not a regular file");
}

#define WITH_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_DIRECTORY(test_write_then_read),
        WITH_DIRECTORY(test_read_refuses),
        WITH_DIRECTORY(test_atomic_write_leaves_the_old_on_failure),
        cmocka_unit_test(test_write_all_reports),
        WITH_DIRECTORY(test_make_dirs),
        cmocka_unit_test(test_join),
        WITH_DIRECTORY(test_remove_tree_of_a_deep_tree),
        WITH_DIRECTORY(test_remove_tree_does_not_follow_links),
        WITH_DIRECTORY(test_lock_excludes),
        WITH_DIRECTORY(test_find_program),
        WITH_DIRECTORY(test_secret),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
