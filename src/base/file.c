// Reading whole files and writing them so that a crash leaves the old or the new content, never a half.
//
// Directories (making, removing, locking) are in file_directory.c, finding our own programs in file_program.c.
#include "base/file.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    READ_BYTES = 65536,
    DESCRIPTORS_MAX = 1024 * 1024 // more would only make tables of them larger
};

// Refuses what is not a regular file or is too large as far as its size tells.
static int check_readable(int fd, const char *path, const struct buf *out, struct err *e) {
    struct stat st;
    if (fstat(fd, &st) < 0)
        return err_set_sys(e, ERR_IO, errno, "%s: fstat", path);
    if (!S_ISREG(st.st_mode))
        return err_set(e, ERR_IO, "%s: not a regular file", path);
    if ((uint64_t)st.st_size > out->max - out->n)
        return err_set(e, ERR_IO, "%s: has %lld bytes, %zu are allowed", path, (long long)st.st_size,
                       out->max - out->n);
    return 0;
}

// The file may grow while it is read, and files of /proc tell no size: the ceiling is checked here again.
static int read_all(int fd, const char *path, struct buf *out, size_t allowed, struct err *e) {
    for (;;) {
        char part[READ_BYTES];
        ssize_t n = read(fd, part, sizeof part);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set_sys(e, ERR_IO, errno, "%s: read", path);
        if (n == 0)
            return 0;
        if (buf_append(out, part, (size_t)n) < 0)
            return err_set(e, ERR_IO, "%s: has more than the %zu bytes allowed", path, allowed);
    }
}

int file_read(const char *path, struct buf *out, struct err *e) {
    // O_NONBLOCK: opening a FIFO returns at once, to be refused.
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return err_set_sys(e, ERR_IO, errno, "%s", path);
    if (check_readable(fd, path, out, e) < 0)
        return -1;
    size_t before = out->n;
    if (read_all(fd, path, out, out->max - before, e) == 0)
        return 0;
    out->n = before;
    if (out->p)
        out->p[before] = '\0';
    return -1;
}

int file_write_all(int fd, struct span content, struct err *e) {
    while (content.n) {
        ssize_t n = write(fd, content.p, content.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set_sys(e, ERR_IO, errno, "write of %zu bytes", content.n);
        content = span_slice(content, (size_t)n, content.n);
    }
    return 0;
}

void file_keep_standard_descriptors(void) {
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            (void)open("/dev/null", O_RDWR); // takes the lowest number that is free: this one
}

int file_sync_dir(const char *path, struct err *e) {
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_set_sys(e, ERR_IO, errno, "%s", path);
    if (fsync(fd) < 0)
        return err_set_sys(e, ERR_IO, errno, "%s: fsync", path);
    return 0;
}

// The directory a path is in: what stands before its last slash.
static char *directory_of(const char *path) {
    const char *slash = strrchr(path, '/');
    if (!slash)
        return mem_strdup(".");
    return slash == path ? mem_strdup("/") : span_dup(span_make(path, (size_t)(slash - path)));
}

static int fill_temporary(int fd, const char *path, struct span content, mode_t mode, struct err *e) {
    if (file_write_all(fd, content, e) < 0)
        return err_wrap(e, "%s", path);
    if (fchmod(fd, mode) < 0 || fsync(fd) < 0)
        return err_set_sys(e, ERR_IO, errno, "%s: fsync", path);
    return 0;
}

int file_write_atomic(const char *path, struct span content, mode_t mode, struct err *e) {
    AUTO_FREE char *temporary = mem_printf("%s.tmpXXXXXX", path);
    AUTO_FREE char *directory = directory_of(path);
    AUTO_CLOSE int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return err_set_sys(e, ERR_IO, errno, "%s: a temporary file beside it", path);
    if (fill_temporary(fd, path, content, mode, e) < 0) {
        unlink(temporary);
        return -1;
    }
    if (rename(temporary, path) < 0) {
        err_set_sys(e, ERR_IO, errno, "%s: rename", path);
        unlink(temporary);
        return -1;
    }
    return file_sync_dir(directory, e);
}

char *file_join(const char *directory, const char *name) {
    struct span front = span_of(directory);
    while (front.n && front.p[front.n - 1] == '/')
        front.n--;
    while (*name == '/')
        name++;
    if (front.n == 0 && *directory != '/')
        return mem_strdup(name);
    return mem_printf("%.*s/%s", (int)front.n, front.p, name);
}

uint64_t file_raise_descriptor_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) // forbidden by a sandbox
        return DESCRIPTORS_MAX;
    rlim_t wanted = limit.rlim_max < DESCRIPTORS_MAX ? limit.rlim_max : DESCRIPTORS_MAX;
    if (limit.rlim_cur < wanted) {
        struct rlimit raised = {.rlim_cur = wanted, .rlim_max = limit.rlim_max};
        if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
            return wanted;
    }
    return limit.rlim_cur;
}
