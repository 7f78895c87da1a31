// WASI: the descriptor table, and the functions that are about descriptors alone: close, renumber, fdstat, prestat.
#include "worker/wasi_table.h"

#include "worker/wasi.h"
#include "worker/wasi_quota.h"

#include <unistd.h>

// ---- the table

static struct wasi_file stream_entry(unsigned stream) {
    uint64_t direction = stream == GUEST_STDIN ? WASI_RIGHT_FD_READ : WASI_RIGHT_FD_WRITE;
    return (struct wasi_file){
        .kind = WASI_KIND_STREAM, .stream = stream, .fd = -1, .rights = WASI_RIGHTS_STREAM | direction};
}

static struct wasi_file grant_entry(const struct wasi_grant *grant) {
    return (struct wasi_file){.kind = WASI_KIND_DIRECTORY,
                              .fd = grant->fd,
                              .preopened = true,
                              .rights = WASI_RIGHTS_DIRECTORY,
                              .inheriting = WASI_RIGHTS_ALL,
                              .grant = grant};
}

void wasi_table_begin(struct wasi_table *t, const struct wasi_grant *grants, size_t grant_count) {
    wasi_table_end(t);
    t->grants = grants;
    t->grant_count = grant_count;
    for (unsigned stream = 0; stream < GUEST_STDIO_COUNT; stream++)
        t->files[t->end++] = stream_entry(stream);
    for (size_t i = 0; i < grant_count; i++)
        t->files[t->end++] = grant_entry(&grants[i]);
}

void wasi_table_end(struct wasi_table *t) {
    while (t->end > 0)
        wasi_table_close(t, t->end - 1);
}

struct wasi_file *wasi_table_at(struct wasi_table *t, uint32_t fd) {
    return fd < t->end && t->files[fd].kind != WASI_KIND_FREE ? &t->files[fd] : NULL;
}

int64_t wasi_table_free(const struct wasi_table *t) {
    uint64_t open_count = 0;
    uint32_t lowest = t->end;
    for (uint32_t fd = t->end; fd-- > 0;) {
        open_count += t->files[fd].owned;
        if (t->files[fd].kind == WASI_KIND_FREE)
            lowest = fd;
    }
    return lowest < WASI_DESCRIPTORS_MAX && open_count < t->open_max ? (int64_t)lowest : -1;
}

void wasi_table_put(struct wasi_table *t, uint32_t fd, const struct wasi_file *file) {
    t->files[fd] = *file;
    if (fd >= t->end)
        t->end = fd + 1;
}

bool wasi_table_has_inode(const struct wasi_table *t, uint64_t device, uint64_t inode) {
    for (uint32_t fd = 0; fd < t->end; fd++) {
        const struct wasi_file *f = &t->files[fd];
        if (f->kind == WASI_KIND_FILE && f->inode == inode && f->device == device)
            return true;
    }
    return false;
}

bool wasi_table_has_other(const struct wasi_table *t, const struct wasi_file *file) {
    for (uint32_t fd = 0; fd < t->end; fd++) {
        const struct wasi_file *f = &t->files[fd];
        if (f != file && f->kind == WASI_KIND_FILE && f->inode == file->inode && f->device == file->device)
            return true;
    }
    return false;
}

// Takes the entry out without closing anything.
static void clear(struct wasi_table *t, uint32_t fd) {
    t->files[fd] = (struct wasi_file){.kind = WASI_KIND_FREE, .fd = -1};
    while (t->end > 0 && t->files[t->end - 1].kind == WASI_KIND_FREE)
        t->end--;
}

void wasi_table_close(struct wasi_table *t, uint32_t fd) {
    struct wasi_file *f = &t->files[fd];
    if (f->kind == WASI_KIND_FILE)
        wasi_quota_closing(f, wasi_table_has_other(t, f));
    if (f->owned)
        close(f->fd);
    clear(t, fd);
}

// ---- lookup

enum wasi_errno wasi_want_any(const struct host_call *c, unsigned param, uint64_t rights, struct wasi_file **ret) {
    struct wasi_file *f = wasi_table_at(c->guest->table, host_u32(c, param));
    if (!f)
        return WASI_EBADF;
    if (rights & ~f->rights)
        return WASI_ENOTCAPABLE;
    *ret = f;
    return WASI_SUCCESS;
}

enum wasi_errno wasi_want_file(const struct host_call *c, unsigned param, uint64_t rights, enum wasi_errno on_stream,
                               struct wasi_file **ret) {
    const struct wasi_file *f = wasi_table_at(c->guest->table, host_u32(c, param));
    if (f && f->kind == WASI_KIND_STREAM)
        return on_stream;
    if (f && f->kind == WASI_KIND_DIRECTORY)
        return WASI_EISDIR;
    return wasi_want_any(c, param, rights, ret);
}

