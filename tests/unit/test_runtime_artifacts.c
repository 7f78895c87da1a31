// Every row of the contract's create_instance table, retries, sharing and the cache, through runtime.h alone; the file service is in the same process.
#include "unit.h"

#include "runtime_fixture.h"

#include "base/digest.h"
#include "base/file.h"
#include "base/mem.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

static struct runtime_stats stats(struct fixture *f) {
    struct runtime_stats s;
    runtime_stats(f->shared, &s);
    return s;
}

static void refused(struct fixture *f, const char *location, const char *checksum, enum err_kind kind,
                    const char *words) {
    struct err e = {0};
    assert_null(create(f, location, checksum, &e));
    assert_kind(e, kind);
    assert_says(e, words);
}

static void test_no_artifact(void **state) {
    (void)state;
    struct fixture f;
    struct err e;
    fixture_init(&f, NULL);
    struct instance_config config = {.task_id = "task"};
    fixture_limits(&config);
    assert_null(create_with(&f, &config, &e));
    assert_kind(e, ERR_INVALID_CONFIGURATION);
    assert_says(e, "no artifact snapshot");
    refused(&f, "", NULL, ERR_INVALID_CONFIGURATION, "no location");
    fixture_done(&f);
}

static void test_bad_uris(void **state) {
    (void)state;
    struct fixture f;
    fixture_init(&f, NULL);
    refused(&f, "http://example.org/a.wasm", NULL, ERR_INVALID_CONFIGURATION, "sms+file://");
    refused(&f, "file:///etc/passwd", NULL, ERR_INVALID_CONFIGURATION, "file:///etc/passwd");
    refused(&f, "sms+file://", NULL, ERR_INVALID_CONFIGURATION, "sms+file://");
    refused(&f, "sms+file://a/../b", NULL, ERR_INVALID_CONFIGURATION, "sms+file://");
    assert_int_equal(f.requests, 0);
    fixture_done(&f);
}

static void on_closed(void *ctx) {
    *(bool *)ctx = true;
}

static void test_no_config(void **state) {
    (void)state;
    struct fixture f;
    bool closed = false;
    fixture_init(&f, NULL);
    struct runtime *configured = f.runtime;
    struct runtime_config config = {.shared = f.shared, .loop = &f.loop};
    assert_int_equal(runtime_new(&config, &f.runtime, NULL), 0);
    refused(&f, NULL, NULL, ERR_INVALID_CONFIGURATION, "SpearletConfig");
    runtime_close(f.runtime, 0, on_closed, &closed);
    wait_for(&f, &closed);
    f.runtime = configured;
    fixture_done(&f);
}

static void test_hosts(void **state) {
    (void)state;
    struct fixture f;
    fixture_init(&f, NULL);
    refused(&f, "sms+file://10.1.2.3:99/good", NULL, ERR_INVALID_CONFIGURATION, "10.1.2.3:99");
    refused(&f, "sms+file://10.1.2.3:99/good", NULL, ERR_INVALID_CONFIGURATION, "allowed_sms_hosts");
    assert_int_equal(f.requests, 0);
    struct err e;
    AUTO_FREE char *own = mem_printf("sms+file://%s/good", f.config.sms_http_addr);
    struct instance *i = create(&f, own, NULL, &e);
    assert_non_null(i);
    instance_unref(i);
    AUTO_FREE char *alias = mem_printf("smsfile://%s/good2", f.config.sms_http_addr);
    i = create(&f, alias, NULL, &e);
    assert_non_null(i);
    instance_unref(i);
    fixture_done(&f);
}

static const char *allowed_host[1];

static void allow_host(struct fixture *f) {
    allowed_host[0] = f->config.sms_http_addr;
    f->config.allowed_sms_hosts = allowed_host;
    f->config.allowed_sms_host_count = 1;
    f->config.sms_http_addr = "127.0.0.1:9";
}

static void test_allowed_host(void **state) {
    (void)state;
    struct fixture f;
    struct err e;
    fixture_init_with(&f, NULL, allow_host);
    AUTO_FREE char *other = mem_printf("sms+file://%s/good", allowed_host[0]);
    struct instance *i = create(&f, other, NULL, &e);
    assert_non_null(i);
    instance_unref(i);
    fixture_done(&f);
}

static void refuse_connections(struct fixture *f) {
    f->config.sms_http_addr = "127.0.0.1:9"; // discard: nobody listens
    f->config.fetch_tries_max = 3;
}

static void test_connect(void **state) {
    (void)state;
    struct fixture f;
    fixture_init_with(&f, NULL, refuse_connections);
    refused(&f, NULL, NULL, ERR_RUNTIME_ERROR, "http://127.0.0.1:9/api/v1/files/good");
    refused(&f, NULL, NULL, ERR_RUNTIME_ERROR, "after 3 tries");
    assert_int_equal(stats(&f).download_retries, 4);
    fixture_done(&f);
}

