// WASI's file functions on real temporary directories: what each does, and each error number. No engine.
#include "wasi_fixture.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cmocka.h>

enum { RW = 3, RO = 4, OTHER = 5, FIRST = 6, QUOTA = 1000000, OUT = 500 };
#define ALL_RIGHTS UINT64_C(0x1fffffff)

#define OPEN(fd, path, oflags, rights)                                                                                 \
    CALL("path_open", fd, 0, PATH(path), oflags, rights, ALL_RIGHTS & ~WASI_RIGHT(28), 0, OUT)

static int set_up(void **state) {
    (void)state;
    wasi_fixture_begin();
    wasi_fixture_grant("/data", true, QUOTA);
    wasi_fixture_grant("/fixed", false, UINT64_MAX);
    wasi_fixture_grant("/other", true, UINT64_MAX);
    wasi_fixture_start();
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    wasi_fixture_end();
    return 0;
}

// ---- the host's side

static const char *host_path(uint32_t fd, const char *name) {
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", fixture.directories[fd - RW], name);
    return path;
}

static void host_write(uint32_t fd, const char *name, const char *text) {
    int file = open(host_path(fd, name), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    assert_int_equal(write(file, text, strlen(text)), strlen(text));
    close(file);
}

static off_t host_size(uint32_t fd, const char *name) {
    struct stat st;
    return lstat(host_path(fd, name), &st) ? -1 : st.st_size;
}

static uint64_t used(void) {
    return fixture.grants[0].volume->used_bytes;
}

// ---- the guest's side

static uint32_t open_at(uint32_t fd, const char *path, uint32_t oflags, uint64_t rights) {
    assert_int_equal(OPEN(fd, path, oflags, rights), 0);
    return u32_at(OUT);
}

static uint32_t make(const char *path) {
    return open_at(RW, path, WASI_O_CREAT, WASI_RIGHTS_FILE);
}

static int64_t write_text(uint32_t fd, const char *text) {
    put_iovec(0, text_at(2000, text), (uint32_t)strlen(text));
    return CALL("fd_write", fd, 1000, 1, OUT);
}

static int64_t write_bytes(uint32_t fd, uint32_t n) {
    put_iovec(0, 2000, n);
    return CALL("fd_write", fd, 1000, 1, OUT);
}

static const char *read_text(uint32_t fd) {
    static char text[101];
    put_iovec(0, 3000, 100);
    assert_int_equal(CALL("fd_read", fd, 1000, 1, OUT), 0);
    uint32_t n = u32_at(OUT);
    memcpy(text, fixture.memory + 3000, n);
    text[n] = '\0';
    return text;
}

// ---- descriptors

static void preopens_have_names(void **state) {
    (void)state;
    assert_int_equal(CALL("fd_prestat_get", RW, 0), 0);
    assert_int_equal(fixture.memory[0], 0);
    assert_int_equal(u32_at(4), 5);
    assert_int_equal(CALL("fd_prestat_dir_name", RW, 100, 5), 0);
    assert_memory_equal(fixture.memory + 100, "/data", 5);
    assert_int_equal(CALL("fd_prestat_dir_name", RO, 100, 7), 0);
    assert_memory_equal(fixture.memory + 100, "/fixed", 6);
    assert_int_equal(CALL("fd_prestat_dir_name", RW, 100, 4), WASI_ENAMETOOLONG);
    assert_int_equal(CALL("fd_prestat_dir_name", RW, FIXTURE_MEMORY_BYTES - 4, 5), WASI_EFAULT);
    assert_int_equal(CALL("fd_prestat_dir_name", 1, 100, 5), WASI_EBADF);
    assert_int_equal(CALL("fd_prestat_dir_name", FIRST, 100, 5), WASI_EBADF);
    assert_int_equal(CALL("fd_prestat_get", RW, FIXTURE_MEMORY_BYTES - 7), WASI_EFAULT);
    assert_int_equal(CALL("fd_prestat_get", 0, 0), WASI_EBADF);
    assert_int_equal(CALL("fd_prestat_get", FIRST, 0), WASI_EBADF);
    uint32_t file = make("f");
    assert_int_equal(CALL("fd_prestat_get", file, 0), WASI_EBADF);
}

static void numbers_are_the_lowest_free(void **state) {
    (void)state;
    assert_int_equal(make("a"), FIRST);
    assert_int_equal(make("b"), FIRST + 1);
    assert_int_equal(CALL("fd_close", FIRST), 0);
    assert_int_equal(CALL("fd_close", FIRST), WASI_EBADF);
    assert_int_equal(CALL("fd_close", UINT32_MAX), WASI_EBADF);
    assert_int_equal(make("c"), FIRST);
    assert_int_equal(CALL("fd_close", RW), 0); // a granted directory, too
    assert_int_equal(OPEN(RW, "x", WASI_O_CREAT, 0), WASI_EBADF);
    assert_int_equal(open_at(OTHER, "d", WASI_O_CREAT, 0), RW);
}

static void there_is_an_end_to_descriptors(void **state) {
    (void)state;
    for (uint32_t fd = FIRST; fd < 900; fd++)
        assert_int_equal(make("a"), fd);
    struct wasi_file pretended = fixture.table.files[FIRST];
    pretended.owned = false;
    for (uint32_t fd = 900; fd < WASI_DESCRIPTORS_MAX; fd++)
        wasi_table_put(&fixture.table, fd, &pretended);
    assert_int_equal(OPEN(RW, "new", WASI_O_CREAT, 0), WASI_EMFILE);
    assert_int_equal(host_size(RW, "new"), -1);
    wasi_fixture_start();
    assert_int_equal(make("a"), FIRST);
}

static void open_files_have_a_limit(void **state) {
    (void)state;
    fixture.table.open_max = 3;
    for (uint32_t fd = FIRST; fd < FIRST + 3; fd++)
        assert_int_equal(make("a"), fd);
    assert_int_equal(OPEN(RW, "new", WASI_O_CREAT, 0), WASI_EMFILE);
    assert_int_equal(host_size(RW, "new"), -1);
    assert_int_equal(CALL("fd_close", FIRST + 1), 0);
    assert_int_equal(CALL("fd_close", 1), 0); // a stream makes no room, but gives its number
    assert_int_equal(make("a"), 1);
    assert_int_equal(OPEN(RW, "new", WASI_O_CREAT, 0), WASI_EMFILE);
}

static void renumber_moves(void **state) {
    (void)state;
    uint32_t a = make("a"), b = make("b");
    assert_int_equal(write_text(a, "from a"), 0);
    assert_int_equal(CALL("fd_renumber", a, b), 0);
    assert_int_equal(CALL("fd_close", a), WASI_EBADF);
    assert_int_equal(CALL("fd_seek", b, 0, 0, 0), 0);
    assert_string_equal(read_text(b), "from a");
    assert_int_equal(CALL("fd_renumber", b, a), WASI_EBADF);
    assert_int_equal(CALL("fd_renumber", a, b), WASI_EBADF);
    assert_int_equal(CALL("fd_renumber", b, b), 0);
    assert_int_equal(CALL("fd_renumber", b, 1), 0); // over stdout
    assert_int_equal(write_text(1, "!"), 0);
    assert_int_equal(host_size(RW, "a"), 7);
    assert_int_equal(fixture.guest.output.n, 0);
    assert_int_equal(CALL("fd_renumber", RW, OTHER), 0);
    assert_int_equal(CALL("fd_prestat_get", OTHER, 0), 0);
    assert_int_equal(CALL("fd_prestat_get", RW, 0), WASI_EBADF);
}

static void rights_only_shrink(void **state) {
    (void)state;
    uint32_t fd = open_at(RW, "f", WASI_O_CREAT, WASI_RIGHT_FD_READ | WASI_RIGHT_FD_WRITE | WASI_RIGHT_FD_SEEK);
    assert_int_equal(CALL("fd_fdstat_get", fd, 0), 0);
    assert_int_equal(fixture.memory[0], WASI_TYPE_REGULAR_FILE);
    assert_int_equal(u64_at(8), WASI_RIGHT_FD_READ | WASI_RIGHT_FD_WRITE | WASI_RIGHT_FD_SEEK);
    uint64_t inheriting = u64_at(16);
    assert_int_equal(CALL("fd_fdstat_set_rights", fd, WASI_RIGHT_FD_SEEK, 0), 0);
    assert_int_equal(write_text(fd, "x"), WASI_ENOTCAPABLE);
    put_iovec(0, 3000, 1);
    assert_int_equal(CALL("fd_read", fd, 1000, 1, OUT), WASI_ENOTCAPABLE);
    assert_int_equal(CALL("fd_fdstat_set_rights", fd, WASI_RIGHT_FD_READ, 0), WASI_ENOTCAPABLE);
    assert_int_equal(CALL("fd_fdstat_set_rights", fd, 0, inheriting | 1), WASI_ENOTCAPABLE);
    assert_int_equal(CALL("fd_fdstat_set_rights", 99, 0, 0), WASI_EBADF);
    assert_int_equal(CALL("fd_fdstat_get", fd, FIXTURE_MEMORY_BYTES - 23), WASI_EFAULT);
    assert_int_equal(CALL("fd_fdstat_get", 99, 0), WASI_EBADF);
    assert_int_equal(CALL("fd_fdstat_get", RW, 0), 0);
    assert_int_equal(fixture.memory[0], WASI_TYPE_DIRECTORY);
    assert_int_equal(u64_at(8), WASI_RIGHTS_DIRECTORY);
    assert_int_equal(u64_at(16), WASI_RIGHTS_DIRECTORY | WASI_RIGHTS_FILE);
}

// Every function that needs a right, on a descriptor that has lost it.
static void every_right_is_checked(void **state) {
    (void)state;
    uint32_t fd = make("f");
    assert_int_equal(CALL("fd_fdstat_set_rights", fd, 0, 0), 0);
    put_iovec(0, 3000, 1);
    assert_int_equal(CALL("fd_advise", fd, 0, 0, 0), WASI_ENOTCAPABLE);
    assert_int_equal(CALL("fd_allocate", fd, 0, 1), WASI_ENOTCAPABLE);
    assert_int_equal(CALL("fd_datasync", fd), WASI_ENOTCAPABLE);
    assert_int_equal(CALL("fd_sync", fd), WASI_ENOTCAPABLE);
    assert_int_equal(CALL("fd_fdstat_set_flags", fd, 0), WASI_ENOTCAPABLE);
    assert_int_equal(CALL("fd_filestat_get", fd, 0), WASI_ENOTCAPABLE);
    assert_int_equal(CALL("fd_filestat_set_size", fd, 0), WASI_ENOTCAPABLE);
    assert_int_equal(CALL("fd_filestat_set_times", fd, 0, 0, 0), WASI_ENOTCAPABLE);
    assert_int_equal(CALL("fd_pread", fd, 1000, 1, 0, OUT), WASI_ENOTCAPABLE);
    assert_int_equal(CALL("fd_pwrite", fd, 1000, 1, 0, OUT), WASI_ENOTCAPABLE);
    assert_int_equal(CALL("fd_seek", fd, 0, 1, OUT), WASI_ENOTCAPABLE);
    assert_int_equal(CALL("fd_tell", fd, OUT), WASI_ENOTCAPABLE);
    assert_int_equal(CALL("fd_fdstat_set_rights", RW, 0, 0), 0);
    assert_int_equal(CALL("fd_readdir", RW, 0, 100, 0, OUT), WASI_ENOTCAPABLE);
    assert_int_equal(CALL("path_create_directory", RW, PATH("d")), WASI_ENOTCAPABLE);
    assert_int_equal(CALL("path_filestat_get", RW, 0, PATH("f"), 0), WASI_ENOTCAPABLE);
    assert_int_equal(CALL("path_filestat_set_times", RW, 0, PATH("f"), 0, 0, 0), WASI_ENOTCAPABLE);
    assert_int_equal(CALL("path_link", RW, 0, PATH("f"), OTHER, SECOND_PATH("g")), WASI_ENOTCAPABLE);
    assert_int_equal(CALL("path_link", OTHER, 0, PATH("f"), RW, SECOND_PATH("g")), WASI_ENOTCAPABLE);
    assert_int_equal(OPEN(RW, "f", 0, 0), WASI_ENOTCAPABLE);
    assert_int_equal(CALL("path_readlink", RW, PATH("f"), 0, 10, OUT), WASI_ENOTCAPABLE);
    assert_int_equal(CALL("path_remove_directory", RW, PATH("d")), WASI_ENOTCAPABLE);
    assert_int_equal(CALL("path_rename", RW, PATH("f"), OTHER, SECOND_PATH("g")), WASI_ENOTCAPABLE);
    assert_int_equal(CALL("path_symlink", PATH("f"), RW, SECOND_PATH("g")), WASI_ENOTCAPABLE);
    assert_int_equal(CALL("path_unlink_file", RW, PATH("f")), WASI_ENOTCAPABLE);
    host_write(OTHER, "f", "x");
    assert_int_equal(CALL("path_rename", OTHER, PATH("f"), RW, SECOND_PATH("g")), WASI_ENOTCAPABLE);
}

static void rights_are_inherited(void **state) {
    (void)state;
    host_write(OTHER, "f", "x");
    uint64_t opens = WASI_RIGHT_PATH_OPEN;
    assert_int_equal(CALL("fd_fdstat_set_rights", OTHER, opens, WASI_RIGHT_FD_READ), 0);
    assert_int_equal(OPEN(OTHER, "new", WASI_O_CREAT, 0), WASI_ENOTCAPABLE);
    assert_int_equal(OPEN(OTHER, "f", WASI_O_TRUNC, 0), WASI_ENOTCAPABLE);
    assert_int_equal(CALL("path_open", OTHER, 0, PATH("f"), 0, WASI_RIGHT_FD_WRITE, 0, 0, OUT), WASI_ENOTCAPABLE);
    assert_int_equal(CALL("path_open", OTHER, 0, PATH("f"), 0, 0, WASI_RIGHT_FD_WRITE, 0, OUT), WASI_ENOTCAPABLE);
    assert_int_equal(CALL("path_open", OTHER, 0, PATH("f"), 0, WASI_RIGHT_FD_READ | WASI_RIGHT_PATH_OPEN, 0, 0, OUT),
                     0);
    assert_int_equal(CALL("fd_fdstat_get", u32_at(OUT), 0), 0);
    assert_int_equal(u64_at(8), WASI_RIGHT_FD_READ); // what makes no sense for a file is dropped
}

// ---- files

static void files_are_written_and_read(void **state) {
    (void)state;
    uint32_t fd = make("f");
    assert_int_equal(write_text(fd, "hello"), 0);
    assert_int_equal(u32_at(OUT), 5);
    assert_int_equal(host_size(RW, "f"), 5);
    assert_int_equal(CALL("fd_tell", fd, OUT), 0);
    assert_int_equal(u64_at(OUT), 5);
    assert_string_equal(read_text(fd), "");
    assert_int_equal(CALL("fd_seek", fd, (uint64_t)-4, 1, OUT), 0);
    assert_int_equal(u64_at(OUT), 1);
    assert_string_equal(read_text(fd), "ello");
    assert_int_equal(CALL("fd_seek", fd, (uint64_t)-2, 2, OUT), 0);
    assert_string_equal(read_text(fd), "lo");
    put_iovec(0, 3000, 2);
    put_iovec(1, 3100, 10);
    assert_int_equal(CALL("fd_pread", fd, 1000, 2, 1, OUT), 0);
    assert_int_equal(u32_at(OUT), 4);
    assert_memory_equal(fixture.memory + 3100, "lo", 2);
    put_iovec(0, text_at(2000, "J"), 1);
    assert_int_equal(CALL("fd_pwrite", fd, 1000, 1, 0, OUT), 0);
    assert_int_equal(CALL("fd_tell", fd, OUT), 0);
    assert_int_equal(u64_at(OUT), 5); // neither moved it
    assert_int_equal(CALL("fd_seek", fd, 0, 0, OUT), 0);
    assert_string_equal(read_text(fd), "Jello");
}

static void file_errors(void **state) {
    (void)state;
    uint32_t fd = make("f");
    put_iovec(0, 2000, 4);
    assert_int_equal(CALL("fd_seek", fd, (uint64_t)-1, 0, OUT), WASI_EINVAL);
    assert_int_equal(CALL("fd_seek", fd, 0, 3, OUT), WASI_EINVAL);
    assert_int_equal(CALL("fd_seek", 99, 0, 3, OUT), WASI_EBADF);
    assert_int_equal(CALL("fd_seek", fd, 0, 0, FIXTURE_MEMORY_BYTES - 7), WASI_EFAULT);
    assert_int_equal(CALL("fd_seek", RW, 0, 0, OUT), WASI_EISDIR);
    assert_int_equal(CALL("fd_seek", 0, 0, 0, OUT), WASI_ESPIPE);
    assert_int_equal(CALL("fd_tell", RW, OUT), WASI_EISDIR);
    assert_int_equal(CALL("fd_tell", 1, OUT), WASI_ESPIPE);
    assert_int_equal(CALL("fd_tell", fd, FIXTURE_MEMORY_BYTES - 7), WASI_EFAULT);
    assert_int_equal(CALL("fd_pread", fd, 1000, 1, (uint64_t)-1, OUT), WASI_EINVAL);
    assert_int_equal(CALL("fd_pwrite", fd, 1000, 1, (uint64_t)-1, OUT), WASI_EINVAL);
    assert_int_equal(CALL("fd_pwrite", fd, 1000, 1, INT64_MAX - 1, OUT), WASI_EFBIG);
    assert_int_equal(CALL("fd_pread", 0, 1000, 1, 0, OUT), WASI_ESPIPE);
    assert_int_equal(CALL("fd_pwrite", 1, 1000, 1, 0, OUT), WASI_ESPIPE);
    assert_int_equal(CALL("fd_pread", RW, 1000, 1, 0, OUT), WASI_EISDIR);
    assert_int_equal(CALL("fd_pwrite", RW, 1000, 1, 0, OUT), WASI_EISDIR);
    assert_int_equal(CALL("fd_read", RW, 1000, 1, OUT), WASI_EISDIR);
    assert_int_equal(CALL("fd_write", RW, 1000, 1, OUT), WASI_EISDIR);
    assert_int_equal(CALL("fd_read", 1, 1000, 1, OUT), WASI_EBADF);
    assert_int_equal(CALL("fd_write", 0, 1000, 1, OUT), WASI_EBADF);
    assert_int_equal(CALL("fd_pread", 99, 1000, 1, 0, OUT), WASI_EBADF);
    assert_int_equal(CALL("fd_pread", fd, 1000, WASI_IOVECS_MAX + 1, 0, OUT), WASI_EINVAL);
    put_iovec(0, FIXTURE_MEMORY_BYTES - 1, 2);
    assert_int_equal(CALL("fd_pwrite", fd, 1000, 1, 0, OUT), WASI_EFAULT);
    assert_int_equal(host_size(RW, "f"), 0);
}

static void flags_are_kept_and_done(void **state) {
    (void)state;
    assert_int_equal(CALL("path_open", RW, 0, PATH("f"), WASI_O_CREAT, WASI_RIGHTS_FILE, 0, WASI_FD_APPEND, OUT), 0);
    uint32_t fd = u32_at(OUT);
    assert_int_equal(write_text(fd, "one"), 0);
    assert_int_equal(CALL("fd_seek", fd, 0, 0, OUT), 0);
    assert_int_equal(write_text(fd, "two"), 0);
    assert_int_equal(CALL("fd_seek", fd, 0, 0, OUT), 0);
    assert_string_equal(read_text(fd), "onetwo");
    assert_int_equal(CALL("fd_fdstat_get", fd, 0), 0);
    assert_int_equal(fixture.memory[2], WASI_FD_APPEND);
    assert_int_equal(CALL("fd_fdstat_set_flags", fd, WASI_FD_SYNC), 0);
    assert_int_equal(CALL("fd_seek", fd, 0, 0, OUT), 0);
    assert_int_equal(write_text(fd, "ONE"), 0);
    assert_int_equal(CALL("fd_fdstat_set_flags", fd, WASI_FD_DSYNC | WASI_FD_NONBLOCK), 0);
    assert_int_equal(write_text(fd, "T"), 0);
    assert_int_equal(CALL("fd_seek", fd, 0, 0, OUT), 0);
    assert_string_equal(read_text(fd), "ONETwo");
    assert_int_equal(CALL("fd_fdstat_set_flags", fd, 32), WASI_EINVAL);
    assert_int_equal(CALL("fd_fdstat_set_flags", 99, 0), WASI_EBADF);
    assert_int_equal(CALL("path_open", RW, 0, PATH("f"), 0, 0, 0, 32, OUT), WASI_EINVAL);
}

static void sizes(void **state) {
    (void)state;
    uint32_t fd = make("f");
    assert_int_equal(CALL("fd_filestat_set_size", fd, 100), 0);
    assert_int_equal(host_size(RW, "f"), 100);
    assert_int_equal(CALL("fd_filestat_set_size", fd, (uint64_t)-1), WASI_EINVAL);
    assert_int_equal(CALL("fd_filestat_set_size", RW, 0), WASI_EISDIR);
    assert_int_equal(CALL("fd_filestat_set_size", 1, 0), WASI_EINVAL);
    assert_int_equal(CALL("fd_filestat_set_size", 99, 0), WASI_EBADF);
    assert_int_equal(CALL("fd_allocate", fd, 50, 100), 0);
    assert_int_equal(host_size(RW, "f"), 150);
    assert_int_equal(CALL("fd_allocate", fd, 0, 10), 0);
    assert_int_equal(host_size(RW, "f"), 150);
    assert_int_equal(CALL("fd_allocate", fd, 0, 0), WASI_EINVAL);
    assert_int_equal(CALL("fd_allocate", fd, (uint64_t)-1, 1), WASI_EINVAL);
    assert_int_equal(CALL("fd_allocate", fd, INT64_MAX, 1), WASI_EFBIG);
    assert_int_equal(CALL("fd_allocate", RW, 0, 1), WASI_EISDIR);
    assert_int_equal(CALL("fd_allocate", 0, 0, 1), WASI_ESPIPE);
    assert_int_equal(CALL("fd_allocate", 99, 0, 1), WASI_EBADF);
    assert_int_equal(CALL("fd_advise", fd, 0, 10, 3), 0);
    assert_int_equal(CALL("fd_advise", fd, 0, 10, 6), WASI_EINVAL);
    assert_int_equal(CALL("fd_advise", fd, 0, (uint64_t)-1, 0), WASI_EINVAL);
    assert_int_equal(CALL("fd_advise", RW, 0, 0, 0), WASI_EISDIR);
    assert_int_equal(CALL("fd_advise", 1, 0, 0, 0), WASI_ESPIPE);
    assert_int_equal(CALL("fd_advise", 99, 0, 0, 0), WASI_EBADF);
    assert_int_equal(CALL("fd_sync", fd), 0);
    assert_int_equal(CALL("fd_datasync", fd), 0);
    assert_int_equal(CALL("fd_sync", RW), 0);
    assert_int_equal(CALL("fd_datasync", RO), 0);
    assert_int_equal(CALL("fd_sync", 1), WASI_EINVAL);
    assert_int_equal(CALL("fd_datasync", 1), WASI_EINVAL);
    assert_int_equal(CALL("fd_sync", 99), WASI_EBADF);
    assert_int_equal(CALL("fd_datasync", 99), WASI_EBADF);
}

// ---- stat

static void stats(void **state) {
    (void)state;
    struct stat st;
    uint32_t fd = make("f");
    assert_int_equal(write_text(fd, "12345"), 0);
    assert_int_equal(stat(host_path(RW, "f"), &st), 0);
    assert_int_equal(CALL("fd_filestat_get", fd, 0), 0);
    assert_int_equal(u64_at(8), st.st_ino);
    assert_int_equal(fixture.memory[16], WASI_TYPE_REGULAR_FILE);
    assert_int_equal(u64_at(24), 1);
    assert_int_equal(u64_at(32), 5);
    assert_int_equal(u64_at(48), (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec);
    assert_int_equal(symlink("f", host_path(RW, "l")), 0);
    assert_int_equal(CALL("path_filestat_get", RW, 0, PATH("l"), 0), 0);
    assert_int_equal(fixture.memory[16], WASI_TYPE_SYMBOLIC_LINK);
    assert_int_equal(CALL("path_filestat_get", RW, 1, PATH("l"), 0), 0);
    assert_int_equal(u64_at(8), st.st_ino);
    assert_int_equal(CALL("path_filestat_get", RW, 2, PATH("l"), 0), WASI_EINVAL);
    assert_int_equal(CALL("path_filestat_get", RW, 0, PATH("none"), 0), WASI_ENOENT);
    assert_int_equal(CALL("path_filestat_get", RW, 0, PATH("f/x"), 0), WASI_ENOTDIR);
    assert_int_equal(CALL("path_filestat_get", RW, 0, PATH("."), 0), 0);
    assert_int_equal(fixture.memory[16], WASI_TYPE_DIRECTORY);
    assert_int_equal(CALL("path_filestat_get", RW, 0, PATH("f"), FIXTURE_MEMORY_BYTES - 63), WASI_EFAULT);
    assert_int_equal(CALL("path_filestat_get", fd, 0, PATH("f"), 0), WASI_ENOTDIR);
    assert_int_equal(CALL("path_filestat_get", 1, 0, PATH("f"), 0), WASI_ENOTDIR);
    assert_int_equal(CALL("path_filestat_get", 99, 0, PATH("f"), 0), WASI_EBADF);
    assert_int_equal(CALL("fd_filestat_get", fd, FIXTURE_MEMORY_BYTES - 63), WASI_EFAULT);
    assert_int_equal(CALL("fd_filestat_get", 99, 0), WASI_EBADF);
    assert_int_equal(CALL_IN("wasi_unstable", "path_filestat_get", RW, 0, PATH("f"), 0), 0);
    assert_int_equal(u32_at(20), 1);
    assert_int_equal(u64_at(24), 5);
    assert_int_equal(CALL_IN("wasi_unstable", "fd_seek", fd, 1, 2, OUT), 0); // SET
    assert_int_equal(CALL_IN("wasi_unstable", "fd_seek", fd, 1, 0, OUT), 0); // CUR
    assert_int_equal(u64_at(OUT), 2);
    assert_int_equal(CALL_IN("wasi_unstable", "fd_seek", fd, 0, 1, OUT), 0); // END
    assert_int_equal(u64_at(OUT), 5);
}

static void times_are_set(void **state) {
    (void)state;
    struct stat st;
    uint32_t fd = make("f");
    assert_int_equal(CALL("fd_filestat_set_times", fd, 5000000007, 6000000008, WASI_ATIM | WASI_MTIM), 0);
    assert_int_equal(stat(host_path(RW, "f"), &st), 0);
    assert_int_equal(st.st_atim.tv_sec, 5);
    assert_int_equal(st.st_mtim.tv_nsec, 8);
    assert_int_equal(CALL("path_filestat_set_times", RW, 0, PATH("f"), 9000000000, 0, WASI_ATIM), 0);
    assert_int_equal(stat(host_path(RW, "f"), &st), 0);
    assert_int_equal(st.st_atim.tv_sec, 9);
    assert_int_equal(st.st_mtim.tv_sec, 6);
    assert_int_equal(CALL("fd_filestat_set_times", fd, 0, 0, WASI_MTIM_NOW), 0);
    assert_int_equal(stat(host_path(RW, "f"), &st), 0);
    assert_true(st.st_mtim.tv_sec > 1600000000);
    assert_int_equal(symlink("f", host_path(RW, "l")), 0);
    assert_int_equal(CALL("path_filestat_set_times", RW, 0, PATH("l"), 0, 7000000000, WASI_MTIM), 0);
    assert_int_equal(lstat(host_path(RW, "l"), &st), 0);
    assert_int_equal(st.st_mtim.tv_sec, 7);
    assert_int_equal(CALL("path_filestat_set_times", RW, 1, PATH("l"), 0, 8000000000, WASI_MTIM), 0);
    assert_int_equal(stat(host_path(RW, "f"), &st), 0);
    assert_int_equal(st.st_mtim.tv_sec, 8);
    assert_int_equal(CALL("fd_filestat_set_times", RW, 0, 0, WASI_MTIM_NOW), 0);
    static const uint32_t wrong[] = {WASI_ATIM | WASI_ATIM_NOW, WASI_MTIM | WASI_MTIM_NOW, 16};
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        assert_int_equal(CALL("fd_filestat_set_times", fd, 0, 0, wrong[i]), WASI_EINVAL);
        assert_int_equal(CALL("path_filestat_set_times", RW, 0, PATH("f"), 0, 0, wrong[i]), WASI_EINVAL);
    }
    assert_int_equal(CALL("fd_filestat_set_times", 1, 0, 0, 0), WASI_ENOTSUP);
    assert_int_equal(CALL("fd_filestat_set_times", 99, 0, 0, 0), WASI_EBADF);
    assert_int_equal(CALL("path_filestat_set_times", RW, 0, PATH("none"), 0, 0, 0), WASI_ENOENT);
    assert_int_equal(CALL("path_filestat_set_times", fd, 0, PATH("f"), 0, 0, 0), WASI_ENOTDIR);
}

// ---- names

static void directories_are_made_and_removed(void **state) {
    (void)state;
    make("f");
    assert_int_equal(CALL("path_create_directory", RW, PATH("d")), 0);
    assert_int_equal(CALL("path_create_directory", RW, PATH("d")), WASI_EEXIST);
    assert_int_equal(CALL("path_create_directory", RW, PATH("d/e/")), 0);
    assert_int_equal(CALL("path_create_directory", RW, PATH("none/e")), WASI_ENOENT);
    assert_int_equal(CALL("path_create_directory", RW, PATH("f/e")), WASI_ENOTDIR);
    assert_int_equal(CALL("path_create_directory", RW, PATH(".")), WASI_EEXIST);
    assert_int_equal(CALL("path_create_directory", RW, PATH("d/..")), WASI_EEXIST);
    assert_int_equal(CALL("path_create_directory", RW, PATH("..")), WASI_ENOTCAPABLE);
    assert_int_equal(CALL("path_create_directory", RW, PATH("../x")), WASI_ENOTCAPABLE);
    assert_int_equal(CALL("path_create_directory", RW, PATH("/x")), WASI_ENOTCAPABLE);
    assert_int_equal(CALL("path_create_directory", RW, 0, 0), WASI_ENOENT);
    assert_int_equal(CALL("path_create_directory", RW, FIXTURE_MEMORY_BYTES - 1, 2), WASI_EFAULT);
    assert_int_equal(CALL("path_create_directory", RW, 0, 4096), WASI_ENAMETOOLONG);
    assert_int_equal(CALL("path_create_directory", RW, text_at(0, "a"), 2), WASI_EINVAL); // a NUL
    assert_int_equal(CALL("path_create_directory", 99, PATH("x")), WASI_EBADF);
    assert_int_equal(CALL("path_create_directory", 1, PATH("x")), WASI_ENOTDIR);
    assert_int_equal(CALL("path_remove_directory", RW, PATH("d")), WASI_ENOTEMPTY);
    assert_int_equal(CALL("path_remove_directory", RW, PATH("f")), WASI_ENOTDIR);
    assert_int_equal(CALL("path_remove_directory", RW, PATH("d/.")), WASI_EINVAL);
    assert_int_equal(CALL("path_remove_directory", RW, PATH("d/../..")), WASI_ENOTCAPABLE);
    assert_int_equal(CALL("path_remove_directory", RW, PATH("d/e/")), 0);
    assert_int_equal(CALL("path_remove_directory", RW, PATH("d")), 0);
    assert_int_equal(CALL("path_remove_directory", RW, PATH("d")), WASI_ENOENT);
    assert_int_equal(CALL("path_remove_directory", 99, PATH("d")), WASI_EBADF);
}

static void files_are_unlinked(void **state) {
    (void)state;
    make("f");
    assert_int_equal(CALL("path_create_directory", RW, PATH("d")), 0);
    assert_int_equal(CALL("path_unlink_file", RW, PATH("d")), WASI_EISDIR);
    assert_int_equal(CALL("path_unlink_file", RW, PATH("d/")), WASI_EISDIR);
    assert_int_equal(CALL("path_unlink_file", RW, PATH(".")), WASI_EISDIR);
    assert_int_equal(CALL("path_unlink_file", RW, PATH("f/")), WASI_ENOTDIR);
    assert_int_equal(CALL("path_unlink_file", RW, PATH("../f")), WASI_ENOTCAPABLE);
    assert_int_equal(CALL("path_unlink_file", RW, PATH("f")), 0);
    assert_int_equal(CALL("path_unlink_file", RW, PATH("f")), WASI_ENOENT);
    assert_int_equal(CALL("path_unlink_file", 99, PATH("f")), WASI_EBADF);
    assert_int_equal(CALL("path_unlink_file", 0, PATH("f")), WASI_ENOTDIR);
}

static void files_are_renamed(void **state) {
    (void)state;
    assert_int_equal(write_text(make("a"), "a"), 0);
    assert_int_equal(write_text(make("b"), "bb"), 0);
    assert_int_equal(CALL("path_create_directory", RW, PATH("d")), 0);
    assert_int_equal(CALL("path_rename", RW, PATH("a"), RW, SECOND_PATH("d/a")), 0);
    assert_int_equal(CALL("path_rename", RW, PATH("d/a"), RW, SECOND_PATH("b")), 0);
    assert_int_equal(host_size(RW, "b"), 1);
    assert_int_equal(CALL("path_rename", RW, PATH("a"), RW, SECOND_PATH("b")), WASI_ENOENT);
    assert_int_equal(CALL("path_rename", RW, PATH("b"), RW, SECOND_PATH("d")), WASI_EISDIR);
    assert_int_equal(CALL("path_rename", RW, PATH("d"), RW, SECOND_PATH("b")), WASI_ENOTDIR);
    assert_int_equal(CALL("path_rename", RW, PATH("d"), RW, SECOND_PATH("d/e")), WASI_EINVAL);
    assert_int_equal(CALL("path_rename", RW, PATH("."), RW, SECOND_PATH("e")), WASI_EINVAL);
    assert_int_equal(CALL("path_rename", RW, PATH("b"), OTHER, SECOND_PATH("b")), WASI_EXDEV);
    assert_int_equal(CALL("path_rename", RW, PATH("b"), RO, SECOND_PATH("b")), WASI_EROFS);
    assert_int_equal(CALL("path_rename", RO, PATH("b"), RW, SECOND_PATH("b")), WASI_EROFS);
    assert_int_equal(CALL("path_rename", RW, PATH("b"), RW, SECOND_PATH("../b")), WASI_ENOTCAPABLE);
    assert_int_equal(CALL("path_rename", RW, PATH("../b"), RW, SECOND_PATH("c")), WASI_ENOTCAPABLE);
    assert_int_equal(CALL("path_rename", 99, PATH("b"), RW, SECOND_PATH("c")), WASI_EBADF);
    assert_int_equal(CALL("path_rename", RW, PATH("b"), 99, SECOND_PATH("c")), WASI_EBADF);
}

static void links(void **state) {
    (void)state;
    make("f");
    assert_int_equal(CALL("path_create_directory", RW, PATH("d")), 0);
    assert_int_equal(CALL("path_link", RW, 0, PATH("f"), RW, SECOND_PATH("d/g")), 0);
    assert_int_equal(CALL("path_filestat_get", RW, 0, PATH("d/g"), 0), 0);
    assert_int_equal(u64_at(24), 2);
    assert_int_equal(CALL("path_link", RW, 0, PATH("f"), RW, SECOND_PATH("d/g")), WASI_EEXIST);
    assert_int_equal(CALL("path_link", RW, 0, PATH("none"), RW, SECOND_PATH("h")), WASI_ENOENT);
    assert_int_equal(CALL("path_link", RW, 0, PATH("d"), RW, SECOND_PATH("h")), WASI_EPERM);
    assert_int_equal(CALL("path_link", RW, 0, PATH("f/"), RW, SECOND_PATH("h")), WASI_ENOTDIR);
    assert_int_equal(CALL("path_link", RW, 0, PATH("f"), RW, SECOND_PATH("h/")), WASI_ENOENT);
    assert_int_equal(CALL("path_link", RW, 0, PATH("f"), OTHER, SECOND_PATH("h")), WASI_EXDEV);
    assert_int_equal(CALL("path_link", RO, 0, PATH("f"), RW, SECOND_PATH("h")), WASI_EXDEV);
    assert_int_equal(CALL("path_link", RW, 0, PATH("f"), RO, SECOND_PATH("h")), WASI_EROFS);
    assert_int_equal(CALL("path_link", RW, 2, PATH("f"), RW, SECOND_PATH("h")), WASI_EINVAL);
    assert_int_equal(CALL("path_link", RW, 0, PATH("../f"), RW, SECOND_PATH("h")), WASI_ENOTCAPABLE);
    assert_int_equal(CALL("path_link", RW, 0, PATH("f"), RW, SECOND_PATH("../h")), WASI_ENOTCAPABLE);
    assert_int_equal(CALL("path_link", 99, 0, PATH("f"), RW, SECOND_PATH("h")), WASI_EBADF);
    assert_int_equal(CALL("path_link", RW, 0, PATH("f"), 99, SECOND_PATH("h")), WASI_EBADF);
    assert_int_equal(CALL("path_link", RW, 1, PATH("f"), RW, SECOND_PATH("i")), 0);
}

static void symbolic_links(void **state) {
    (void)state;
    assert_int_equal(write_text(make("f"), "inside"), 0);
    assert_int_equal(CALL("path_symlink", PATH("f"), RW, SECOND_PATH("l")), 0);
    assert_int_equal(CALL("path_readlink", RW, PATH("l"), 100, 10, OUT), 0);
    assert_int_equal(u32_at(OUT), 1);
    assert_int_equal(fixture.memory[100], 'f');
    assert_int_equal(CALL("path_symlink", PATH("long-name"), RW, SECOND_PATH("m")), 0);
    assert_int_equal(CALL("path_readlink", RW, PATH("m"), 100, 4, OUT), 0); // cut
    assert_int_equal(u32_at(OUT), 4);
    assert_int_equal(CALL("path_readlink", RW, PATH("m"), 100, 0, OUT), 0);
    assert_int_equal(u32_at(OUT), 0);
    assert_int_equal(CALL("path_readlink", RW, PATH("f"), 100, 4, OUT), WASI_EINVAL);
    assert_int_equal(CALL("path_readlink", RW, PATH("none"), 100, 4, OUT), WASI_ENOENT);
    assert_int_equal(CALL("path_readlink", RW, PATH("l"), FIXTURE_MEMORY_BYTES, 4, OUT), WASI_EFAULT);
    assert_int_equal(CALL("path_readlink", RW, PATH("l"), 100, 4, FIXTURE_MEMORY_BYTES - 3), WASI_EFAULT);
    assert_int_equal(CALL("path_readlink", 1, PATH("l"), 100, 4, OUT), WASI_ENOTDIR);
    assert_int_equal(CALL("path_readlink", 99, PATH("l"), 100, 4, OUT), WASI_EBADF);
    assert_int_equal(CALL("path_symlink", PATH("/etc/passwd"), RW, SECOND_PATH("x")), WASI_ENOTCAPABLE);
    assert_int_equal(CALL("path_symlink", PATH("f"), RW, SECOND_PATH("l")), WASI_EEXIST);
    assert_int_equal(CALL("path_symlink", PATH("f"), RW, SECOND_PATH("x/")), WASI_ENOENT);
    assert_int_equal(CALL("path_symlink", PATH("f"), RW, SECOND_PATH("..")), WASI_ENOTCAPABLE);
    assert_int_equal(CALL("path_symlink", PATH("f"), RO, SECOND_PATH("x")), WASI_EROFS);
    assert_int_equal(CALL("path_symlink", 0, 0, RW, SECOND_PATH("x")), WASI_ENOENT);
    assert_int_equal(CALL("path_symlink", PATH("f"), 99, SECOND_PATH("x")), WASI_EBADF);
    assert_int_equal(CALL("path_symlink", PATH("f"), 1, SECOND_PATH("x")), WASI_ENOTDIR);
    assert_int_equal(OPEN(RW, "l", 0, WASI_RIGHT_FD_READ), WASI_ELOOP);
    assert_int_equal(CALL("path_open", RW, 1, PATH("l"), 0, WASI_RIGHT_FD_READ, 0, 0, OUT), 0);
    assert_string_equal(read_text(u32_at(OUT)), "inside");
    assert_int_equal(CALL("path_symlink", PATH("n"), RW, SECOND_PATH("n")), 0);
    assert_int_equal(CALL("path_open", RW, 1, PATH("n"), 0, 0, 0, 0, OUT), WASI_ELOOP);
    // A link that the operator made is not followed out either.
    assert_int_equal(symlink("/etc/passwd", host_path(RW, "out")), 0);
    assert_int_equal(symlink("..", host_path(RW, "up")), 0);
    assert_int_equal(CALL("path_open", RW, 1, PATH("out"), 0, 0, 0, 0, OUT), WASI_ENOTCAPABLE);
    assert_int_equal(CALL("path_open", RW, 1, PATH("up/etc"), 0, 0, 0, 0, OUT), WASI_ENOTCAPABLE);
    assert_int_equal(CALL("path_filestat_get", RW, 1, PATH("out"), 0), WASI_ENOTCAPABLE);
    assert_int_equal(CALL("path_unlink_file", RW, PATH("up/x")), WASI_ENOTCAPABLE);
    assert_int_equal(CALL("path_link", RW, 1, PATH("out"), RW, SECOND_PATH("in")), WASI_ENOTCAPABLE);
    assert_int_equal(CALL("path_link", RW, 1, PATH("l"), RW, SECOND_PATH("in")), 0);
}

static void opening(void **state) {
    (void)state;
    assert_int_equal(OPEN(RW, "f", 0, 0), WASI_ENOENT);
    assert_int_equal(OPEN(RW, "none/f", WASI_O_CREAT, 0), WASI_ENOENT);
    make("f");
    assert_int_equal(OPEN(RW, "f", WASI_O_CREAT | WASI_O_EXCL, 0), WASI_EEXIST);
    assert_int_equal(OPEN(RW, "f", WASI_O_DIRECTORY, 0), WASI_ENOTDIR);
    assert_int_equal(OPEN(RW, "f/", 0, 0), WASI_ENOTDIR);
    assert_int_equal(OPEN(RW, "d", WASI_O_DIRECTORY | WASI_O_CREAT, 0), WASI_EINVAL);
    assert_int_equal(OPEN(RW, "f", 16, 0), WASI_EINVAL);
    assert_int_equal(CALL("path_open", RW, 2, PATH("f"), 0, 0, 0, 0, OUT), WASI_EINVAL);
    assert_int_equal(CALL("path_open", RW, 0, PATH("new"), 1, 0, 0, 0, FIXTURE_MEMORY_BYTES - 3), WASI_EFAULT);
    assert_int_equal(host_size(RW, "new"), -1);
    assert_int_equal(OPEN(1, "f", 0, 0), WASI_ENOTDIR);
    assert_int_equal(OPEN(FIRST, "f", 0, 0), WASI_ENOTDIR);
    assert_int_equal(OPEN(99, "f", 0, 0), WASI_EBADF);
    assert_int_equal(OPEN(RW, "/f", 0, 0), WASI_ENOTCAPABLE);
    assert_int_equal(OPEN(RW, "../f", WASI_O_CREAT, 0), WASI_ENOTCAPABLE);
    assert_int_equal(OPEN(RW, "d/../../f", 0, 0), WASI_ENOENT);
    assert_int_equal(CALL("path_create_directory", RW, PATH("d")), 0);
    assert_int_equal(OPEN(RW, "d/../../f", 0, 0), WASI_ENOTCAPABLE);
    assert_int_equal(OPEN(RW, "d", 0, WASI_RIGHT_FD_WRITE), WASI_EISDIR);
    uint32_t d = open_at(RW, "d", WASI_O_DIRECTORY, WASI_RIGHTS_DIRECTORY | WASI_RIGHT_FD_WRITE);
    assert_int_equal(OPEN(d, "../f", 0, 0), WASI_ENOTCAPABLE); // nor out of a directory that was opened
    assert_int_equal(OPEN(d, "g", WASI_O_CREAT, WASI_RIGHTS_FILE), 0);
    assert_int_equal(host_size(RW, "d/g"), 0);
    assert_int_equal(CALL("fd_prestat_get", d, 0), WASI_EBADF);
    assert_int_equal(OPEN(RW, "proc/self/root", 0, 0), WASI_ENOENT);
}

static void special_files_are_not_opened(void **state) {
    (void)state;
    assert_int_equal(mkfifo(host_path(RW, "pipe"), 0644), 0);
    assert_int_equal(OPEN(RW, "pipe", 0, WASI_RIGHT_FD_READ), WASI_ENXIO);
    assert_int_equal(OPEN(RW, "pipe", 0, WASI_RIGHT_FD_WRITE), WASI_ENXIO);
    assert_int_equal(OPEN(RW, "pipe", 0, WASI_RIGHT_FD_READ | WASI_RIGHT_FD_WRITE), WASI_ENXIO);
    if (mknod(host_path(RW, "null"), S_IFCHR | 0666, makedev(1, 3)) == 0)
        assert_int_equal(OPEN(RW, "null", 0, WASI_RIGHT_FD_READ), WASI_ENXIO);
    assert_int_equal(CALL("path_filestat_get", RW, 0, PATH("pipe"), 0), 0);
    assert_int_equal(CALL("path_unlink_file", RW, PATH("pipe")), 0);
}

static void read_only_is_read_only(void **state) {
    (void)state;
    host_write(RO, "f", "fixed");
    assert_int_equal(mkdir(host_path(RO, "d"), 0755), 0);
    uint32_t fd =
        open_at(RO, "f", 0,
                WASI_RIGHTS_FILE & ~(WASI_RIGHT_FD_WRITE | WASI_RIGHT_FD_ALLOCATE | WASI_RIGHT_FD_FILESTAT_SET_SIZE));
    assert_string_equal(read_text(fd), "fixed");
    assert_int_equal(write_text(fd, "x"), WASI_ENOTCAPABLE);
    assert_int_equal(CALL("fd_filestat_set_times", fd, 0, 0, 0), WASI_EROFS);
    assert_int_equal(CALL("fd_filestat_set_times", RO, 0, 0, 0), WASI_EROFS);
    assert_int_equal(OPEN(RO, "f", 0, WASI_RIGHT_FD_WRITE), WASI_EROFS);
    assert_int_equal(OPEN(RO, "f", WASI_O_TRUNC, 0), WASI_EROFS);
    assert_int_equal(OPEN(RO, "d", 0, WASI_RIGHT_FD_WRITE), WASI_EISDIR);
    assert_int_equal(OPEN(RO, "new", WASI_O_CREAT, 0), WASI_EROFS);
    assert_int_equal(OPEN(RO, "f", WASI_O_CREAT | WASI_O_EXCL, 0), WASI_EEXIST);
    assert_int_equal(OPEN(RO, "f", WASI_O_CREAT, WASI_RIGHT_FD_READ), 0);
    assert_int_equal(OPEN(RO, "none", 0, WASI_RIGHT_FD_WRITE), WASI_ENOENT);
    uint32_t d = open_at(RO, "d", WASI_O_DIRECTORY, WASI_RIGHTS_DIRECTORY);
    assert_int_equal(OPEN(d, "new", WASI_O_CREAT, 0), WASI_EROFS); // what is below is no less so
    assert_int_equal(CALL("path_create_directory", RO, PATH("x")), WASI_EROFS);
    assert_int_equal(CALL("path_remove_directory", RO, PATH("d")), WASI_EROFS);
    assert_int_equal(CALL("path_unlink_file", RO, PATH("f")), WASI_EROFS);
    assert_int_equal(CALL("path_filestat_set_times", RO, 0, PATH("f"), 0, 0, 0), WASI_EROFS);
    assert_int_equal(host_size(RO, "f"), 5);
    assert_int_equal(host_size(RO, "new"), -1);
}

// ---- listing

// Names of the listing in memory at 10000, each with a blank after it; the cookie of the last goes to *ret_next.
static void names_of(uint32_t used_bytes, char *ret, size_t capacity, uint64_t *ret_next) {
    ret[0] = '\0';
    for (uint32_t at = 10000; at + 24 <= 10000 + used_bytes;) {
        uint32_t n = u32_at(at + 16);
        if (at + 24 + n > 10000 + used_bytes)
            return;
        *ret_next = u64_at(at);
        size_t used_text = strlen(ret);
        snprintf(ret + used_text, capacity - used_text, "%.*s ", (int)n, (char *)fixture.memory + at + 24);
        at += 24 + n;
    }
}

static void directories_are_listed(void **state) {
    (void)state;
    char names[256];
    uint64_t next = 0;
    struct stat st;
    make("file");
    assert_int_equal(CALL("fd_readdir", RW, 10000, 4096, 0, OUT), 0);
    names_of(u32_at(OUT), names, sizeof names, &next);
    assert_int_equal(u32_at(OUT), 3 * 24 + 1 + 2 + 4);
    assert_non_null(strstr(names, ". "));
    assert_non_null(strstr(names, ".. "));
    assert_non_null(strstr(names, "file "));
    assert_int_equal(CALL("fd_readdir", RW, 10000, 4096, next, OUT), 0); // after the last
    assert_int_equal(u32_at(OUT), 0);
    // One entry at a time, as far as its name is cut.
    uint64_t cookie = 0;
    bool seen = false;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(CALL("fd_readdir", RW, 10000, 30, cookie, OUT), 0);
        assert_true(u32_at(OUT) == 30 || i == 2);
        if (u32_at(10016) == 4) {
            assert_int_equal(stat(host_path(RW, "file"), &st), 0);
            assert_int_equal(u64_at(10008), st.st_ino);
            assert_int_equal(fixture.memory[10020], WASI_TYPE_REGULAR_FILE);
            seen = memcmp(fixture.memory + 10024, "file", 4) == 0;
        }
        cookie = u64_at(10000);
    }
    assert_true(seen);
    assert_int_equal(cookie, next);
    assert_int_equal(CALL("fd_readdir", RW, 10000, 10, 0, OUT), 0);
    assert_int_equal(u32_at(OUT), 10); // full: there is more
    assert_int_equal(CALL("fd_readdir", RW, 10000, 0, 0, OUT), 0);
    assert_int_equal(u32_at(OUT), 0);
    assert_int_equal(CALL("fd_readdir", RW, 10000, 100, UINT64_MAX, OUT), WASI_EINVAL);
    assert_int_equal(CALL("fd_readdir", RW, FIXTURE_MEMORY_BYTES - 1, 2, 0, OUT), WASI_EFAULT);
    assert_int_equal(CALL("fd_readdir", RW, 10000, 100, 0, FIXTURE_MEMORY_BYTES - 3), WASI_EFAULT);
    assert_int_equal(CALL("fd_readdir", FIRST, 10000, 100, 0, OUT), WASI_ENOTDIR);
    assert_int_equal(CALL("fd_readdir", 1, 10000, 100, 0, OUT), WASI_ENOTDIR);
    assert_int_equal(CALL("fd_readdir", 99, 10000, 100, 0, OUT), WASI_EBADF);
}

