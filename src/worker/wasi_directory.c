// WASI: listing a directory. A cookie is the kernel's own position of an entry, so that a listing may go on anywhere, also after changes.
#include "worker/wasi.h"
#include "worker/wasi_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { DIRENT_BYTES = 24, ENTRIES_BYTES = 8192 };

enum wasi_errno wasi_directory_readable(struct wasi_file *directory) {
    int fd;
    if (directory->owned)
        return WASI_SUCCESS;
    enum wasi_errno error = wasi_path_open_beneath(directory->fd, ".", O_RDONLY | O_DIRECTORY, 0, &fd);
    if (error)
        return error;
    directory->fd = fd;
    directory->owned = true;
    return WASI_SUCCESS;
}

// The guest's buffer while it fills.
struct listing {
    uint8_t *to;
    uint32_t capacity, used;
};

// False when the buffer is full; the last bytes may be cut.
static bool append(struct listing *l, const void *from, uint32_t n) {
    uint32_t left = l->capacity - l->used, taken = n < left ? n : left;
    memcpy(l->to + l->used, from, taken);
    l->used += taken;
    return l->used < l->capacity;
}

static enum wasi_filetype type_of(unsigned char type) {
    return type == DT_UNKNOWN ? WASI_TYPE_UNKNOWN : wasi_filetype_of(DTTOIF((unsigned)type));
}

// dirent: cookie of the next u64 at 0, inode u64 at 8, length of the name u32 at 16, type u8 at 20; then the name.
static bool append_entry(struct listing *l, const struct dirent64 *entry) {
    uint8_t raw[DIRENT_BYTES] = {0};
    uint32_t n = (uint32_t)strlen(entry->d_name);
    uint64_t next = (uint64_t)entry->d_off;
    // What lies above a granted directory is not told.
    uint64_t inode = strcmp(entry->d_name, "..") == 0 ? 0 : entry->d_ino;
    memcpy(raw, &next, sizeof next);
    memcpy(raw + 8, &inode, sizeof inode);
    memcpy(raw + 16, &n, sizeof n);
    raw[20] = (uint8_t)type_of(entry->d_type);
    return append(l, raw, sizeof raw) && append(l, entry->d_name, n);
}

// More than 0 to go on, 0 at the end or when full, less: errno.
static long list_some(int fd, struct listing *l) {
    _Alignas(struct dirent64) char entries[ENTRIES_BYTES];
    long n = syscall(SYS_getdents64, fd, entries, sizeof entries);
    for (long at = 0; at < n;) {
        const struct dirent64 *entry = (const void *)(entries + at);
        if (!append_entry(l, entry))
            return 0;
        at += entry->d_reclen;
    }
    return n;
}

static enum wasi_errno list(int fd, uint64_t cookie, struct listing *l) {
    if (cookie > INT64_MAX)
        return WASI_EINVAL;
    if (lseek(fd, (off_t)cookie, SEEK_SET) < 0)
        return wasi_errno_of(errno);
    long n;
    while ((n = list_some(fd, l)) > 0) {
    }
    // A removed directory lists nothing.
    return n < 0 && errno != ENOENT ? wasi_errno_of(errno) : WASI_SUCCESS;
}

WASI_FUNCTION(fd_readdir) {
    struct wasi_file *f;
    enum wasi_errno error = wasi_want_directory(c, 0, WASI_RIGHT_FD_READDIR, &f);
    if (error)
        return error;
    struct listing l = {.to = engine_memory_at(c->memory, host_u32(c, 1), host_u32(c, 2)), .capacity = host_u32(c, 2)};
    if (!l.to && l.capacity)
        return WASI_EFAULT;
    if ((error = wasi_directory_readable(f)))
        return error;
    if (l.capacity && (error = list(f->fd, host_u64(c, 3), &l)))
        return error;
    return host_put_u32(c, host_u32(c, 4), l.used) ? WASI_SUCCESS : WASI_EFAULT;
}
