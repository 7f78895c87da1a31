// The counter of a volume and its locks; wasi_quota.h says what they mean.
#include "worker/wasi_quota.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#define INODE_MASK ((UINT64_C(1) << 60) - 1)
#define OPEN_BASE  (UINT64_C(1) << 61)

// ---- locks

static struct flock byte_of(uint64_t base, uint64_t inode, int type) {
    return (struct flock){
        .l_type = (short)type, .l_whence = SEEK_SET, .l_start = (off_t)(base + (inode & INODE_MASK)), .l_len = 1};
}

// Waits if need be; what is waited for is one system call of another worker.
static void lock_byte(const struct wasi_grant *grant, uint64_t base, uint64_t inode, int type) {
    struct flock l = byte_of(base, inode, type);
    while (fcntl(grant->volume_fd, F_SETLKW, &l) && errno == EINTR) {
    }
}

void wasi_quota_lock(const struct wasi_grant *grant, uint64_t inode) {
    lock_byte(grant, 0, inode, F_WRLCK);
}

void wasi_quota_unlock(const struct wasi_grant *grant, uint64_t inode) {
    int saved = errno;
    lock_byte(grant, 0, inode, F_UNLCK);
    errno = saved;
}

static bool is_open_elsewhere(const struct wasi_grant *grant, uint64_t inode) {
    struct flock l = byte_of(OPEN_BASE, inode, F_WRLCK);
    return fcntl(grant->volume_fd, F_GETLK, &l) || l.l_type != F_UNLCK;
}

// ---- the counter

bool wasi_quota_reserve(const struct wasi_grant *grant, uint64_t bytes) {
    uint64_t *used = &grant->volume->used_bytes;
    uint64_t now = __atomic_load_n(used, __ATOMIC_RELAXED), next;
    if (bytes == 0)
        return true;
    do {
        if (__builtin_add_overflow(now, bytes, &next) || next > grant->max_bytes)
            return false;
    } while (!__atomic_compare_exchange_n(used, &now, next, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return true;
}

void wasi_quota_release(const struct wasi_grant *grant, uint64_t bytes) {
    uint64_t *used = &grant->volume->used_bytes;
    uint64_t now = __atomic_load_n(used, __ATOMIC_RELAXED), next;
    do
        next = now > bytes ? now - bytes : 0;
    while (!__atomic_compare_exchange_n(used, &now, next, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
}

// ---- files that lose their name

static uint64_t size_of(const struct stat *st) {
    return st->st_size > 0 ? (uint64_t)st->st_size : 0;
}

bool wasi_quota_opened(const struct wasi_file *file, bool open_here) {
    struct stat st;
    wasi_quota_lock(file->grant, file->inode);
    bool named = fstat(file->fd, &st) == 0 && st.st_nlink > 0;
    if (named && !open_here)
        lock_byte(file->grant, OPEN_BASE, file->inode, F_RDLCK);
    wasi_quota_unlock(file->grant, file->inode);
    return named;
}

void wasi_quota_closing(const struct wasi_file *file, bool open_here) {
    struct stat st;
    if (open_here)
        return;
    wasi_quota_lock(file->grant, file->inode);
    if (fstat(file->fd, &st) == 0 && st.st_nlink == 0 && !is_open_elsewhere(file->grant, file->inode))
        wasi_quota_release(file->grant, size_of(&st));
    lock_byte(file->grant, OPEN_BASE, file->inode, F_UNLCK);
    wasi_quota_unlock(file->grant, file->inode);
}

int wasi_quota_unlinking(const struct wasi_table *t, const struct wasi_grant *grant, int fd, int (*change)(void *ctx),
                         void *ctx) {
    struct stat before, after;
    if (fd < 0 || fstat(fd, &before) || !S_ISREG(before.st_mode))
        return change(ctx);
    wasi_quota_lock(grant, before.st_ino);
    bool named = fstat(fd, &before) == 0 && before.st_nlink > 0;
    int failed = change(ctx);
    int saved = errno;
    if (!failed && named && fstat(fd, &after) == 0 && after.st_nlink == 0 &&
        !wasi_table_has_inode(t, after.st_dev, after.st_ino) && !is_open_elsewhere(grant, after.st_ino))
        wasi_quota_release(grant, size_of(&after));
    wasi_quota_unlock(grant, before.st_ino);
    errno = saved;
    return failed;
}