enum wasi_errno wasi_want_directory(const struct host_call *c, unsigned param, uint64_t rights,
                                    struct wasi_file **ret) {
    const struct wasi_file *f = wasi_table_at(c->guest->table, host_u32(c, param));
    if (f && f->kind != WASI_KIND_DIRECTORY)
        return WASI_ENOTDIR;
    return wasi_want_any(c, param, rights, ret);
}

enum wasi_errno wasi_want_change(const struct host_call *c, unsigned param, uint64_t rights, struct wasi_file **ret) {
    enum wasi_errno error = wasi_want_directory(c, param, rights, ret);
    return error ? error : (*ret)->grant->writable ? WASI_SUCCESS : WASI_EROFS;
}

// ---- functions

WASI_FUNCTION(fd_close) {
    uint32_t fd = host_u32(c, 0);
    if (!wasi_table_at(c->guest->table, fd))
        return WASI_EBADF;
    wasi_table_close(c->guest->table, fd);
    return WASI_SUCCESS;
}

// Both have to be open, so that no library loses a number that it did not know about.
WASI_FUNCTION(fd_renumber) {
    struct wasi_table *t = c->guest->table;
    uint32_t from = host_u32(c, 0), to = host_u32(c, 1);
    if (!wasi_table_at(t, from) || !wasi_table_at(t, to))
        return WASI_EBADF;
    if (from == to)
        return WASI_SUCCESS;
    struct wasi_file moved = t->files[from];
    wasi_table_close(t, to);
    wasi_table_put(t, to, &moved);
    clear(t, from);
    return WASI_SUCCESS;
}

// A stream is no terminal: its type is "unknown", which makes C libraries buffer whole blocks.
static uint8_t filetype(const struct wasi_file *f) {
    return f->kind == WASI_KIND_DIRECTORY ? WASI_TYPE_DIRECTORY
           : f->kind == WASI_KIND_FILE    ? WASI_TYPE_REGULAR_FILE
                                          : WASI_TYPE_UNKNOWN;
}

// fdstat: filetype u8 at 0, flags u16 at 2, rights u64 at 8, inheriting rights u64 at 16.
WASI_FUNCTION(fd_fdstat_get) {
    struct wasi_file *f;
    enum wasi_errno error = wasi_want_any(c, 0, 0, &f);
    if (error)
        return error;
    uint8_t raw[24] = {filetype(f)};
    memcpy(raw + 2, &f->flags, sizeof f->flags);
    memcpy(raw + 8, &f->rights, sizeof f->rights);
    memcpy(raw + 16, &f->inheriting, sizeof f->inheriting);
    return host_put(c, host_u32(c, 1), raw, sizeof raw) ? WASI_SUCCESS : WASI_EFAULT;
}

WASI_FUNCTION(fd_fdstat_set_flags) {
    struct wasi_file *f;
    enum wasi_errno error = wasi_want_any(c, 0, WASI_RIGHT_FD_FDSTAT_SET_FLAGS, &f);
    if (error)
        return error;
    if (host_u32(c, 1) & ~(uint32_t)WASI_FD_ALL)
        return WASI_EINVAL;
    f->flags = (uint16_t)host_u32(c, 1);
    return WASI_SUCCESS;
}

// Rights can be given up, not taken.
WASI_FUNCTION(fd_fdstat_set_rights) {
    struct wasi_file *f;
    uint64_t rights = host_u64(c, 1), inheriting = host_u64(c, 2);
    enum wasi_errno error = wasi_want_any(c, 0, 0, &f);
    if (error)
        return error;
    if ((rights & ~f->rights) || (inheriting & ~f->inheriting))
        return WASI_ENOTCAPABLE;
    f->rights = rights;
    f->inheriting = inheriting;
    return WASI_SUCCESS;
}

// EBADF ends the C library's search for granted directories.
static enum wasi_errno want_preopened(const struct host_call *c, struct wasi_file **ret) {
    enum wasi_errno error = wasi_want_any(c, 0, 0, ret);
    return error ? error : (*ret)->preopened ? WASI_SUCCESS : WASI_EBADF;
}

// prestat: tag u8 at 0 (0: a directory), length of its name u32 at 4.
WASI_FUNCTION(fd_prestat_get) {
    struct wasi_file *f;
    enum wasi_errno error = want_preopened(c, &f);
    if (error)
        return error;
    uint32_t raw[2] = {0, (uint32_t)strlen(f->grant->guest_path)};
    return host_put(c, host_u32(c, 1), raw, sizeof raw) ? WASI_SUCCESS : WASI_EFAULT;
}

WASI_FUNCTION(fd_prestat_dir_name) {
    struct wasi_file *f;
    enum wasi_errno error = want_preopened(c, &f);
    if (error)
        return error;
    uint32_t n = (uint32_t)strlen(f->grant->guest_path);
    if (host_u32(c, 2) < n)
        return WASI_ENAMETOOLONG;
    return host_put(c, host_u32(c, 1), f->grant->guest_path, n) ? WASI_SUCCESS : WASI_EFAULT;
}
