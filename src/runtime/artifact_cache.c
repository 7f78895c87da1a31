// The disk cache of modules; artifact_cache.h says what it promises. What asks it is artifact_source_sms.c.
#include "runtime/artifact_cache.h"

#include "base/mem.h"
#include "runtime/cache_folder.h"
#include "runtime/memory_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct artifact_cache {
    char *path; // of the folder; NULL: nothing is kept
    uint64_t max_bytes;
};

int artifact_cache_new(const char *directory, uint64_t max_bytes, struct artifact_cache **ret, struct err *e) {
    char *path;
    if (cache_folder_open(directory, "cache/modules", &path, e) < 0)
        return -1;
    struct artifact_cache *c = NEW(struct artifact_cache);
    c->path = path;
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
    AUTO_FREE char *path = cache_folder_file(c->path, sha256);
    struct err why = {0};
    if (read_verified(path, sha256, max_bytes, ret_fd, ret_size_bytes, &why) == 0) {
        cache_folder_touch(path);
        return 0;
    }
    if (why.sys != ENOENT)
        (void)unlink(path);
    return err_set(e, ERR_ARTIFACT_NOT_FOUND, "%s", why.text);
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
    cache_folder_make_room(c->path, c->max_bytes, size_bytes);
    AUTO_FREE char *path = cache_folder_file(c->path, sha256);
    AUTO_FREE char *temporary = cache_folder_temporary(c->path);
    return write_file(temporary, path, fd, size_bytes, e);
}
