// The cache of native code: what is written is given back sealed, what was touched is refused and removed, what is too much goes.
#include "unit.h"

#include "base/file.h"
#include "base/mem.h"
#include "runtime/memory_file.h"
#include "runtime/native_cache.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
    char directory[64];
    struct native_cache *cache;
};

static void init(struct fixture *f, uint64_t max_bytes) {
    snprintf(f->directory, sizeof f->directory, "/tmp/test-native-XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    assert_int_equal(native_cache_new(f->directory, max_bytes, &f->cache, NULL), 0);
}

static void done(struct fixture *f) {
    native_cache_free(f->cache);
    assert_int_equal(file_remove_tree(f->directory, NULL), 0);
}

static void key_of(const char *text, unsigned char ret[SHA256_BYTES]) {
    sha256_of(span_of(text), ret);
}

static char *path_of(const struct fixture *f, const char *name) {
    unsigned char key[SHA256_BYTES];
    char hex[SHA256_HEX + 1];
    key_of(name, key);
    sha256_to_hex(key, hex);
    return mem_printf("%s/cache/native/%s", f->directory, hex);
}

static void store(struct fixture *f, const char *name, const char *content) {
    struct native_file file = {.size_bytes = strlen(content), .compile_ms = 7};
    unsigned char key[SHA256_BYTES];
    key_of(name, key);
    assert_int_equal(memory_file_of("test", span_of(content), &file.fd, NULL), 0);
    assert_int_equal(native_cache_store(f->cache, key, &file, NULL), 0);
    close(file.fd);
}

static enum err_kind load(struct fixture *f, const char *name, const char *content) {
    struct native_file file;
    struct span found;
    struct err e;
    unsigned char key[SHA256_BYTES];
    key_of(name, key);
    if (native_cache_load(f->cache, key, &file, &e) < 0)
        return e.kind;
    assert_int_equal(file.compile_ms, 7);
    assert_int_equal(memory_file_map(file.fd, file.size_bytes, &found, NULL), 0);
    assert_true(span_equal_text(found, content));
    memory_file_unmap(found);
    assert_int_equal(write(file.fd, "x", 1), -1); // sealed
    close(file.fd);
    return ERR_NONE;
}

static void gives_back_what_it_was_given(void **state) {
    (void)state;
    struct fixture f;
    struct stat info;
    init(&f, 1 << 20);
    assert_int_equal(load(&f, "a", ""), ERR_ARTIFACT_NOT_FOUND);
    store(&f, "a", "machine code");
    assert_int_equal(load(&f, "a", "machine code"), ERR_NONE);
    assert_int_equal(load(&f, "b", ""), ERR_ARTIFACT_NOT_FOUND);
    AUTO_FREE char *path = path_of(&f, "a");
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    assert_int_equal(native_cache_bytes(f.cache), (uint64_t)info.st_size);
    // A process that comes later has the same secret.
    native_cache_free(f.cache);
    assert_int_equal(native_cache_new(f.directory, 1 << 20, &f.cache, NULL), 0);
    assert_int_equal(load(&f, "a", "machine code"), ERR_NONE);
    assert_int_equal(native_cache_bytes(f.cache), (uint64_t)info.st_size);
    done(&f);
}

// Every byte counts: magic, sizes, code, content.
static void refuses_what_was_changed(void **state) {
    (void)state;
    struct fixture f;
    struct stat info;
    init(&f, 1 << 20);
    store(&f, "a", "machine code");
    AUTO_FREE char *path = path_of(&f, "a");
    assert_int_equal(stat(path, &info), 0);
    for (off_t at = 0; at < info.st_size; at++) {
        int fd = open(path, O_RDWR);
        char c;
        assert_int_equal(pread(fd, &c, 1, at), 1);
        c ^= 1;
        assert_int_equal(pwrite(fd, &c, 1, at), 1);
        close(fd);
        assert_int_equal(load(&f, "a", ""), ERR_INVALID_CONFIGURATION);
        assert_int_equal(access(path, F_OK), -1); // and it is gone
        assert_int_equal(load(&f, "a", ""), ERR_ARTIFACT_NOT_FOUND);
        store(&f, "a", "machine code");
    }
    assert_int_equal(truncate(path, info.st_size - 1), 0);
    assert_int_equal(load(&f, "a", ""), ERR_INVALID_CONFIGURATION);
    done(&f);
}

// A file of another key, or of another node, is foreign even when it is whole.
static void refuses_what_is_not_its_own(void **state) {
    (void)state;
    struct fixture f;
    init(&f, 1 << 20);
    store(&f, "a", "machine code");
    AUTO_FREE char *a = path_of(&f, "a");
    AUTO_FREE char *b = path_of(&f, "b");
    assert_int_equal(rename(a, b), 0);
    assert_int_equal(load(&f, "b", ""), ERR_INVALID_CONFIGURATION);
    store(&f, "a", "machine code");
    assert_int_equal(symlink(a, b), 0);
    assert_int_equal(load(&f, "b", ""), ERR_INVALID_CONFIGURATION);
    native_cache_free(f.cache);
    AUTO_FREE char *secret = file_join(f.directory, "native.key");
    assert_int_equal(unlink(secret), 0);
    assert_int_equal(native_cache_new(f.directory, 1 << 20, &f.cache, NULL), 0);
    assert_int_equal(load(&f, "a", ""), ERR_INVALID_CONFIGURATION);
    done(&f);
}

static void a_secret_that_others_can_read_is_replaced(void **state) {
    (void)state;
    struct fixture f;
    struct stat info;
    init(&f, 1 << 20);
    store(&f, "a", "machine code");
    native_cache_free(f.cache);
    AUTO_FREE char *secret = file_join(f.directory, "native.key");
    assert_int_equal(stat(secret, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    assert_int_equal(chmod(secret, 0644), 0);
    assert_int_equal(native_cache_new(f.directory, 1 << 20, &f.cache, NULL), 0);
    assert_int_equal(stat(secret, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    assert_int_equal(load(&f, "a", ""), ERR_INVALID_CONFIGURATION);
    done(&f);
}

static void set_age(const struct fixture *f, const char *name, time_t seconds) {
    AUTO_FREE char *path = path_of(f, name);
    struct timespec times[2] = {{.tv_sec = seconds}, {.tv_sec = seconds}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void the_least_recently_used_goes(void **state) {
    (void)state;
    struct fixture f;
    init(&f, 300);
    store(&f, "a", "machine code");
    store(&f, "b", "machine code");
    store(&f, "c", "machine code");
    set_age(&f, "a", 1000);
    set_age(&f, "b", 2000);
    set_age(&f, "c", 3000);
    assert_int_equal(load(&f, "a", "machine code"), ERR_NONE); // used now
    store(&f, "d", "machine code");
    assert_int_equal(load(&f, "b", ""), ERR_ARTIFACT_NOT_FOUND);
    assert_int_equal(load(&f, "a", "machine code"), ERR_NONE);
    assert_int_equal(load(&f, "d", "machine code"), ERR_NONE);
    assert_true(native_cache_bytes(f.cache) <= 300);
    done(&f);
}

static void scratch_is_private_and_does_not_last(void **state) {
    (void)state;
    struct fixture f;
    struct stat info;
    char *path;
    init(&f, 1 << 20);
    assert_int_equal(native_cache_scratch(f.cache, &path, NULL), 0);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0700);
    AUTO_FREE char *file = file_join(path, "code.o");
    assert_int_equal(file_write_atomic(file, SPAN_LITERAL("x"), 0600, NULL), 0);
    native_cache_free(f.cache); // as after a crash
    assert_int_equal(native_cache_new(f.directory, 1 << 20, &f.cache, NULL), 0);
    assert_int_equal(access(path, F_OK), -1);
    free(path);
    done(&f);
}

static void without_a_folder_it_has_nothing(void **state) {
    (void)state;
    struct fixture f;
    char *path;
    assert_int_equal(native_cache_new(NULL, 1 << 20, &f.cache, NULL), 0);
    store(&f, "a", "machine code");
    assert_int_equal(load(&f, "a", ""), ERR_ARTIFACT_NOT_FOUND);
    assert_int_equal(native_cache_scratch(f.cache, &path, NULL), -1);
    native_cache_free(f.cache);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_back_what_it_was_given),    cmocka_unit_test(refuses_what_was_changed),
        cmocka_unit_test(refuses_what_is_not_its_own),     cmocka_unit_test(a_secret_that_others_can_read_is_replaced),
        cmocka_unit_test(the_least_recently_used_goes),    cmocka_unit_test(scratch_is_private_and_does_not_last),
        cmocka_unit_test(without_a_folder_it_has_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
