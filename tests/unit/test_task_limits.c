// model/task_limits.h: the defaults of the contract, every key with its range, and what is refused.
#include "unit.h"

#include "model/task_limits.h"

static int set(struct task_limits *limits, const char *key, const char *value, struct err *e) {
    return task_limits_set(limits, span_of(key), span_of(value), e);
}

static void test_defaults(void **state) {
    (void)state;
    struct task_limits l;
    task_limits_default(&l);
    assert_int_equal(l.memory_bytes, 128 << 20);
    assert_int_equal(l.time_ms, 30000);
    assert_int_equal(l.cpu_ms, 0);
    assert_int_equal(l.output_bytes, 16 << 20);
    assert_int_equal(l.log_bytes, 1 << 20);
    assert_int_equal(l.payload_bytes, 16 << 20);
    assert_int_equal(l.open_files, 64);
    assert_int_equal(l.scale_min, 0);
    assert_int_equal(l.scale_max, 0);
    assert_int_equal(l.scale_idle_ms, 60000);
    assert_int_equal(l.queue_max, 1024);
    assert_false(l.isolation_strict);
    assert_int_equal(l.aot, TASK_AOT_BACKGROUND);
    assert_false(l.instance_reuse);
    assert_false(l.http_cgi || l.http_stream || l.http_authorization || l.http_public);
    assert_string_equal(l.content_type, "application/octet-stream");
}

static void test_ranges(void **state) {
    (void)state;
    static const struct {
        const char *key, *least, *most, *below, *above;
    } rows[] = {{"limit.memory_bytes", "65536", "4294967296", "65535", "4294967297"},
                {"limit.time_ms", "1", "86400000", "0", "86400001"},
                {"limit.cpu_ms", "0", "86400000", "-1", "86400001"},
                {"limit.output_bytes", "0", "268435456", "-1", "268435457"},
                {"limit.log_bytes", "0", "67108864", "-1", "67108865"},
                {"limit.payload_bytes", "0", "268435456", "-1", "268435457"},
                {"limit.open_files", "0", "1000", "-1", "1001"},
                {"scale.min", "0", "1024", "-1", "1025"},
                {"scale.max", "1", "1024", "0", "1025"},
                {"scale.idle_ms", "0", "86400000", "-1", "86400001"},
                {"queue.max", "0", "100000", "-1", "100001"}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct task_limits l;
        struct err e;
        task_limits_default(&l);
        assert_int_equal(set(&l, rows[i].key, rows[i].least, &e), 0);
        assert_int_equal(set(&l, rows[i].key, rows[i].most, &e), 0);
        const char *const bad[] = {rows[i].below, rows[i].above, "", "1 MiB", "64KiB", "1.5", "99999999999999999999"};
        for (size_t j = 0; j < COUNT_OF(bad); j++) {
            struct task_limits before = l;
            assert_int_equal(set(&l, rows[i].key, bad[j], &e), -1);
            assert_int_equal(e.kind, ERR_INVALID_CONFIGURATION);
            assert_non_null(strstr(e.text, rows[i].key));
            assert_non_null(strstr(e.text, bad[j]));
            assert_non_null(strstr(e.text, rows[i].most));
            assert_memory_equal(&l, &before, sizeof l);
        }
    }
}

static void test_values_arrive(void **state) {
    (void)state;
    struct task_limits l;
    task_limits_default(&l);
    assert_int_equal(set(&l, "limit.memory_bytes", "4294967296", NULL), 0);
    assert_true(l.memory_bytes == UINT64_C(4294967296));
    assert_int_equal(set(&l, "scale.min", "3", NULL), 0);
    assert_int_equal(set(&l, "scale.max", "9", NULL), 0);
    assert_int_equal(l.scale_min, 3);
    assert_int_equal(l.scale_max, 9);
    assert_int_equal(l.scale_idle_ms, 60000); // the neighbour is untouched
    assert_int_equal(set(&l, "queue.max", "5", NULL), 0);
    assert_int_equal(l.queue_max, 5);
    assert_int_equal(set(&l, "isolation", "strict", NULL), 0);
    assert_true(l.isolation_strict);
    assert_int_equal(set(&l, "isolation", "shared", NULL), 0);
    assert_false(l.isolation_strict);
    assert_int_equal(set(&l, "aot", "before-ready", NULL), 0);
    assert_int_equal(l.aot, TASK_AOT_BEFORE_READY);
    assert_int_equal(set(&l, "aot", "off", NULL), 0);
    assert_int_equal(l.aot, TASK_AOT_OFF);
    assert_int_equal(set(&l, "instance.reuse", "true", NULL), 0);
    assert_true(l.instance_reuse);
    assert_int_equal(set(&l, "http.cgi", "true", NULL), 0);
    assert_int_equal(set(&l, "http.stream", "true", NULL), 0);
    assert_int_equal(set(&l, "http.authorization", "true", NULL), 0);
    assert_int_equal(set(&l, "http.public", "true", NULL), 0);
    assert_true(l.http_cgi && l.http_stream && l.http_authorization && l.http_public);
    assert_int_equal(set(&l, "http.cgi", "false", NULL), 0);
    assert_false(l.http_cgi);
    assert_int_equal(set(&l, "http.content_type", "text/html; charset=utf-8", NULL), 0);
    assert_string_equal(l.content_type, "text/html; charset=utf-8");
}

