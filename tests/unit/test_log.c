// base/log.h: one whole line an event, in two formats, that outsiders can neither forge nor let grow.
#include "unit.h"

#include "base/encode.h"
#include "base/json.h"
#include "base/log.h"

static struct buf captured;
static int saved_stderr, capture_fd;

// From here on stderr goes to a file.
static int start_capture(void **state) {
    (void)state;
    char path[] = "/tmp/spear-unit-log-XXXXXX";
    capture_fd = mkostemp(path, O_CLOEXEC);
    if (capture_fd < 0 || unlink(path) < 0)
        return -1;
    saved_stderr = dup(STDERR_FILENO);
    buf_init(&captured, 1 << 20);
    return dup2(capture_fd, STDERR_FILENO) < 0 ? -1 : 0;
}

static int end_capture(void **state) {
    (void)state;
    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    close(capture_fd);
    buf_done(&captured);
    return 0;
}

// What was written since the last call.
static struct span take_captured(void) {
    off_t size = lseek(capture_fd, 0, SEEK_CUR);
    buf_reset(&captured);
    char *to = buf_reserve(&captured, (size_t)size);
    assert_true(pread(capture_fd, to, (size_t)size, 0) == size);
    buf_added(&captured, (size_t)size);
    assert_int_equal(ftruncate(capture_fd, 0), 0);
    lseek(capture_fd, 0, SEEK_SET);
    return buf_span(&captured);
}

static void check_member(struct json_doc *doc, const char *key, const char *want) {
    assert_span_equal(json_string(json_get(json_root(doc), key)), want);
}

static void test_text(void **state) {
    (void)state;
    log_init("sms", LOG_INFO, LOG_FORMAT_TEXT);
    log_info("listening address=%s", "127.0.0.1:1");
    log_debug("not shown");
    struct span line = take_captured();
    assert_span_equal(span_slice(line, 12, line.n), " INFO  sms: listening address=127.0.0.1:1\n");
    assert_int_equal(line.p[2], ':');
    assert_int_equal(line.p[8], '.');
    log_error("x");
    assert_true(span_ends_with(take_captured(), " ERROR sms: x\n"));
}

static void test_json(void **state) {
    (void)state;
    log_init("spearlet", LOG_DEBUG, LOG_FORMAT_JSON);
    log_warn("odd \"value\" \\ \n\t\x1B[31m \xFF \xC3\xA4");
    struct span line = take_captured();
    assert_int_equal(span_find(line, '\n'), line.n - 1);
    CLEANUP(json_free_pointer) struct json_doc *doc = NULL;
    assert_int_equal(json_parse(line, &doc, NULL), 0);
    check_member(doc, "level", "warn");
    check_member(doc, "program", "spearlet");
    check_member(doc, "message", "odd \"value\" \\ \n\t\x1B[31m \xEF\xBF\xBD \xC3\xA4");
    assert_int_equal(json_string(json_get(json_root(doc), "ts")).n, strlen("2026-11-23T01:02:03.004Z"));
    assert_int_equal(json_count(json_root(doc)), 4);
}

static void test_text_cannot_be_forged(void **state) {
    (void)state;
    log_init("sms", LOG_INFO, LOG_FORMAT_TEXT);
    log_info("a\nb\x1B[0m\xC2\x9B"
             "c\x7F");
    struct span line = take_captured();
    assert_true(span_ends_with(line, ": a\\nb\\x1b[0m\\x9bc\\x7f\n"));
    assert_int_equal(span_find(line, '\n'), line.n - 1);
}

static void test_guest_line(void **state) {
    (void)state;
    const char *id = "01234567-89ab-cdef-0123-456789abcdef";
    log_init("spearlet", LOG_INFO, LOG_FORMAT_JSON);
    log_guest_line("ta\"sk", id, span_of("hello"));
    CLEANUP(json_free_pointer) struct json_doc *doc = NULL;
    assert_int_equal(json_parse(take_captured(), &doc, NULL), 0);
    check_member(doc, "task", "ta\"sk");
    check_member(doc, "execution_id", id);
    check_member(doc, "message", "hello");
    log_init("spearlet", LOG_INFO, LOG_FORMAT_TEXT);
    log_guest_line("task", id, span_of("hello"));
    assert_true(span_ends_with(take_captured(), " GUEST task 01234567: hello\n"));
    log_init("spearlet", LOG_WARN, LOG_FORMAT_TEXT);
    log_guest_line("task", id, span_of("hello"));
    assert_int_equal(take_captured().n, 0);
}

static void test_long_lines_are_cut(void **state) {
    (void)state;
    struct buf text;
    buf_init(&text, 100000);
    while (text.n < 20000)
        buf_append_text(&text, "\xE2\x82\xAC\"");
    for (int json = 0; json < 2; json++) {
        log_init("sms", LOG_INFO, json ? LOG_FORMAT_JSON : LOG_FORMAT_TEXT);
        for (int guest = 0; guest < 2; guest++) {
            if (guest)
                log_guest_line("t", "e", buf_span(&text));
            else
                log_info("%s", buf_text(&text));
            struct span line = take_captured();
            assert_true(line.n <= 8192);
            assert_true(line.n > 8000);
            assert_true(utf8_valid(line));
            assert_true(span_ends_with(line, json ? "...\"}\n" : "...\n"));
            struct json_doc *doc = NULL;
            assert_true(!json || json_parse(line, &doc, NULL) == 0);
            json_free(doc);
        }
    }
    buf_done(&text);
}

static void test_names(void **state) {
    (void)state;
    enum log_level level = LOG_INFO;
    enum log_format format = LOG_FORMAT_TEXT;
    assert_int_equal(log_level_parse(span_of("error"), &level), 0);
    assert_int_equal(level, LOG_ERROR);
    assert_int_equal(log_level_parse(span_of("debug"), &level), 0);
    assert_int_equal(level, LOG_DEBUG);
    assert_int_equal(log_level_parse(span_of("INFO"), &level), -1);
    assert_int_equal(level, LOG_DEBUG);
    assert_int_equal(log_format_parse(span_of("json"), &format), 0);
    assert_int_equal(format, LOG_FORMAT_JSON);
    assert_int_equal(log_format_parse(span_of("xml"), &format), -1);
    assert_int_equal(format, LOG_FORMAT_JSON);
}

static void test_auto_is_json_off_a_terminal(void **state) {
    (void)state;
    log_init("sms", LOG_INFO, LOG_FORMAT_AUTO);
    log_info("x");
    assert_true(span_starts_with(take_captured(), "{\"ts\":\""));
}

#define CAPTURED(test) cmocka_unit_test_setup_teardown(test, start_capture, end_capture)

int main(void) {
    const struct CMUnitTest tests[] = {
        CAPTURED(test_text),
        CAPTURED(test_json),
        CAPTURED(test_text_cannot_be_forged),
        CAPTURED(test_guest_line),
        CAPTURED(test_long_lines_are_cut),
        cmocka_unit_test(test_names),
        CAPTURED(test_auto_is_json_off_a_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
