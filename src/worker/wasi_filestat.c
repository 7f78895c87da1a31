// WASI: what is known about a file (filestat), and setting its times.
#include "worker/wasi.h"
#include "worker/wasi_clock.h"
#include "worker/wasi_files.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILESTAT_BYTES = 64, NANOSECONDS = 1000000000 };

// Where fields stand that the version of 2019 has elsewhere (its nlink has 32 bits).
struct layout {
    uint32_t bytes, nlink_at, nlink_bytes, size_at;
};
static const struct layout layout_preview1 = {64, 24, 8, 32};
static const struct layout layout_unstable = {56, 20, 4, 24};

enum wasi_filetype wasi_filetype_of(unsigned mode) {
    switch (mode & S_IFMT) {
    case S_IFBLK:
        return WASI_TYPE_BLOCK_DEVICE;
    case S_IFCHR:
        return WASI_TYPE_CHARACTER_DEVICE;
    case S_IFDIR:
        return WASI_TYPE_DIRECTORY;
    case S_IFREG:
        return WASI_TYPE_REGULAR_FILE;
    case S_IFSOCK:
        return WASI_TYPE_SOCKET_STREAM;
    case S_IFLNK:
        return WASI_TYPE_SYMBOLIC_LINK;
    default:
        return WASI_TYPE_UNKNOWN;
    }
}

static uint64_t nanoseconds_of(struct timespec t) {
    return t.tv_sec < 0 ? 0 : wasi_nanoseconds(t);
}

// filestat: dev u64 at 0, ino u64 at 8, filetype u8 at 16, nlink, size u64, then atim, mtim and ctim u64 after it.
static enum wasi_errno put_filestat(const struct host_call *c, uint32_t at, const struct layout *l,
                                    const struct stat *st) {
    uint8_t raw[FILESTAT_BYTES] = {0};
    uint64_t dev = st->st_dev, ino = st->st_ino, nlink = st->st_nlink;
    uint64_t tail[4] = {(uint64_t)st->st_size, nanoseconds_of(st->st_atim), nanoseconds_of(st->st_mtim),
                        nanoseconds_of(st->st_ctim)};
    memcpy(raw, &dev, sizeof dev);
    memcpy(raw + 8, &ino, sizeof ino);
    raw[16] = st->st_mode ? (uint8_t)wasi_filetype_of(st->st_mode) : WASI_TYPE_UNKNOWN;
    memcpy(raw + l->nlink_at, &nlink, l->nlink_bytes);
    memcpy(raw + l->size_at, tail, sizeof tail);
    return host_put(c, at, raw, l->bytes) ? WASI_SUCCESS : WASI_EFAULT;
}

// A stream has one link, and nothing else.
static enum wasi_errno fd_filestat(const struct host_call *c, const struct layout *l) {
    struct wasi_file *f;
    struct stat st = {.st_nlink = 1};
    enum wasi_errno error = wasi_want_any(c, 0, WASI_RIGHT_FD_FILESTAT_GET, &f);
    if (error)
        return error;
    if (f->kind != WASI_KIND_STREAM && fstat(f->fd, &st))
        return wasi_errno_of(errno);
    return put_filestat(c, host_u32(c, 1), l, &st);
}

WASI_FUNCTION(fd_filestat_get) {
    return fd_filestat(c, &layout_preview1);
}

WASI_FUNCTION(unstable_fd_filestat_get) {
    return fd_filestat(c, &layout_unstable);
}

// The file that params 1 (lookup flags), 2 and 3 (path) name.
static enum wasi_errno find(const struct host_call *c, const struct wasi_file *directory, int *ret_fd) {
    struct wasi_path path;
    if (host_u32(c, 1) & ~(uint32_t)WASI_LOOKUP_FOLLOW)
        return WASI_EINVAL;
    enum wasi_errno error = wasi_path_get(c, 2, &path);
    return error ? error : wasi_path_find(directory->fd, &path, host_u32(c, 1) & WASI_LOOKUP_FOLLOW, ret_fd);
}

static enum wasi_errno path_filestat(const struct host_call *c, const struct layout *l) {
    struct wasi_file *f;
    struct stat st;
    int fd;
    enum wasi_errno error = wasi_want_directory(c, 0, WASI_RIGHT_PATH_FILESTAT_GET, &f);
    if (error || (error = find(c, f, &fd)))
        return error;
    int failed = fstat(fd, &st) ? errno : 0;
    close(fd);
    return failed ? wasi_errno_of(failed) : put_filestat(c, host_u32(c, 4), l, &st);
}

WASI_FUNCTION(path_filestat_get) {
    return path_filestat(c, &layout_preview1);
}

WASI_FUNCTION(unstable_path_filestat_get) {
    return path_filestat(c, &layout_unstable);
}

// ---- times

static struct timespec time_of(uint32_t flags, uint32_t given, uint32_t now, uint64_t ns) {
    struct timespec t = {.tv_sec = (time_t)(ns / NANOSECONDS), .tv_nsec = (long)(ns % NANOSECONDS)};
    if (!(flags & given))
        t.tv_nsec = flags & now ? UTIME_NOW : UTIME_OMIT;
    return t;
}

// The three params from `at` on: access time, modification time, fstflags.
static enum wasi_errno get_times(const struct host_call *c, unsigned at, struct timespec ret[2]) {
    uint32_t flags = host_u32(c, at + 2);
    if ((flags & ~(uint32_t)WASI_FST_ALL) || ((flags & WASI_ATIM) && (flags & WASI_ATIM_NOW)) ||
        ((flags & WASI_MTIM) && (flags & WASI_MTIM_NOW)))
        return WASI_EINVAL;
    ret[0] = time_of(flags, WASI_ATIM, WASI_ATIM_NOW, host_u64(c, at));
    ret[1] = time_of(flags, WASI_MTIM, WASI_MTIM_NOW, host_u64(c, at + 1));
    return WASI_SUCCESS;
}

static enum wasi_errno set_times(int fd, const struct timespec times[2]) {
    return utimensat(fd, "", times, AT_EMPTY_PATH) ? wasi_errno_of(errno) : WASI_SUCCESS;
}

WASI_FUNCTION(fd_filestat_set_times) {
    struct wasi_file *f;
    struct timespec times[2];
    enum wasi_errno error = wasi_want_any(c, 0, 0, &f);
    if (!error && f->kind == WASI_KIND_STREAM)
        return WASI_ENOTSUP;
    if (!error && !(f->rights & WASI_RIGHT_FD_FILESTAT_SET_TIMES))
        return WASI_ENOTCAPABLE;
    if (error || (error = get_times(c, 1, times)))
        return error;
    return f->grant->writable ? set_times(f->fd, times) : WASI_EROFS;
}

WASI_FUNCTION(path_filestat_set_times) {
    struct wasi_file *f;
    struct timespec times[2];
    int fd;
    enum wasi_errno error = wasi_want_change(c, 0, WASI_RIGHT_PATH_FILESTAT_SET_TIMES, &f);
    if (error || (error = get_times(c, 4, times)) || (error = find(c, f, &fd)))
        return error;
    error = set_times(fd, times);
    close(fd);
    return error;
}
