// WASI: reading, writing and sizing regular files. A change of size goes through the volume's quota (wasi_quota.h) under the file's lock, which
// also makes appending atomic among guests.
//
// Offsets are the kernel's, of the descriptor; fdflags are kept here and done here: appending, and synchronising after each write.
#include "worker/wasi_buffers.h"
#include "worker/wasi_files.h"
#include "worker/wasi_quota.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static enum wasi_errno put_done(const struct host_call *c, unsigned param, uint64_t done) {
    return host_put_u32(c, host_u32(c, param), (uint32_t)done) ? WASI_SUCCESS : WASI_EFAULT;
}

// ---- reading

WASI_FUNCTION(fd_read) {
    struct wasi_buffers b;
    struct wasi_file *f;
    uint64_t done = 0;
    enum wasi_errno error = wasi_want_any(c, 0, 0, &f);
    if (!error && f->kind == WASI_KIND_DIRECTORY)
        error = WASI_EISDIR;
    else if (!error && f->kind == WASI_KIND_STREAM && f->stream != GUEST_STDIN)
        error = WASI_EBADF;
    else if (!error && !(f->rights & WASI_RIGHT_FD_READ))
        error = WASI_ENOTCAPABLE;
    if (error || (error = wasi_buffers_get(c, &b)))
        return error;
    if (f->kind == WASI_KIND_STREAM) {
        error = wasi_stream_read(c, f->stream, &b, &done);
        return error ? error : put_done(c, 3, done);
    }
    ssize_t n = readv(f->fd, b.list, b.count);
    return n < 0 ? wasi_errno_of(errno) : put_done(c, 3, (uint64_t)n);
}

WASI_FUNCTION(fd_pread) {
    struct wasi_buffers b;
    struct wasi_file *f;
    enum wasi_errno error = wasi_want_file(c, 0, WASI_RIGHT_FD_READ | WASI_RIGHT_FD_SEEK, WASI_ESPIPE, &f);
    if (error || (error = wasi_buffers_get(c, &b)))
        return error;
    if (host_u64(c, 3) > INT64_MAX)
        return WASI_EINVAL;
    ssize_t n = preadv(f->fd, b.list, b.count, (off_t)host_u64(c, 3));
    return n < 0 ? wasi_errno_of(errno) : put_done(c, 4, (uint64_t)n);
}

// ---- sizes, under the file's lock

static uint64_t beyond(uint64_t end, uint64_t size) {
    return end > size ? end - size : 0;
}

static uint64_t size_of(int fd) {
    struct stat st;
    return fstat(fd, &st) || st.st_size < 0 ? 0 : (uint64_t)st.st_size;
}

static enum wasi_errno set_size_locked(const struct wasi_file *f, uint64_t size) {
    uint64_t before = size_of(f->fd);
    if (!wasi_quota_reserve(f->grant, beyond(size, before)))
        return WASI_ENOSPC;
    int failed = ftruncate(f->fd, (off_t)size) ? errno : 0;
    wasi_quota_release(f->grant, failed ? beyond(size, before) : beyond(before, size));
    return failed ? wasi_errno_of(failed) : WASI_SUCCESS;
}

enum wasi_errno wasi_file_set_size(const struct wasi_file *f, uint64_t size) {
    if (size > INT64_MAX)
        return WASI_EINVAL;
    wasi_quota_lock(f->grant, f->inode);
    enum wasi_errno error = set_size_locked(f, size);
    wasi_quota_unlock(f->grant, f->inode);
    return error;
}

static enum wasi_errno allocate_locked(const struct wasi_file *f, uint64_t offset, uint64_t n) {
    uint64_t before = size_of(f->fd);
    if (!wasi_quota_reserve(f->grant, beyond(offset + n, before)))
        return WASI_ENOSPC;
    int failed = fallocate(f->fd, 0, (off_t)offset, (off_t)n) ? errno : 0;
    if (failed)
        wasi_quota_release(f->grant, beyond(offset + n, before));
    return failed ? wasi_errno_of(failed) : WASI_SUCCESS;
}

WASI_FUNCTION(fd_filestat_set_size) {
    struct wasi_file *f;
    enum wasi_errno error = wasi_want_file(c, 0, WASI_RIGHT_FD_FILESTAT_SET_SIZE, WASI_EINVAL, &f);
    return error ? error : wasi_file_set_size(f, host_u64(c, 1));
}