static void long_listings_are_whole(void **state) {
    (void)state;
    enum { COUNT = 700 };
    static bool seen[COUNT];
    uint64_t cookie = 0;
    unsigned count = 0;
    for (int i = 0; i < COUNT; i++) {
        char name[16];
        snprintf(name, sizeof name, "n%d", i);
        host_write(RW, name, "");
    }
    for (;;) {
        assert_int_equal(CALL("fd_readdir", RW, 10000, 1000, cookie, OUT), 0);
        uint32_t n = u32_at(OUT), at = 10000;
        for (; at + 24 <= 10000 + n && at + 24 + u32_at(at + 16) <= 10000 + n; at += 24 + u32_at(at + 16)) {
            cookie = u64_at(at);
            if (fixture.memory[at + 24] != 'n')
                continue;
            char digits[8] = {0};
            memcpy(digits, fixture.memory + at + 25, u32_at(at + 16) - 1);
            long number = strtol(digits, NULL, 10);
            assert_false(seen[number]);
            seen[number] = true;
            count++;
        }
        if (n < 1000)
            break;
    }
    assert_int_equal(count, COUNT);
}

// ---- quotas

static void quotas_hold(void **state) {
    (void)state;
    uint32_t fd = make("f");
    assert_int_equal(write_bytes(fd, 50000), 0);
    assert_int_equal(used(), 50000);
    assert_int_equal(CALL("fd_seek", fd, 0, 0, OUT), 0);
    assert_int_equal(write_bytes(fd, 50000), 0); // over itself
    assert_int_equal(used(), 50000);
    assert_int_equal(CALL("fd_filestat_set_size", fd, QUOTA + 1), WASI_ENOSPC);
    assert_int_equal(CALL("fd_allocate", fd, 0, QUOTA + 1), WASI_ENOSPC);
    assert_int_equal(CALL("fd_filestat_set_size", fd, QUOTA), 0);
    assert_int_equal(used(), QUOTA);
    assert_int_equal(CALL("fd_seek", fd, 0, 2, OUT), 0);
    assert_int_equal(write_bytes(fd, 1), WASI_ENOSPC);
    assert_int_equal(write_bytes(make("g"), 1), WASI_ENOSPC);
    assert_int_equal(CALL("fd_filestat_set_size", fd, 10), 0);
    assert_int_equal(used(), 10);
    assert_int_equal(CALL("path_open", RW, 0, PATH("f"), WASI_O_TRUNC, 0, 0, 0, OUT), 0);
    assert_int_equal(used(), 0);
    assert_int_equal(host_size(RW, "f"), 0);
    put_iovec(0, 2000, 10);
    assert_int_equal(CALL("fd_pwrite", fd, 1000, 1, 90, OUT), 0);
    assert_int_equal(used(), 100);
    assert_int_equal(CALL("fd_allocate", fd, 90, 20), 0);
    assert_int_equal(used(), 110);
}

