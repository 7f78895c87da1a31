// The disk cache of native code; native_cache.h says what it promises. What asks it is native_store.c.
//
//   file = struct head, then the code as the compiler wrote it
#include "runtime/native_cache.h"

#include "base/file.h"
#include "base/mem.h"
#include "runtime/cache_folder.h"
#include "runtime/memory_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KEY_BYTES = 32 };
static const char magic[16] = "spear native 1\n";

struct head {
    char magic[sizeof magic];
    uint64_t size_bytes, compile_ms;
    unsigned char code[SHA256_BYTES]; // over struct signed_text
};

struct signed_text {
    unsigned char key[SHA256_BYTES], content[SHA256_BYTES];
    uint64_t size_bytes, compile_ms;
};

struct native_cache {
    char *path; // of the folder; NULL: nothing is kept
    uint64_t max_bytes;
    _Atomic uint64_t bytes;
    unsigned char secret[KEY_BYTES];
};

// ---- the secret

// A file of ours that others may read or write is as good as none.
static bool read_secret(const char *path, unsigned char ret[KEY_BYTES]) {
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat info;
    return fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_uid == geteuid() &&
           (info.st_mode & 077) == 0 && info.st_size == KEY_BYTES && read(fd, ret, KEY_BYTES) == KEY_BYTES;
}

// With a new one, all files of the old one are foreign and go when they are met.
static int make_secret(const char *data_dir, unsigned char ret[KEY_BYTES], struct err *e) {
    AUTO_FREE char *path = file_join(data_dir, "native.key");
    if (read_secret(path, ret))
        return 0;
    if (getrandom(ret, KEY_BYTES, 0) != KEY_BYTES)
        return err_set_sys(e, ERR_IO, errno, "random bytes for %s", path);
    return file_write_atomic(path, span_make(ret, KEY_BYTES), 0600, e);
}

int native_cache_new(const char *data_dir, uint64_t max_bytes, struct native_cache **ret, struct err *e) {
    char *path;
    unsigned char secret[KEY_BYTES] = {0};
    if (cache_folder_open(data_dir, "cache/native", &path, e) < 0)
        return -1;
    if (path && make_secret(data_dir, secret, e) < 0) {
        free(path);
        return -1;
    }
    struct native_cache *c = NEW(struct native_cache);
    c->path = path;
    c->max_bytes = max_bytes;
    memcpy(c->secret, secret, sizeof secret);
    if (path)
        atomic_init(&c->bytes, cache_folder_make_room(path, max_bytes, 0));
    *ret = c;
    return 0;
}

void native_cache_free(struct native_cache *c) {
    if (!c)
        return;
    explicit_bzero(c->secret, sizeof c->secret);
    free(c->path);
    free(c);
}

// ---- a file

static int sign(const struct native_cache *c, const unsigned char key[SHA256_BYTES], const struct native_file *file,
                unsigned char ret_code[SHA256_BYTES], struct err *e) {
    struct signed_text text = {.size_bytes = file->size_bytes, .compile_ms = file->compile_ms};
    struct span content;
    if (memory_file_map(file->fd, file->size_bytes, &content, e) < 0)
        return -1;
    memcpy(text.key, key, sizeof text.key);
    sha256_of(content, text.content);
    memory_file_unmap(content);
    hmac_sha256(span_make(c->secret, sizeof c->secret), span_make(&text, sizeof text), ret_code);
    return 0;
}

static int read_head(int fd, const char *path, struct head *ret, struct err *e) {
    struct stat info;
    if (fstat(fd, &info) < 0 || pread(fd, ret, sizeof *ret, 0) != (ssize_t)sizeof *ret ||
        memcmp(ret->magic, magic, sizeof magic) != 0 || !S_ISREG(info.st_mode) ||
        ret->size_bytes != (uint64_t)info.st_size - sizeof *ret)
        return err_set(e, ERR_INVALID_CONFIGURATION, "%s is not native code of ours", path);
    return 0;
}