static void be_impatient(struct fixture *f) {
    f->config.fetch_total_timeout_ms = 50;
    f->config.fetch_tries_max = 2;
}

static void test_timeout(void **state) {
    (void)state;
    struct fixture f;
    fixture_init_with(&f, NULL, be_impatient);
    refused(&f, "sms+file://slow", NULL, ERR_RUNTIME_ERROR, "after 2 tries");
    fixture_done(&f);
}

static void test_statuses(void **state) {
    (void)state;
    struct fixture f;
    fixture_init(&f, NULL);
    refused(&f, "sms+file://missing", NULL, ERR_RUNTIME_ERROR, "status 404");
    assert_int_equal(f.requests, 1); // not worth another try
    f.requests = 0;
    refused(&f, "sms+file://failing", NULL, ERR_RUNTIME_ERROR, "status 503");
    assert_int_equal(f.requests, 4);
    f.requests = 0;
    refused(&f, "sms+file://short", NULL, ERR_RUNTIME_ERROR, "after 4 tries");
    assert_int_equal(f.requests, 4);
    fixture_done(&f);
}

static void test_flaky(void **state) {
    (void)state;
    struct fixture f;
    struct err e;
    fixture_init(&f, NULL);
    struct instance *i = create(&f, "sms+file://flaky", NULL, &e);
    assert_non_null(i);
    assert_int_equal(f.requests, 3);
    assert_int_equal(stats(&f).download_retries, 2);
    instance_unref(i);
    fixture_done(&f);
}

static void test_checksum(void **state) {
    (void)state;
    struct fixture f;
    struct err e;
    unsigned char digest[SHA256_BYTES];
    char hex[SHA256_HEX + 1], zeros[] = "0000000000000000000000000000000000000000000000000000000000000000";
    fixture_init(&f, NULL);
    sha256_of(f.module, digest);
    sha256_to_hex(digest, hex);
    refused(&f, NULL, zeros, ERR_INVALID_CONFIGURATION, zeros);
    refused(&f, NULL, zeros, ERR_INVALID_CONFIGURATION, hex);
    refused(&f, NULL, "abc", ERR_INVALID_CONFIGURATION, "64 hexadecimal digits");
    struct instance *i = create(&f, NULL, hex, &e);
    assert_non_null(i);
    assert_string_equal(instance_module_digest(i), hex);
    assert_int_equal(instance_state(i), INSTANCE_STOPPED);
    instance_unref(i);
    fixture_done(&f);
}

static void test_magic(void **state) {
    (void)state;
    struct fixture f;
    fixture_init(&f, NULL);
    refused(&f, "sms+file://empty", NULL, ERR_INVALID_CONFIGURATION, "missing WASM magic header");
    refused(&f, "sms+file://empty", NULL, ERR_INVALID_CONFIGURATION, "empty");
    refused(&f, "sms+file://text", NULL, ERR_INVALID_CONFIGURATION, "missing WASM magic header");
    refused(&f, "sms+file://text", NULL, ERR_INVALID_CONFIGURATION, "23 21 2f 62");
    fixture_done(&f);
}

static void be_small(struct fixture *f) {
    f->config.max_module_size_bytes = 100000;
}

static void test_size(void **state) {
    (void)state;
    struct fixture f;
    fixture_init_with(&f, NULL, be_small);
    refused(&f, "sms+file://endless", NULL, ERR_INVALID_CONFIGURATION, "100000");
    assert_int_equal(f.requests, 1);
    fixture_done(&f);
}

static void one_byte(struct fixture *f) {
    f->config.max_module_size_bytes = f->module.n - 1;
}

static void test_size_announced(void **state) {
    (void)state;
    struct fixture f;
    fixture_init_with(&f, NULL, one_byte);
    AUTO_FREE char *size = mem_printf("%zu bytes", f.module.n);
    refused(&f, NULL, NULL, ERR_INVALID_CONFIGURATION, size);
    fixture_done(&f);
    fixture_init_with(&f, "types.wasm", one_byte);
    refused(&f, NULL, NULL, ERR_INVALID_CONFIGURATION, size);
    fixture_done(&f);
}

static void bad_module(const char *file, const char *words) {
    struct fixture f;
    size_t n;
    AUTO_FREE char *bytes = read_module(file, &n);
    if (!bytes)
        return; // not in this build
    fixture_init(&f, file);
    refused(&f, NULL, NULL, ERR_INVALID_CONFIGURATION, words);
    assert_int_equal(stats(&f).modules_refused, 1);
    fixture_done(&f);
}

static void test_bad_modules(void **state) {
    (void)state;
    need_engine("hello.wasm");
    bad_module("bad_import.wasm", "");
    bad_module("bad_body.wasm", "");
    bad_module("component.wasm", "component");
    bad_module("big_memory.wasm", "limit.memory_bytes");
}

// ---- sharing

struct crowd {
    unsigned created;
    struct instance *instances[32];
    bool all;
};