static void names_give_bytes_back(void **state) {
    (void)state;
    uint32_t fd = make("f");
    assert_int_equal(write_bytes(fd, 100), 0);
    assert_int_equal(CALL("path_link", RW, 0, PATH("f"), RW, SECOND_PATH("g")), 0);
    assert_int_equal(CALL("path_unlink_file", RW, PATH("f")), 0);
    assert_int_equal(used(), 100); // it has another name
    assert_int_equal(CALL("path_unlink_file", RW, PATH("g")), 0);
    assert_int_equal(used(), 100); // it is open
    assert_int_equal(write_bytes(fd, 50), 0);
    assert_int_equal(used(), 150);
    assert_int_equal(CALL("fd_close", fd), 0);
    assert_int_equal(used(), 0);
    fd = make("f");
    assert_int_equal(write_bytes(fd, 100), 0);
    assert_int_equal(CALL("fd_close", fd), 0);
    assert_int_equal(write_bytes(fd = make("g"), 30), 0);
    assert_int_equal(CALL("fd_close", fd), 0);
    assert_int_equal(CALL("path_rename", RW, PATH("g"), RW, SECOND_PATH("f")), 0);
    assert_int_equal(used(), 30);
    assert_int_equal(CALL("path_rename", RW, PATH("f"), RW, SECOND_PATH("f")), 0);
    assert_int_equal(used(), 30);
    assert_int_equal(CALL("path_unlink_file", RW, PATH("f")), 0);
    assert_int_equal(used(), 0);
}

