// WASI: path_open. What is opened is a regular file or a directory; devices, pipes and sockets in a volume are not.
#include "worker/wasi.h"
#include "worker/wasi_files.h"
#include "worker/wasi_quota.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define WRITING (WASI_RIGHT_FD_WRITE | WASI_RIGHT_FD_ALLOCATE | WASI_RIGHT_FD_FILESTAT_SET_SIZE)
#define READING (WASI_RIGHT_FD_READ | WASI_RIGHT_FD_READDIR)

enum { FILE_MODE = 0666 };

struct request {
    const struct wasi_file *directory;
    struct wasi_path path;
    uint32_t lookup, oflags, fdflags;
    uint64_t rights, inheriting;
    bool reads, writes;
};

static enum wasi_errno get_request(const struct host_call *c, struct request *r) {
    r->lookup = host_u32(c, 1);
    r->oflags = host_u32(c, 4);
    r->fdflags = host_u32(c, 7);
    r->rights = host_u64(c, 5) & WASI_RIGHTS_ALL;
    r->inheriting = host_u64(c, 6) & WASI_RIGHTS_ALL;
    if ((r->lookup & ~(uint32_t)WASI_LOOKUP_FOLLOW) || (r->oflags & ~(uint32_t)WASI_O_ALL) ||
        (r->fdflags & ~(uint32_t)WASI_FD_ALL) || ((r->oflags & WASI_O_CREAT) && (r->oflags & WASI_O_DIRECTORY)))
        return WASI_EINVAL;
    r->reads = r->rights & READING;
    r->writes = (r->rights & WRITING && !(r->oflags & WASI_O_DIRECTORY)) || (r->oflags & WASI_O_TRUNC);
    struct wasi_file *directory;
    uint64_t needed = WASI_RIGHT_PATH_OPEN | (r->oflags & WASI_O_CREAT ? WASI_RIGHT_PATH_CREATE_FILE : 0) |
                      (r->oflags & WASI_O_TRUNC ? WASI_RIGHT_PATH_FILESTAT_SET_SIZE : 0);
    enum wasi_errno error = wasi_want_directory(c, 0, needed, &directory);
    if (error)
        return error;
    r->directory = directory;
    // A file that is made is a regular one: what it may not have is known before.
    uint64_t beyond = (r->oflags & WASI_O_CREAT ? r->rights & WASI_RIGHTS_FILE : 0) | r->inheriting;
    return beyond & ~directory->inheriting ? WASI_ENOTCAPABLE : wasi_path_get(c, 2, &r->path);
}

// O_NONBLOCK: a pipe or a device must not hold us until we have seen what it is. Truncating comes later, under the quota.
static int kernel_flags(const struct request *r) {
    int flags = O_NONBLOCK | O_NOCTTY | (r->lookup & WASI_LOOKUP_FOLLOW ? 0 : O_NOFOLLOW);
    if (r->oflags & WASI_O_DIRECTORY)
        return flags | O_DIRECTORY | O_RDONLY;
    flags |= r->oflags & WASI_O_CREAT ? O_CREAT : 0;
    flags |= r->oflags & WASI_O_EXCL ? O_EXCL : 0;
    return flags | (!r->writes ? O_RDONLY : r->reads ? O_RDWR : O_WRONLY);
}

// As a file system that is mounted read-only answers.
static enum wasi_errno open_read_only(const struct request *r, int *ret_fd) {
    struct request reading = *r;
    reading.writes = false;
    reading.oflags &= ~(uint32_t)(WASI_O_CREAT | WASI_O_EXCL);
    struct stat st;
    enum wasi_errno error = wasi_path_open_beneath(r->directory->fd, r->path.text, kernel_flags(&reading), 0, ret_fd);
    if (error)
        return error == WASI_ENOENT && (r->oflags & WASI_O_CREAT) ? WASI_EROFS : error;
    if ((r->oflags & WASI_O_CREAT) && (r->oflags & WASI_O_EXCL))
        error = WASI_EEXIST;
    else if (r->writes)
        error = fstat(*ret_fd, &st) == 0 && S_ISDIR(st.st_mode) ? WASI_EISDIR : WASI_EROFS;
    if (error)
        close(*ret_fd);
    return error;
}

static enum wasi_errno open_file(const struct request *r, int *ret_fd) {
    if (!r->directory->grant->writable)
        return open_read_only(r, ret_fd);
    int flags = kernel_flags(r);
    return wasi_path_open_beneath(r->directory->fd, r->path.text, flags, flags & O_CREAT ? FILE_MODE : 0, ret_fd);
}

static enum wasi_errno describe(const struct request *r, int fd, struct wasi_file *ret) {
    struct stat st;
    if (fstat(fd, &st) || (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)))
        return WASI_ENXIO;
    bool regular = S_ISREG(st.st_mode);
    uint64_t rights = r->rights & (regular ? WASI_RIGHTS_FILE : WASI_RIGHTS_DIRECTORY);
    if (rights & ~r->directory->inheriting)
        return WASI_ENOTCAPABLE;
    *ret = (struct wasi_file){.kind = regular ? WASI_KIND_FILE : WASI_KIND_DIRECTORY,
                              .fd = fd,
                              .owned = true,
                              .flags = (uint16_t)r->fdflags,
                              .rights = rights,
                              .inheriting = r->inheriting,
                              .grant = r->directory->grant,
                              .device = st.st_dev,
                              .inode = st.st_ino};
    return WASI_SUCCESS;
}

static enum wasi_errno enter(struct wasi_table *t, uint32_t number, const struct request *r, int fd) {
    struct wasi_file file;
    enum wasi_errno error = describe(r, fd, &file);
    if (!error && file.kind == WASI_KIND_FILE &&
        !wasi_quota_opened(&file, wasi_table_has_inode(t, file.device, file.inode)))
        error = WASI_ENOENT;
    if (error) {
        close(fd);
        return error;
    }
    wasi_table_put(t, number, &file);
    if (r->oflags & WASI_O_TRUNC && file.kind == WASI_KIND_FILE && (error = wasi_file_set_size(&file, 0)))
        wasi_table_close(t, number);
    return error;
}

WASI_FUNCTION(path_open) {
    struct request r;
    struct wasi_table *t = c->guest->table;
    int fd = -1;
    enum wasi_errno error = get_request(c, &r);
    if (error)
        return error;
    // Nothing is made that could not be told.
    if (!engine_memory_at(c->memory, host_u32(c, 8), sizeof(uint32_t)))
        return WASI_EFAULT;
    int64_t number = wasi_table_free(t);
    if (number < 0)
        return WASI_EMFILE;
    if ((error = open_file(&r, &fd)) || (error = enter(t, (uint32_t)number, &r, fd)))
        return error;
    return host_put_u32(c, host_u32(c, 8), (uint32_t)number) ? WASI_SUCCESS : WASI_EFAULT;
}
