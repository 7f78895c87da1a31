// Fuzzes every WASI function: the input is a program of calls with arguments of all sorts, on a guest's memory and a granted directory that
// are real. Whatever is called, nothing outside of the directory changes, and it never holds more than its quota.
#include "base/mem.h"
#include "fuzz/fuzz.h"
#include "wasi_fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { QUOTA = 200000, CALLS_MAX = 200, TEXTS_AT = 60000, TEXT_BYTES = 32, ENTRIES_OUTSIDE = 3, SECRET_BYTES = 6 };

static const char *const texts[] = {"f",      "g",         "d",           "d/f", "d/e",      "l",       "up/secret",
                                    "out",    "../secret", "/etc/passwd", "..",  "d/../f",   "d/../..", ".",
                                    "up/0/f", "pipe",      "l/",          "d/",  "proc/self"};

static void put_file(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    ASSERT(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}

static const char *at(const char *folder, const char *name) {
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void end(void) {
    wasi_fixture_end();
}

static void begin(void) {
    if (access("/dev/shm", W_OK) == 0)
        setenv("TMPDIR", "/dev/shm", 0);
    wasi_fixture_begin();
    wasi_fixture_grant("/data", true, QUOTA);
    wasi_fixture_grant("/fixed", false, UINT64_MAX);
    put_file(at(fixture.root, "secret"), "secret");
    put_file(at(fixture.directories[1], "f"), "fixed");
    atexit(end);
}

static void begin_volume(void) {
    const char *folder = fixture.directories[0];
    wasi_fixture_empty(0);
    ASSERT(mkdir(at(folder, "d"), 0755) == 0 && symlink("..", at(folder, "up")) == 0);
    ASSERT(symlink("/etc/passwd", at(folder, "out")) == 0 && mkfifo(at(folder, "pipe"), 0644) == 0);
    for (uint32_t i = 0; i < COUNT_OF(texts); i++)
        text_at(TEXTS_AT + i * TEXT_BYTES, texts[i]);
    fixture.guest.payload_at = 0;
    fixture.guest.output.n = fixture.guest.log.n = 0;
    wasi_fixture_start();
}

// ---- one call

static uint64_t take(struct span *rest, size_t n) {
    uint64_t value = 0;
    if (n > rest->n)
        n = rest->n;
    if (n)
        memcpy(&value, rest->p, n);
    *rest = span_slice(*rest, n, rest->n);
    return value;
}

// Fills one param, or two with a path and its length; returns how many.
static unsigned take_params(struct span *rest, uint64_t *to) {
    static const uint64_t edges[] = {UINT64_MAX, INT64_MAX, UINT32_MAX, INT32_MAX, (uint64_t)INT32_MAX + 1,
                                     65535,      65536,     1 << 20};
    uint64_t kind = take(rest, 1);
    switch (kind % 8) {
    case 0:
    case 1:
        to[0] = (kind >> 3) % 12; // descriptors, flags, counts
        return 1;
    case 2:
        to[0] = take(rest, 2); // in memory
        return 1;
    case 3:
        to[0] = edges[(kind >> 3) % COUNT_OF(edges)];
        return 1;
    case 4:
        to[0] = take(rest, 8);
        return 1;
    case 5:
        to[0] = WASI_RIGHTS_FILE | WASI_RIGHTS_DIRECTORY;
        return 1;
    default:
        to[0] = TEXTS_AT + (kind >> 3) % COUNT_OF(texts) * TEXT_BYTES;
        to[1] = strlen(texts[(kind >> 3) % COUNT_OF(texts)]);
        return 2;
    }
}

// With a first subscription that is ready, nothing sleeps.
static void keep_awake(const struct engine_value *params) {
    uint8_t *tag = engine_memory_at(NULL, (uint32_t)params[0].of.i32, 56);
    if (tag)
        tag[8] = 1;
}

static void call_one(struct span *rest) {
    size_t count;
    const struct engine_host_function *functions = host_functions(&count);
    const struct engine_host_function *f = &functions[take(rest, 1) % count];
    uint64_t values[ENGINE_PARAMS_MAX + 1] = {0};
    struct engine_value params[ENGINE_PARAMS_MAX], results[ENGINE_PARAMS_MAX];
    for (unsigned i = 0; i < f->signature.param_count;)
        i += take_params(rest, values + i);
    for (unsigned i = 0; i < f->signature.param_count; i++) {
        params[i] = (struct engine_value){.type = f->signature.params[i], .of.i64 = (int64_t)values[i]};
        if (params[i].type == ENGINE_I32)
            params[i].of.i32 = (int32_t)(uint32_t)values[i];
    }
    if (strcmp(f->name, "poll_oneoff") == 0)
        keep_awake(params);
    f->fn(&fixture.guest, NULL, params, results, &fixture.exits);
}

// ---- what must hold

static uint64_t volume_bytes;

static int add_size(const char *path, const struct stat *st, int type, struct FTW *ftw) {
    (void)path, (void)type, (void)ftw;
    if (S_ISREG(st->st_mode))
        volume_bytes += (uint64_t)st->st_size / st->st_nlink;
    return 0;
}

static void check_outside(void) {
    struct stat st;
    unsigned entries = 0;
    DIR *root = opendir(fixture.root);
    while (readdir(root))
        entries++;
    closedir(root);
    ASSERT(entries == 2 + ENTRIES_OUTSIDE);
    ASSERT(stat(at(fixture.root, "secret"), &st) == 0 && st.st_nlink == 1 && st.st_size == SECRET_BYTES);
    ASSERT(stat(at(fixture.directories[1], "f"), &st) == 0 && st.st_nlink == 1 && st.st_size == 5);
}

static void check_quota(void) {
    volume_bytes = 0;
    wasi_table_end(&fixture.table);
    ASSERT(nftw(fixture.directories[0], add_size, 16, FTW_PHYS) == 0);
    uint64_t used = fixture.grants[0].volume->used_bytes;
    ASSERT(used <= QUOTA && volume_bytes <= used + 16); // links share their size: rounded
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static bool begun;
    if (!begun)
        begin();
    begun = true;
    memset(fixture.memory, 0, TEXTS_AT);
    memcpy(fixture.memory, data, size < TEXTS_AT ? size : TEXTS_AT);
    begin_volume();
    struct span rest = span_make(data, size);
    for (int i = 0; i < CALLS_MAX && rest.n; i++)
        call_one(&rest);
    check_quota();
    check_outside();
    return 0;
}