static void test_refuses_words(void **state) {
    (void)state;
    static const char *const bad[][2] = {{"isolation", "Strict"},
                                         {"isolation", ""},
                                         {"aot", "on"},
                                         {"instance.reuse", "1"},
                                         {"http.content_type", ""},
                                         {"http.content_type", "html"},
                                         {"http.content_type", "text/html\r\nX: y"},
                                         {"http.cgi", "yes"},
                                         {"http.stream", ""},
                                         {"http.authorization", "1"},
                                         {"http.public", "yes"}};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct task_limits l;
        struct err e;
        task_limits_default(&l);
        assert_int_equal(set(&l, bad[i][0], bad[i][1], &e), -1);
        assert_int_equal(e.kind, ERR_INVALID_CONFIGURATION);
        assert_non_null(strstr(e.text, bad[i][0]));
    }
}

static void test_content_type_length(void **state) {
    (void)state;
    struct task_limits l;
    char text[128];
    memset(text, 'a', sizeof text);
    text[1] = '/';
    task_limits_default(&l);
    assert_int_equal(task_limits_set(&l, span_of("http.content_type"), span_make(text, 127), NULL), 0);
    assert_int_equal(strlen(l.content_type), 127);
    assert_int_equal(task_limits_set(&l, span_of("http.content_type"), span_make(text, 128), NULL), -1);
}

static void test_families(void **state) {
    (void)state;
    static const char *const unknown[] = {"limit.memory", "limit.", "scale.maximum", "queue.min",
                                          "wasi.socket",  "http.x", "instance.x"};
    static const char *const foreign[] = {"", "owner", "limits.memory", "isolation.level", "aotx", "LIMIT.x", "wasi"};
    struct task_limits l, before;
    struct err e;
    task_limits_default(&l);
    before = l;
    for (size_t i = 0; i < COUNT_OF(unknown); i++) {
        assert_int_equal(set(&l, unknown[i], "1", &e), -1);
        assert_int_equal(e.kind, ERR_INVALID_CONFIGURATION);
        assert_non_null(strstr(e.text, unknown[i]));
        assert_non_null(strstr(e.text, "limit.memory_bytes"));
    }
    for (size_t i = 0; i < COUNT_OF(foreign); i++)
        assert_int_equal(set(&l, foreign[i], "anything", &e), 0);
    assert_int_equal(set(&l, "wasi.dir.data/", "v", &e), -1);
    assert_int_equal(e.kind, ERR_INVALID_CONFIGURATION);
    assert_non_null(strstr(e.text, "is not granted at a guest path"));
    assert_memory_equal(&l, &before, sizeof l);
}

static void test_grants(void **state) {
    (void)state;
    struct task_limits l;
    struct err e;
    task_limits_default(&l);
    assert_int_equal(set(&l, "wasi.dir./data", "photos", &e), 0);
    assert_int_equal(set(&l, "wasi.dir.in/put", "a.b_c-9:ro", &e), 0);
    assert_int_equal(set(&l, "wasi.dir./", "v:rw", &e), 0);
    assert_int_equal(set(&l, "wasi.dir..", "v:rw:1000000", &e), 0);
    assert_int_equal(l.grant_count, 4);
    assert_string_equal(l.grants[0].guest_path, "/data");
    assert_string_equal(l.grants[0].volume, "photos");
    assert_false(l.grants[0].writable); // only when it says so
    assert_true(l.grants[0].max_bytes == UINT64_MAX);
    assert_false(l.grants[1].writable);
    assert_true(l.grants[2].writable);
    assert_true(l.grants[3].max_bytes == 1000000);
    assert_int_equal(set(&l, "wasi.dir./limit", "v:5", &e), 0);
    assert_true(!l.grants[4].writable && l.grants[4].max_bytes == 5);
    static const char *const paths[] = {"", "/a/", "/a//b", "/..", "../a", "/a/./b", "//", "/a/.."};
    static const char *const values[] = {"",         ":rw",     ".hidden", "..",      "a/b",     "/etc",
                                         "v:",       "v:wr",    "v:rw:",   "v:ro:x",  "v:rw:-1", "v:5:rw",
                                         "v:rw:5:6", "v:rw:5:", "v:rw ",   "v:rw:1x", "v\\w"};
    char key[300];
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        snprintf(key, sizeof key, "wasi.dir.%s", paths[i]);
        assert_int_equal(set(&l, key, "v", &e), -1);
    }
    for (size_t i = 0; i < COUNT_OF(values); i++)
        assert_int_equal(set(&l, "wasi.dir./x", values[i], &e), -1);
    memset(key, 'a', sizeof key);
    key[65] = '\0';
    assert_int_equal(set(&l, "wasi.dir./x", key, &e), -1);
    key[64] = '\0';
    assert_int_equal(set(&l, "wasi.dir./x", key, &e), 0);
    for (size_t i = l.grant_count; i < TASK_GRANTS_MAX; i++)
        assert_int_equal(set(&l, "wasi.dir./more", "v", &e), 0);
    assert_int_equal(set(&l, "wasi.dir./more", "v", &e), -1);
    assert_non_null(strstr(e.text, "at most 16"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_values_arrive),
        cmocka_unit_test(test_refuses_words),
        cmocka_unit_test(test_content_type_length),
        cmocka_unit_test(test_families),
        cmocka_unit_test(test_grants),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
