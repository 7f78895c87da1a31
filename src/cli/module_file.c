// The first look at a module: mistakes are told here at once, before a server is asked.
//
// Only the first eight bytes are read as WebAssembly; the whole module is checked where it will run.
#include "cli/module_file.h"

#include "base/mem.h"
#include "model/module_head.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK_BYTES = 256 * 1024, HEAD_BYTES = MODULE_HEAD_BYTES };

static int open_regular(const char *path, struct local_file *ret, struct err *e) {
    struct stat info;
    ret->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); // a fifo without a writer must not hang us
    if (ret->fd < 0)
        return err_set_sys(e, errno == ENOENT ? ERR_FILE_NOT_FOUND : ERR_IO, errno, "%s", path);
    if (fstat(ret->fd, &info) != 0)
        return err_set_sys(e, ERR_IO, errno, "%s", path);
    if (S_ISDIR(info.st_mode))
        return err_set(e, ERR_INVALID_CONFIGURATION, "%s is a directory", path);
    if (!S_ISREG(info.st_mode))
        return err_set(e, ERR_INVALID_CONFIGURATION, "%s is not a regular file", path);
    ret->size_bytes = (uint64_t)info.st_size;
    return 0;
}

static int digest_file(const char *path, struct local_file *f, struct err *e) {
    unsigned char digest[SHA256_BYTES];
    AUTO_FREE char *block = mem_alloc(BLOCK_BYTES);
    struct sha256 *running = sha256_new();
    uint64_t offset = 0;
    ssize_t n;
    while ((n = pread(f->fd, block, BLOCK_BYTES, (off_t)offset)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            break;
        sha256_update(running, block, (size_t)n);
        offset += (uint64_t)n;
    }
    int error_number = errno;
    sha256_final(running, digest);
    sha256_free(running);
    if (n < 0)
        return err_set_sys(e, ERR_IO, error_number, "%s could not be read", path);
    sha256_to_hex(digest, f->sha256);
    f->size_bytes = offset;
    return 0;
}

int local_file_open(const char *path, struct local_file *ret, struct err *e) {
    struct local_file f = {.fd = -1};
    if (open_regular(path, &f, e) != 0 || digest_file(path, &f, e) != 0) {
        local_file_done(&f);
        return -1;
    }
    const char *slash = strrchr(path, '/');
    f.name = mem_strdup(slash ? slash + 1 : path);
    *ret = f;
    return 0;
}

void local_file_done(struct local_file *f) {
    if (f->fd > 0)
        close(f->fd);
    free(f->name);
    *f = (struct local_file){.fd = -1};
}

static int no_module(const char *path, struct span head, const char **ret_hint, struct err *e) {
    struct module_head known;
    char seen[MODULE_HEAD_TEXT];
    *ret_hint = "a module is made with: clang --target=wasm32-wasi -O2 -o NAME.wasm NAME.c";
    if (head.n == 0)
        return err_set(e, ERR_INVALID_CONFIGURATION, "%s is empty", path);
    if (module_head_recognize(head, &known)) {
        *ret_hint = known.advice;
        return err_set(e, ERR_INVALID_CONFIGURATION, "%s is %s, not a WebAssembly module", path, known.what);
    }
    module_head_text(head, seen);
    return err_set(e, ERR_INVALID_CONFIGURATION,
                   "%s: missing WASM magic header: it begins with %s, a module begins with 00 61 73 6d", path, seen);
}

static int check_head(const char *path, struct span head, const char **ret_hint, struct err *e) {
    static const char core[] = "\0asm\1\0\0\0", component[] = "\0asm\r\0\1\0";
    if (head.n < HEAD_BYTES || memcmp(head.p, core, 4) != 0)
        return no_module(path, head, ret_hint, e);
    if (memcmp(head.p, core, HEAD_BYTES) == 0)
        return 0;
    if (memcmp(head.p, component, HEAD_BYTES) == 0) {
        *ret_hint = "build a core module: clang --target=wasm32-wasi, or cargo build --target wasm32-wasip1";
        return err_set(e, ERR_INVALID_CONFIGURATION, "%s is a WebAssembly component; SPEAR runs core modules", path);
    }
    *ret_hint = "SPEAR runs core modules of version 1";
    return err_set(e, ERR_INVALID_CONFIGURATION, "%s: WebAssembly version %u is not known; version 1 is wanted", path,
                   (unsigned)(unsigned char)head.p[4]);
}

int module_file_open(const char *path, struct local_file *ret, const char **ret_hint, struct err *e) {
    struct local_file f = {.fd = -1};
    char head[HEAD_BYTES];
    if (local_file_open(path, &f, e) != 0) {
        *ret_hint = "name a module file: its path is taken from the current directory";
        return -1;
    }
    ssize_t n = pread(f.fd, head, sizeof head, 0);
    if (check_head(path, span_make(head, n > 0 ? (size_t)n : 0), ret_hint, e) != 0) {
        local_file_done(&f);
        return -1;
    }
    *ret = f;
    return 0;
}
