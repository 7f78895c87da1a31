// The folder of file contents, by directory descriptors; see blobs.h for the layout and who may call what.
//
// Does not count references (file_table.c does) and reads no uploads (upload.c does).
#include "sms/blobs.h"

#include "base/file.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SHARDS = 256, BLOB_PATH = 3 + SHA256_HEX + 1 };

struct blobs {
    int blobs_fd, tmp_fd;
    bool dirty[SHARDS]; // folders with a rename that is not yet durable
};

// "ab/ab12…"
static void blob_path(const char *sha256_hex, char ret_path[BLOB_PATH]) {
    snprintf(ret_path, BLOB_PATH, "%.2s/%.64s", sha256_hex, sha256_hex);
}

static unsigned shard_index(const char *sha256_hex) {
    char digits[3] = {sha256_hex[0], sha256_hex[1], 0};
    return (unsigned)strtoul(digits, NULL, 16) % SHARDS;
}

static void shard_name(unsigned index, char ret_name[3]) {
    snprintf(ret_name, 3, "%02x", index & 0xff);
}

static int open_folder(const char *data_dir, const char *name, int *ret_fd, struct err *e) {
    AUTO_FREE char *path = file_join(data_dir, name);
    if (file_make_dirs(path, 0700, e) != 0) {
        return -1;
    }
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return err_set_sys(e, ERR_IO, errno, "open folder %s", path);
    }
    *ret_fd = fd;
    return 0;
}

// Calls f(ctx, name) for every entry but "." and "..", until it is non-zero.
static int each_entry(int folder_fd, const char *path, int (*f)(void *ctx, const char *name, struct err *e), void *ctx,
                      struct err *e) {
    int fd = openat(folder_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;
    if (folder == NULL) {
        mem_close_fd(&fd);
        return err_set_sys(e, ERR_IO, errno, "read folder %s", path);
    }
    int result = 0;
    for (struct dirent *entry = readdir(folder); entry != NULL && result == 0; entry = readdir(folder)) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            result = f(ctx, entry->d_name, e);
        }
    }
    closedir(folder);
    return result;
}

static int remove_leftover(void *ctx, const char *name, struct err *e) {
    struct blobs *b = ctx;
    if (unlinkat(b->tmp_fd, name, 0) != 0 && errno != ENOENT) {
        return err_set_sys(e, ERR_IO, errno, "remove the temporary file tmp/%s", name);
    }
    return 0;
}

static int make_shards(struct blobs *b, struct err *e) {
    for (unsigned i = 0; i < SHARDS; i++) {
        char name[3];
        shard_name(i, name);
        if (mkdirat(b->blobs_fd, name, 0700) != 0 && errno != EEXIST) {
            return err_set_sys(e, ERR_IO, errno, "make folder blobs/%s", name);
        }
    }
    if (fsync(b->blobs_fd) != 0) {
        return err_set_sys(e, ERR_IO, errno, "fsync folder blobs");
    }
    return 0;
}

int blobs_open(const char *data_dir, struct blobs **ret, struct err *e) {
    struct blobs *b = NEW(struct blobs);
    b->blobs_fd = b->tmp_fd = -1;
    if (open_folder(data_dir, "blobs", &b->blobs_fd, e) != 0 || open_folder(data_dir, "tmp", &b->tmp_fd, e) != 0 ||
        make_shards(b, e) != 0 || each_entry(b->tmp_fd, ".", remove_leftover, b, e) != 0) {
        blobs_close(b);
        return -1;
    }
    *ret = b;
    return 0;
}

void blobs_close(struct blobs *b) {
    if (b == NULL) {
        return;
    }
    mem_close_fd(&b->blobs_fd);
    mem_close_fd(&b->tmp_fd);
    free(b);
}

int blobs_create_temporary(struct blobs *b, const char *id, int *ret_fd, struct err *e) {
    int fd = openat(b->tmp_fd, id, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        enum err_kind kind = errno == ENOSPC || errno == EDQUOT ? ERR_INSUFFICIENT_STORAGE : ERR_IO;
        return err_set_sys(e, kind, errno, "make the temporary file tmp/%s", id);
    }
    *ret_fd = fd;
    return 0;
}