static void on_one_created(void *ctx, struct instance *i, const struct err *e) {
    struct crowd *c = ctx;
    if (e)
        fail_msg("%s", e->text);
    c->instances[c->created++] = i;
    c->all = c->created == COUNT_OF(c->instances);
}

static void test_downloaded_once(void **state) {
    (void)state;
    struct fixture f;
    struct crowd c = {0};
    fixture_init(&f, NULL);
    struct artifact_snapshot artifact = {"sms+file://good", NULL};
    struct instance_config config = {.task_id = "task", .artifact = &artifact};
    fixture_limits(&config);
    for (size_t i = 0; i < COUNT_OF(c.instances); i++) {
        config.limits.memory_bytes = (64 + i % 2) << 20; // two preparations, one download
        create_instance(f.runtime, &config, on_one_created, &c);
    }
    wait_for(&f, &c.all);
    assert_int_equal(f.requests, 1);
    assert_int_equal(stats(&f).downloads, 1);
    assert_int_equal(stats(&f).modules_prepared, 2);
    for (size_t i = 0; i < COUNT_OF(c.instances); i++)
        instance_unref(c.instances[i]);
    struct err e;
    struct instance *again = create_with(&f, &config, &e); // kept, though nobody uses it
    assert_non_null(again);
    instance_unref(again);
    assert_int_equal(f.requests, 1);
    fixture_done(&f);
}

static void forget_prepared(struct fixture *f) {
    f->config.prepared_cache_max_bytes = 0;
}

static char *cached_file(struct fixture *f) {
    AUTO_FREE char *folder = file_join(f->data_dir, "cache/modules");
    DIR *directory = opendir(folder);
    assert_non_null(directory);
    char *found = NULL;
    for (struct dirent *entry; (entry = readdir(directory));)
        if (entry->d_name[0] != '.') {
            assert_null(found);
            found = file_join(folder, entry->d_name);
        }
    closedir(directory);
    return found;
}

static void create_and_drop(struct fixture *f) {
    struct err e;
    struct instance *i = create(f, NULL, NULL, &e);
    if (!i)
        fail_msg("%s", e.text);
    instance_unref(i);
}

static void test_disk_cache(void **state) {
    (void)state;
    struct fixture f;
    fixture_init_with(&f, NULL, forget_prepared);
    create_and_drop(&f);
    create_and_drop(&f);
    assert_int_equal(f.requests, 1);
    assert_int_equal(stats(&f).artifact_hits, 1);
    AUTO_FREE char *path = cached_file(&f);
    assert_non_null(path);
    // One flipped byte: noticed, removed, fetched again.
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    fseek(file, 100, SEEK_SET);
    int byte = fgetc(file);
    fseek(file, 100, SEEK_SET);
    fputc(byte ^ 1, file);
    fclose(file);
    create_and_drop(&f);
    assert_int_equal(f.requests, 2);
    create_and_drop(&f);
    assert_int_equal(f.requests, 2);
    fixture_done(&f);
}

static void keep_little(struct fixture *f) {
    f->config.prepared_cache_max_bytes = 0;
    f->config.artifact_cache_max_bytes = f->module.n - 1;
}

static void test_disk_cache_bounded(void **state) {
    (void)state;
    struct fixture f;
    fixture_init_with(&f, NULL, keep_little);
    create_and_drop(&f);
    assert_null(cached_file(&f));
    create_and_drop(&f);
    assert_int_equal(f.requests, 2);
    fixture_done(&f);
}

// Closing does not wait for a download.
static void on_given_up(void *ctx, struct instance *i, const struct err *e) {
    assert_null(i);
    assert_non_null(e);
    assert_kind(*e, ERR_EXECUTION_TERMINATED);
    *(bool *)ctx = true;
}

static void test_close_while_fetching(void **state) {
    (void)state;
    struct fixture f;
    bool given_up = false;
    fixture_init(&f, NULL);
    struct artifact_snapshot artifact = {"sms+file://slow", NULL};
    struct instance_config config = {.task_id = "task", .artifact = &artifact};
    fixture_limits(&config);
    create_instance(f.runtime, &config, on_given_up, &given_up);
    while (f.held_count == 0)
        uv_run(&f.loop.uv, UV_RUN_ONCE);
    fixture_done(&f);
    assert_true(given_up);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_artifact),
        cmocka_unit_test(test_bad_uris),
        cmocka_unit_test(test_no_config),
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_allowed_host),
        cmocka_unit_test(test_connect),
        cmocka_unit_test(test_timeout),
        cmocka_unit_test(test_statuses),
        cmocka_unit_test(test_flaky),
        cmocka_unit_test(test_checksum),
        cmocka_unit_test(test_magic),
        cmocka_unit_test(test_size),
        cmocka_unit_test(test_size_announced),
        cmocka_unit_test(test_bad_modules),
        cmocka_unit_test(test_downloaded_once),
        cmocka_unit_test(test_disk_cache),
        cmocka_unit_test(test_disk_cache_bounded),
        cmocka_unit_test(test_close_while_fetching),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