WASI_FUNCTION(fd_allocate) {
    struct wasi_file *f;
    uint64_t offset = host_u64(c, 1), n = host_u64(c, 2);
    enum wasi_errno error = wasi_want_file(c, 0, WASI_RIGHT_FD_ALLOCATE, WASI_ESPIPE, &f);
    if (error)
        return error;
    if (n == 0 || offset > INT64_MAX || n > INT64_MAX)
        return WASI_EINVAL;
    if (offset + n > INT64_MAX)
        return WASI_EFBIG;
    wasi_quota_lock(f->grant, f->inode);
    error = allocate_locked(f, offset, n);
    wasi_quota_unlock(f->grant, f->inode);
    return error;
}

uint64_t wasi_file_left(const struct wasi_file *f) {
    off_t at = lseek(f->fd, 0, SEEK_CUR);
    return at < 0 ? 0 : beyond(size_of(f->fd), (uint64_t)at);
}

// ---- writing

// Where a write goes: at its own offset, at the end, or where the descriptor stands.
static uint64_t position_of(const struct wasi_file *f, const uint64_t *offset, uint64_t size) {
    if (offset)
        return *offset;
    return f->flags & WASI_FD_APPEND ? size : (uint64_t)lseek(f->fd, 0, SEEK_CUR);
}

// `offset` NULL: the descriptor's own, which moves on.
static enum wasi_errno write_locked(const struct wasi_file *f, const struct wasi_buffers *b, const uint64_t *offset,
                                    uint64_t *ret_done) {
    uint64_t size = size_of(f->fd), at = position_of(f, offset, size);
    if (at > INT64_MAX)
        return WASI_EINVAL;
    if (b->bytes > INT64_MAX - at)
        return WASI_EFBIG;
    uint64_t reserved = b->bytes ? beyond(at + b->bytes, size) : 0;
    if (!wasi_quota_reserve(f->grant, reserved))
        return WASI_ENOSPC;
    ssize_t n = pwritev(f->fd, b->list, b->count, (off_t)at);
    int failed = n < 0 ? errno : 0;
    uint64_t grown = n > 0 ? beyond(at + (uint64_t)n, size) : 0;
    wasi_quota_release(f->grant, reserved - grown);
    if (failed)
        return wasi_errno_of(failed);
    if (!offset)
        lseek(f->fd, (off_t)(at + (uint64_t)n), SEEK_SET);
    *ret_done = (uint64_t)n;
    return WASI_SUCCESS;
}

static enum wasi_errno synchronise(const struct wasi_file *f) {
    int failed = f->flags & WASI_FD_SYNC ? fsync(f->fd) : f->flags & WASI_FD_DSYNC ? fdatasync(f->fd) : 0;
    return failed ? wasi_errno_of(errno) : WASI_SUCCESS;
}

static enum wasi_errno write_file(const struct wasi_file *f, const struct wasi_buffers *b, const uint64_t *offset,
                                  uint64_t *ret_done) {
    wasi_quota_lock(f->grant, f->inode);
    enum wasi_errno error = write_locked(f, b, offset, ret_done);
    wasi_quota_unlock(f->grant, f->inode);
    return error ? error : synchronise(f);
}

WASI_FUNCTION(fd_write) {
    struct wasi_buffers b;
    struct wasi_file *f;
    uint64_t done = 0;
    enum wasi_errno error = wasi_want_any(c, 0, 0, &f);
    if (!error && f->kind == WASI_KIND_DIRECTORY)
        error = WASI_EISDIR;
    else if (!error && f->kind == WASI_KIND_STREAM && f->stream == GUEST_STDIN)
        error = WASI_EBADF;
    else if (!error && !(f->rights & WASI_RIGHT_FD_WRITE))
        error = WASI_ENOTCAPABLE;
    if (error || (error = wasi_buffers_get(c, &b)))
        return error;
    error = f->kind == WASI_KIND_STREAM ? wasi_stream_write(c, f->stream, &b, &done) : write_file(f, &b, NULL, &done);
    return error ? error : put_done(c, 3, done);
}