static void two_descriptors_give_back_once(void **state) {
    (void)state;
    uint32_t a = make("f"), b = make("f");
    assert_int_equal(write_bytes(a, 100), 0);
    assert_int_equal(CALL("path_unlink_file", RW, PATH("f")), 0);
    assert_int_equal(CALL("fd_close", a), 0);
    assert_int_equal(used(), 100);
    assert_int_equal(CALL("fd_close", b), 0);
    assert_int_equal(used(), 0);
    assert_int_equal(write_bytes(make("g"), 100), 0);
    assert_int_equal(CALL("path_unlink_file", RW, PATH("g")), 0);
    wasi_fixture_start(); // the invocation ends
    assert_int_equal(used(), 0);
}

// ---- the rest

static void polls_see_files(void **state) {
    (void)state;
    uint32_t fd = make("f");
    assert_int_equal(write_bytes(fd, 100), 0);
    assert_int_equal(CALL("fd_seek", fd, 30, 0, OUT), 0);
    memset(fixture.memory, 0, 200);
    put_u64(0, 7);
    fixture.memory[8] = 1;
    put_u32(16, fd);
    put_u64(48, 8);
    fixture.memory[56] = 2;
    put_u32(64, fd);
    put_u64(96, 9);
    fixture.memory[104] = 1; // stdin
    assert_int_equal(CALL("poll_oneoff", 0, 4000, 3, OUT), 0);
    assert_int_equal(u32_at(OUT), 3);
    assert_int_equal(u64_at(4000), 7);
    assert_int_equal(u64_at(4016), 70);
    assert_int_equal(u64_at(4032), 8);
    assert_int_equal(u64_at(4080), 7); // bytes of payload
    assert_int_equal(CALL("fd_fdstat_set_rights", fd, 0, 0), 0);
    assert_int_equal(CALL("poll_oneoff", 0, 4000, 1, OUT), 0);
    assert_int_equal(fixture.memory[4008], WASI_ENOTCAPABLE);
    put_u32(16, 99);
    assert_int_equal(CALL("poll_oneoff", 0, 4000, 1, OUT), 0);
    assert_int_equal(fixture.memory[4008], WASI_EBADF);
}