// Into memory first, then verified there: what is given out is what was checked.
static int read_verified(const struct native_cache *c, const unsigned char key[SHA256_BYTES], const char *path,
                         struct native_file *ret, struct err *e) {
    AUTO_CLOSE int from = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    AUTO_CLOSE int memory = -1;
    struct head head;
    unsigned char code[SHA256_BYTES];
    if (from < 0)
        return err_set_sys(e, errno == ENOENT ? ERR_ARTIFACT_NOT_FOUND : ERR_INVALID_CONFIGURATION, errno, "%s", path);
    if (read_head(from, path, &head, e) < 0 || memory_file_new("spear-native", &memory, e) < 0 ||
        memory_file_copy(memory, from, sizeof head, head.size_bytes, e) < 0 || memory_file_seal(memory, e) < 0)
        return -1;
    struct native_file file = {memory, head.size_bytes, head.compile_ms};
    if (sign(c, key, &file, code, e) < 0)
        return -1;
    if (!digest_equal(code, head.code))
        return err_set(e, ERR_INVALID_CONFIGURATION, "%s is not as it was written, or not written by this node", path);
    file.fd = TAKE_FD(memory);
    *ret = file;
    return 0;
}

int native_cache_load(struct native_cache *c, const unsigned char key[SHA256_BYTES], struct native_file *ret,
                      struct err *e) {
    if (!c->path)
        return err_set(e, ERR_ARTIFACT_NOT_FOUND, "there is no cache of native code");
    AUTO_FREE char *path = cache_folder_file(c->path, key);
    struct err why = {0};
    if (read_verified(c, key, path, ret, &why) == 0) {
        cache_folder_touch(path);
        return 0;
    }
    if (why.kind == ERR_INVALID_CONFIGURATION)
        native_cache_remove(c, key);
    return err_set(e, why.kind, "%s", why.text);
}

static int write_file(int to, const struct native_file *file, const struct head *head, struct err *e) {
    if (file_write_all(to, span_make(head, sizeof *head), e) < 0 ||
        memory_file_copy(to, file->fd, 0, file->size_bytes, e) < 0)
        return -1;
    return fsync(to) < 0 ? err_set_sys(e, ERR_IO, errno, "fsync of native code") : 0;
}

static int write_new(const char *temporary, const char *path, const struct native_file *file, const struct head *head,
                     struct err *e) {
    AUTO_CLOSE int to = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (to < 0)
        return err_set_sys(e, ERR_IO, errno, "%s", temporary);
    int failed = write_file(to, file, head, e);
    if (!failed && rename(temporary, path) < 0)
        failed = err_set_sys(e, ERR_IO, errno, "%s", path);
    if (failed)
        (void)unlink(temporary);
    return failed;
}

int native_cache_store(struct native_cache *c, const unsigned char key[SHA256_BYTES], const struct native_file *file,
                       struct err *e) {
    uint64_t bytes = file->size_bytes + sizeof(struct head);
    if (!c->path || bytes > c->max_bytes)
        return 0;
    struct head head = {.size_bytes = file->size_bytes, .compile_ms = file->compile_ms};
    memcpy(head.magic, magic, sizeof magic);
    if (sign(c, key, file, head.code, e) < 0)
        return -1;
    atomic_store(&c->bytes, cache_folder_make_room(c->path, c->max_bytes, bytes));
    AUTO_FREE char *path = cache_folder_file(c->path, key);
    AUTO_FREE char *temporary = cache_folder_temporary(c->path);
    if (write_new(temporary, path, file, &head, e) < 0)
        return -1;
    atomic_fetch_add(&c->bytes, bytes);
    return file_sync_dir(c->path, e);
}

void native_cache_remove(struct native_cache *c, const unsigned char key[SHA256_BYTES]) {
    if (!c->path)
        return;
    AUTO_FREE char *path = cache_folder_file(c->path, key);
    if (unlink(path) < 0 && errno == EISDIR)
        (void)file_remove_tree(path, NULL);
    atomic_store(&c->bytes, cache_folder_make_room(c->path, c->max_bytes, 0));
}

int native_cache_scratch(struct native_cache *c, char **ret_path, struct err *e) {
    AUTO_FREE char *path = c->path ? cache_folder_temporary(c->path) : NULL;
    if (!path)
        return err_set(e, ERR_INVALID_CONFIGURATION, "native code needs a data directory");
    if (mkdir(path, 0700) < 0)
        return err_set_sys(e, ERR_IO, errno, "%s", path);
    *ret_path = TAKE(path);
    return 0;
}

uint64_t native_cache_bytes(const struct native_cache *c) {
    return atomic_load(&((struct native_cache *)(uintptr_t)c)->bytes);
}