WASI_FUNCTION(fd_pwrite) {
    struct wasi_buffers b;
    struct wasi_file *f;
    uint64_t done = 0, offset = host_u64(c, 3);
    enum wasi_errno error = wasi_want_file(c, 0, WASI_RIGHT_FD_WRITE | WASI_RIGHT_FD_SEEK, WASI_ESPIPE, &f);
    if (error || (error = wasi_buffers_get(c, &b)) || (error = write_file(f, &b, &offset, &done)))
        return error;
    return put_done(c, 4, done);
}

// ---- where it stands

static enum wasi_errno seek(const struct host_call *c, const int whence[3]) {
    struct wasi_file *f;
    uint32_t from = host_u32(c, 2);
    if (from > 2)
        return wasi_table_at(c->guest->table, host_u32(c, 0)) ? WASI_EINVAL : WASI_EBADF;
    // To ask where it stands is less than to move.
    bool asks = whence[from] == SEEK_CUR && host_u64(c, 1) == 0;
    enum wasi_errno error = wasi_want_file(c, 0, asks ? WASI_RIGHT_FD_TELL : WASI_RIGHT_FD_SEEK, WASI_ESPIPE, &f);
    if (error == WASI_ENOTCAPABLE && asks)
        error = wasi_want_file(c, 0, WASI_RIGHT_FD_SEEK, WASI_ESPIPE, &f);
    if (error)
        return error;
    off_t at = lseek(f->fd, (off_t)host_u64(c, 1), whence[from]);
    if (at < 0)
        return wasi_errno_of(errno);
    return host_put_u64(c, host_u32(c, 3), (uint64_t)at) ? WASI_SUCCESS : WASI_EFAULT;
}

WASI_FUNCTION(fd_seek) {
    return seek(c, (const int[]){SEEK_SET, SEEK_CUR, SEEK_END});
}

WASI_FUNCTION(unstable_fd_seek) {
    return seek(c, (const int[]){SEEK_CUR, SEEK_END, SEEK_SET});
}

WASI_FUNCTION(fd_tell) {
    struct wasi_file *f;
    enum wasi_errno error = wasi_want_file(c, 0, WASI_RIGHT_FD_TELL, WASI_ESPIPE, &f);
    if (error)
        return error;
    off_t at = lseek(f->fd, 0, SEEK_CUR);
    return host_put_u64(c, host_u32(c, 1), (uint64_t)at) ? WASI_SUCCESS : WASI_EFAULT;
}

WASI_FUNCTION(fd_advise) {
    static const int advices[] = {POSIX_FADV_NORMAL,   POSIX_FADV_SEQUENTIAL, POSIX_FADV_RANDOM,
                                  POSIX_FADV_WILLNEED, POSIX_FADV_DONTNEED,   POSIX_FADV_NOREUSE};
    struct wasi_file *f;
    uint32_t advice = host_u32(c, 3) & 0xff;
    enum wasi_errno error = wasi_want_file(c, 0, WASI_RIGHT_FD_ADVISE, WASI_ESPIPE, &f);
    if (error)
        return error;
    if (advice >= sizeof advices / sizeof advices[0] || host_u64(c, 1) > INT64_MAX || host_u64(c, 2) > INT64_MAX)
        return WASI_EINVAL;
    int failed = posix_fadvise(f->fd, (off_t)host_u64(c, 1), (off_t)host_u64(c, 2), advices[advice]);
    return failed ? wasi_errno_of(failed) : WASI_SUCCESS;
}

// ---- onto the disk

static enum wasi_errno flush(const struct host_call *c, uint64_t right, int (*f_sync)(int fd)) {
    struct wasi_file *f;
    enum wasi_errno error = wasi_want_any(c, 0, 0, &f);
    if (!error && f->kind == WASI_KIND_STREAM)
        error = WASI_EINVAL;
    else if (!error && !(f->rights & right))
        error = WASI_ENOTCAPABLE;
    if (!error && f->kind == WASI_KIND_DIRECTORY)
        error = wasi_directory_readable(f);
    if (error)
        return error;
    return f_sync(f->fd) ? wasi_errno_of(errno) : WASI_SUCCESS;
}

WASI_FUNCTION(fd_datasync) {
    return flush(c, WASI_RIGHT_FD_DATASYNC, fdatasync);
}

WASI_FUNCTION(fd_sync) {
    return flush(c, WASI_RIGHT_FD_SYNC, fsync);
}
