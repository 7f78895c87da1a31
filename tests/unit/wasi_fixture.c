// The guest that is none: wasi_fixture.h says what for.
#include "wasi_fixture.h"

#include "base/mem.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct wasi_fixture fixture;

void *engine_memory_at(struct engine_memory *unused, uint32_t offset, uint64_t n) {
    (void)unused;
    return offset <= FIXTURE_MEMORY_BYTES && n <= FIXTURE_MEMORY_BYTES - offset ? fixture.memory + offset : NULL;
}

void wasi_fixture_begin(void) {
    static const struct span args[] = {{"prog", 4}, {"", 0}};
    struct wasi_fixture *f = &fixture;
    *f = (struct wasi_fixture){.memory = mem_calloc(1, FIXTURE_MEMORY_BYTES)};
    f->guest = (struct guest){.payload = SPAN_LITERAL("payload"),
                              .output = {f->output, sizeof f->output, 0},
                              .log = {f->log, sizeof f->log, 0},
                              .args = args,
                              .arg_count = 2,
                              .table = &f->table};
    f->table.open_max = WASI_DESCRIPTORS_MAX;
    const char *temporary = getenv("TMPDIR");
    snprintf(f->root, sizeof f->root, "%.40s/spear-wasi-XXXXXX", temporary ? temporary : "/tmp");
    ASSERT(mkdtemp(f->root));
    wasi_fixture_start();
}

void wasi_fixture_grant(const char *guest_path, bool writable, uint64_t max_bytes) {
    struct wasi_fixture *f = &fixture;
    char *path = f->directories[f->grant_count];
    ASSERT(f->grant_count < FIXTURE_GRANTS_MAX);
    snprintf(path, sizeof f->directories[0], "%.56s/%zu", f->root, f->grant_count);
    struct wasi_grant *g = &f->grants[f->grant_count++];
    ASSERT(mkdir(path, 0755) == 0);
    *g = (struct wasi_grant){.guest_path = guest_path, .max_bytes = max_bytes, .writable = writable};
    g->fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    g->volume_fd = memfd_create("volume", MFD_CLOEXEC);
    ASSERT(g->fd >= 0 && g->volume_fd >= 0 && ftruncate(g->volume_fd, IPC_VOLUME_BYTES) == 0);
    g->volume = mmap(NULL, IPC_VOLUME_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, g->volume_fd, 0);
    ASSERT(g->volume != MAP_FAILED);
}

void wasi_fixture_start(void) {
    wasi_table_begin(&fixture.table, fixture.grants, fixture.grant_count);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static int remove_below(const char *path, const struct stat *st, int type, struct FTW *ftw) {
    return ftw->level ? remove_one(path, st, type, ftw) : 0;
}

void wasi_fixture_empty(size_t grant) {
    ASSERT(nftw(fixture.directories[grant], remove_below, 16, FTW_DEPTH | FTW_PHYS) == 0);
    fixture.grants[grant].volume->used_bytes = 0;
}

void wasi_fixture_end(void) {
    struct wasi_fixture *f = &fixture;
    wasi_table_end(&f->table);
    for (size_t i = 0; i < f->grant_count; i++) {
        close(f->grants[i].fd);
        close(f->grants[i].volume_fd);
        munmap(f->grants[i].volume, IPC_VOLUME_BYTES);
    }
    nftw(f->root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(f->memory);
}

const struct engine_host_function *wasi_fixture_find(const char *module, const char *name) {
    size_t count;
    const struct engine_host_function *functions = host_functions(&count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(functions[i].module, module) == 0 && strcmp(functions[i].name, name) == 0)
            return &functions[i];
    fprintf(stderr, "no %s.%s\n", module, name);
    abort();
}

int64_t wasi_fixture_call(const char *module, const char *name, const uint64_t *values, size_t count) {
    const struct engine_host_function *f = wasi_fixture_find(module, name);
    struct engine_value params[ENGINE_PARAMS_MAX], result = {0};
    if (count != f->signature.param_count) {
        fprintf(stderr, "%s takes %u params\n", name, f->signature.param_count);
        abort();
    }
    for (size_t i = 0; i < count; i++) {
        params[i] = (struct engine_value){.type = f->signature.params[i], .of.i64 = (int64_t)values[i]};
        if (params[i].type == ENGINE_I32)
            params[i].of.i32 = (int32_t)(uint32_t)values[i];
    }
    f->fn(&fixture.guest, NULL, params, &result, &fixture.exits);
    return result.type == ENGINE_I64 ? result.of.i64 : result.of.i32;
}

uint32_t text_at(uint32_t at, const char *text) {
    memcpy(fixture.memory + at, text, strlen(text) + 1);
    return at;
}

uint32_t u32_at(uint32_t at) {
    uint32_t value;
    memcpy(&value, fixture.memory + at, sizeof value);
    return value;
}

uint64_t u64_at(uint32_t at) {
    uint64_t value;
    memcpy(&value, fixture.memory + at, sizeof value);
    return value;
}

void put_u32(uint32_t at, uint32_t value) {
    memcpy(fixture.memory + at, &value, sizeof value);
}

void put_u64(uint32_t at, uint64_t value) {
    memcpy(fixture.memory + at, &value, sizeof value);
}

void put_iovec(uint32_t index, uint32_t at, uint32_t n) {
    put_u32(1000 + index * 8, at);
    put_u32(1004 + index * 8, n);
}