static void nothing_is_a_socket(void **state) {
    (void)state;
    uint32_t fds[] = {0, RW, make("f")};
    for (size_t i = 0; i < COUNT_OF(fds); i++) {
        assert_int_equal(CALL("sock_accept", fds[i], 0, OUT), WASI_ENOTSOCK);
        assert_int_equal(CALL("sock_recv", fds[i], 0, 0, 0, OUT, OUT), WASI_ENOTSOCK);
        assert_int_equal(CALL("sock_send", fds[i], 0, 0, 0, OUT), WASI_ENOTSOCK);
        assert_int_equal(CALL("sock_shutdown", fds[i], 3), WASI_ENOTSOCK);
    }
    assert_int_equal(CALL("sock_accept", 99, 0, OUT), WASI_EBADF);
    assert_int_equal(CALL("sock_recv", 99, 0, 0, 0, OUT, OUT), WASI_EBADF);
    assert_int_equal(CALL("sock_send", 99, 0, 0, 0, OUT), WASI_EBADF);
    assert_int_equal(CALL("sock_shutdown", 99, 3), WASI_EBADF);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(preopens_have_names),
        TEST(numbers_are_the_lowest_free),
        TEST(there_is_an_end_to_descriptors),
        TEST(open_files_have_a_limit),
        TEST(renumber_moves),
        TEST(rights_only_shrink),
        TEST(every_right_is_checked),
        TEST(rights_are_inherited),
        TEST(files_are_written_and_read),
        TEST(file_errors),
        TEST(flags_are_kept_and_done),
        TEST(sizes),
        TEST(stats),
        TEST(times_are_set),
        TEST(directories_are_made_and_removed),
        TEST(files_are_unlinked),
        TEST(files_are_renamed),
        TEST(links),
        TEST(symbolic_links),
        TEST(opening),
        TEST(special_files_are_not_opened),
        TEST(read_only_is_read_only),
        TEST(directories_are_listed),
        TEST(long_listings_are_whole),
        TEST(quotas_hold),
        TEST(names_give_bytes_back),
        TEST(two_descriptors_give_back_once),
        TEST(polls_see_files),
        TEST(nothing_is_a_socket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
