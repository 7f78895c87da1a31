// The disk cache of modules; artifact_cache.h says what it promises. What asks it is artifact_source_sms.c.
#include "runtime/artifact_cache.h"

#include "base/file.h"
#include "base/id.h"
#include "base/mem.h"
#include "runtime/memory_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CACHE_FILES_MAX = 16384 };
static const char temporary_prefix[] = "new-";

struct artifact_cache {
    char *path; // of the folder; NULL: nothing is kept
    uint64_t max_bytes;
};

struct cached_file {
    char name[SHA256_HEX + 1];
    uint64_t size_bytes;
    struct timespec used_at;
};

struct cache_listing {
    struct cached_file *files;
    size_t count;
    uint64_t total_bytes;
};

static void remove_temporaries(const char *path) {
    DIR *directory = opendir(path);
    for (struct dirent *entry; directory && (entry = readdir(directory));)
        if (span_starts_with(span_of(entry->d_name), temporary_prefix))
            (void)unlinkat(dirfd(directory), entry->d_name, 0);
    if (directory)
        closedir(directory);
}

int artifact_cache_new(const char *directory, uint64_t max_bytes, struct artifact_cache **ret, struct err *e) {
    AUTO_FREE char *path = directory ? file_join(directory, "cache/modules") : NULL;
    if (path && file_make_dirs(path, 0700, e) < 0)
        return -1;
    if (path)
        remove_temporaries(path);
    struct artifact_cache *c = NEW(struct artifact_cache);
    c->path = TAKE(path);
    c->max_bytes = max_bytes;
    *ret = c;
    return 0;
}

void artifact_cache_free(struct artifact_cache *c) {
    if (!c)
        return;
    free(c->path);
    free(c);
}

static char *path_of(const struct artifact_cache *c, const unsigned char sha256[SHA256_BYTES]) {
    char hex[SHA256_HEX + 1];
    sha256_to_hex(sha256, hex);
    return file_join(c->path, hex);
}

// Into memory first, then hashed there: what is given out is what was checked.
static int read_verified(const char *path, const unsigned char sha256[SHA256_BYTES], uint64_t max_bytes, int *ret_fd,
                         uint64_t *ret_size_bytes, struct err *e) {
    AUTO_CLOSE int file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat info;
    if (file < 0 || fstat(file, &info) < 0)
        return err_set_sys(e, ERR_ARTIFACT_NOT_FOUND, errno, "%s", path);
    uint64_t size_bytes = (uint64_t)info.st_size;
    if (!S_ISREG(info.st_mode) || size_bytes > max_bytes)
        return err_set(e, ERR_ARTIFACT_NOT_FOUND, "%s is not a file of at most %llu bytes", path,
                       (unsigned long long)max_bytes);
    AUTO_CLOSE int memory = -1;
    struct span bytes;
    if (memory_file_new("spear-module", &memory, e) < 0 || memory_file_copy(memory, file, 0, size_bytes, e) < 0 ||
        memory_file_seal(memory, e) < 0 || memory_file_map(memory, size_bytes, &bytes, e) < 0)
        return -1;
    unsigned char found[SHA256_BYTES];
    sha256_of(bytes, found);
    memory_file_unmap(bytes);
    if (memcmp(found, sha256, SHA256_BYTES) != 0)
        return err_set(e, ERR_ARTIFACT_NOT_FOUND, "%s is not what its name says", path);
    *ret_fd = TAKE_FD(memory);
    *ret_size_bytes = size_bytes;
    return 0;
}

int artifact_cache_load(struct artifact_cache *c, const unsigned char sha256[SHA256_BYTES], uint64_t max_bytes,
                        int *ret_fd, uint64_t *ret_size_bytes, struct err *e) {
    if (!c->path)
        return err_set(e, ERR_ARTIFACT_NOT_FOUND, "there is no artifact cache");
    AUTO_FREE char *path = path_of(c, sha256);
    struct err why = {0};
    if (read_verified(path, sha256, max_bytes, ret_fd, ret_size_bytes, &why) == 0) {
        (void)utimensat(AT_FDCWD, path, NULL, 0); // used just now
        return 0;
    }
    if (why.sys != ENOENT)
        (void)unlink(path);
    return err_set(e, ERR_ARTIFACT_NOT_FOUND, "%s", why.text);
}

static int by_age(const void *a, const void *b) {
    const struct timespec *x = &((const struct cached_file *)a)->used_at,
                          *y = &((const struct cached_file *)b)->used_at;
    if (x->tv_sec != y->tv_sec)
        return x->tv_sec < y->tv_sec ? -1 : 1;
    return x->tv_nsec < y->tv_nsec ? -1 : x->tv_nsec > y->tv_nsec;
}

static void list_one(DIR *directory, const char *name, struct cache_listing *l) {
    struct stat info;
    if (strlen(name) != SHA256_HEX || fstatat(dirfd(directory), name, &info, AT_SYMLINK_NOFOLLOW) < 0)
        return;
    if ((l->count & (l->count + 1)) == 0) // grow at 0, 1, 3, 7, …
        l->files = mem_realloc(l->files, (2 * l->count + 2) * sizeof *l->files);
    struct cached_file *f = &l->files[l->count++];
    memcpy(f->name, name, SHA256_HEX + 1);
    f->size_bytes = (uint64_t)info.st_size;
    f->used_at = info.st_mtim;
    l->total_bytes += f->size_bytes;
}

// Removes the least recently used until a file of size_bytes fits. Two at once do no harm: a file is removed once.
static void make_room(struct artifact_cache *c, uint64_t size_bytes) {
    DIR *directory = opendir(c->path);
    if (!directory)
        return;
    struct cache_listing l = {0};
    for (struct dirent *entry; (entry = readdir(directory));)
        list_one(directory, entry->d_name, &l);
    if (l.count > 0)
        qsort(l.files, l.count, sizeof *l.files, by_age);
    for (size_t i = 0; i < l.count && (l.total_bytes + size_bytes > c->max_bytes || l.count - i >= CACHE_FILES_MAX);
         i++) {
        (void)unlinkat(dirfd(directory), l.files[i].name, 0);
        l.total_bytes -= l.files[i].size_bytes;
    }
    free(l.files);
    closedir(directory);
}

static int write_file(const char *temporary, const char *path, int fd, uint64_t size_bytes, struct err *e) {
    AUTO_CLOSE int file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0)
        return err_set_sys(e, ERR_IO, errno, "%s", temporary);
    if (memory_file_copy(file, fd, 0, size_bytes, e) < 0 || rename(temporary, path) < 0) {
        int error_number = errno;
        (void)unlink(temporary);
        return e && e->kind != ERR_NONE ? -1 : err_set_sys(e, ERR_IO, error_number, "%s", path);
    }
    return 0;
}

int artifact_cache_store(struct artifact_cache *c, const unsigned char sha256[SHA256_BYTES], int fd,
                         uint64_t size_bytes, struct err *e) {
    if (!c->path || size_bytes > c->max_bytes)
        return 0;
    make_room(c, size_bytes);
    char id[UUID_TEXT + 1];
    uuid_new(id);
    AUTO_FREE char *path = path_of(c, sha256);
    AUTO_FREE char *temporary = mem_printf("%s/%s%s", c->path, temporary_prefix, id);
    return write_file(temporary, path, fd, size_bytes, e);
}