void blobs_remove_temporary(struct blobs *b, const char *id) {
    unlinkat(b->tmp_fd, id, 0);
}

static bool content_is_whole(struct blobs *b, const char *path, uint64_t len) {
    struct stat info;
    return fstatat(b->blobs_fd, path, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(info.st_mode) &&
           (uint64_t)info.st_size == len;
}

int blobs_publish(struct blobs *b, const char *id, const char *sha256_hex, uint64_t len, struct err *e) {
    char path[BLOB_PATH];
    blob_path(sha256_hex, path);
    if (content_is_whole(b, path, len)) {
        blobs_remove_temporary(b, id);
        return 0;
    }
    if (renameat(b->tmp_fd, id, b->blobs_fd, path) != 0) {
        enum err_kind kind = errno == ENOSPC || errno == EDQUOT ? ERR_INSUFFICIENT_STORAGE : ERR_IO;
        return err_set_sys(e, kind, errno, "rename tmp/%s to blobs/%s", id, path);
    }
    b->dirty[shard_index(sha256_hex)] = true;
    return 0;
}

static int sync_shard(struct blobs *b, unsigned index, struct err *e) {
    char name[3];
    shard_name(index, name);
    AUTO_CLOSE int fd = openat(b->blobs_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0) {
        return err_set_sys(e, ERR_IO, errno, "fsync folder blobs/%s", name);
    }
    b->dirty[index] = false;
    return 0;
}

int blobs_sync(struct blobs *b, struct err *e) {
    for (unsigned i = 0; i < SHARDS; i++) {
        if (b->dirty[i] && sync_shard(b, i, e) != 0) {
            return -1;
        }
    }
    return 0;
}

void blobs_remove(struct blobs *b, const char *sha256_hex) {
    char path[BLOB_PATH];
    blob_path(sha256_hex, path);
    unlinkat(b->blobs_fd, path, 0);
}

int blobs_open_content(struct blobs *b, const char *sha256_hex, uint64_t len, int *ret_fd, struct err *e) {
    char path[BLOB_PATH];
    blob_path(sha256_hex, path);
    AUTO_CLOSE int fd = openat(b->blobs_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat info;
    if (fd < 0 || fstat(fd, &info) != 0) {
        return err_set_sys(e, ERR_IO, errno, "the stored content blobs/%s cannot be opened", path);
    }
    if ((uint64_t)info.st_size != len) {
        return err_set(e, ERR_IO, "the stored content blobs/%s has %lld bytes where %llu were stored", path,
                       (long long)info.st_size, (unsigned long long)len);
    }
    *ret_fd = TAKE_FD(fd);
    return 0;
}

struct sweep {
    struct blobs *blobs;
    int (*is_used)(void *ctx, const char *sha256_hex, struct err *e);
    void *ctx;
    size_t removed;
};

static int sweep_entry(void *ctx, const char *name, struct err *e) {
    struct sweep *s = ctx;
    unsigned char digest[SHA256_BYTES];
    if (!sha256_from_hex(span_of(name), digest)) {
        return 0; // not ours: left alone
    }
    int used = s->is_used(s->ctx, name, e);
    if (used == 0) {
        blobs_remove(s->blobs, name);
        s->removed++;
    }
    return used < 0 ? -1 : 0;
}

int blobs_sweep(struct blobs *b, int (*is_used)(void *ctx, const char *sha256_hex, struct err *e), void *ctx,
                size_t *ret_removed, struct err *e) {
    struct sweep s = {.blobs = b, .is_used = is_used, .ctx = ctx};
    for (unsigned i = 0; i < SHARDS; i++) {
        char name[3];
        shard_name(i, name);
        if (each_entry(b->blobs_fd, name, sweep_entry, &s, e) != 0) {
            return -1;
        }
    }
    *ret_removed = s.removed;
    return 0;
}
