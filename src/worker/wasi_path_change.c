// WASI: making, linking, renaming and removing names. Each is one *at call in a parent directory that was resolved before (wasi_path.h), on a
// last component that is not followed.
#include "worker/wasi.h"
#include "worker/wasi_files.h"
#include "worker/wasi_quota.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DIRECTORY_MODE = 0777 };

static enum wasi_errno outcome(int failed) {
    return failed ? wasi_errno_of(errno) : WASI_SUCCESS;
}

// ---- one name

// A descriptor and the path (at param + 1) below it, on the way to one call.
struct target {
    struct wasi_file *directory;
    struct wasi_path path;
    struct wasi_place place;
};

static enum wasi_errno get_target_at(const struct host_call *c, unsigned fd_param, unsigned path_param, uint64_t right,
                                     enum wasi_errno dots, struct target *ret) {
    enum wasi_errno error = wasi_want_change(c, fd_param, right, &ret->directory);
    if (error || (error = wasi_path_get(c, path_param, &ret->path)))
        return error;
    return wasi_path_place(ret->directory->fd, &ret->path, dots, &ret->place);
}

static enum wasi_errno get_target(const struct host_call *c, unsigned param, uint64_t right, enum wasi_errno dots,
                                  struct target *ret) {
    return get_target_at(c, param, param + 1, right, dots, ret);
}

static enum wasi_errno finish(struct target *t, enum wasi_errno result) {
    wasi_place_done(&t->place);
    return result;
}

WASI_FUNCTION(path_create_directory) {
    struct target t;
    enum wasi_errno error = get_target(c, 0, WASI_RIGHT_PATH_CREATE_DIRECTORY, WASI_EEXIST, &t);
    return error ? error : finish(&t, outcome(mkdirat(t.place.fd, t.place.name, DIRECTORY_MODE)));
}

WASI_FUNCTION(path_remove_directory) {
    struct target t;
    enum wasi_errno error = get_target(c, 0, WASI_RIGHT_PATH_REMOVE_DIRECTORY, WASI_EINVAL, &t);
    return error ? error : finish(&t, outcome(unlinkat(t.place.fd, t.place.name, AT_REMOVEDIR)));
}

// A link to an absolute path could only lead out.
WASI_FUNCTION(path_symlink) {
    struct target t;
    struct wasi_path text;
    enum wasi_errno error = wasi_path_get_text(c, 0, &text);
    if (error)
        return error;
    if ((error = get_target_at(c, 2, 3, WASI_RIGHT_PATH_SYMLINK, WASI_EEXIST, &t)))
        return error;
    if (text.text[0] == '/')
        return finish(&t, WASI_ENOTCAPABLE);
    return finish(&t, outcome(symlinkat(text.text, t.place.fd, t.place.name)));
}

// ---- names that may be a file's last

static int find_name(const struct wasi_place *place) {
    int fd;
    return wasi_path_open_beneath(place->fd, place->name, O_PATH | O_NOFOLLOW, 0, &fd) ? -1 : fd;
}

static void close_found(int fd) {
    if (fd >= 0)
        close(fd);
}

static int unlink_name(void *ctx) {
    const struct wasi_place *place = ctx;
    return unlinkat(place->fd, place->name, 0);
}

WASI_FUNCTION(path_unlink_file) {
    struct target t;
    enum wasi_errno error = get_target(c, 0, WASI_RIGHT_PATH_UNLINK_FILE, WASI_EISDIR, &t);
    if (error)
        return error;
    int fd = find_name(&t.place);
    error = outcome(wasi_quota_unlinking(c->guest->table, t.directory->grant, fd, unlink_name, &t.place));
    close_found(fd);
    return finish(&t, error);
}

struct rename_names {
    const struct wasi_place *from, *to;
};

static int rename_name(void *ctx) {
    const struct rename_names *r = ctx;
    return renameat(r->from->fd, r->from->name, r->to->fd, r->to->name);
}

static enum wasi_errno rename_target(const struct host_call *c, const struct target *from, const struct target *to) {
    struct rename_names names = {&from->place, &to->place};
    // Volumes may lie on one file system: the kernel would not mind.
    if (from->directory->grant != to->directory->grant)
        return WASI_EXDEV;
    int replaced = find_name(&to->place);
    enum wasi_errno error =
        outcome(wasi_quota_unlinking(c->guest->table, to->directory->grant, replaced, rename_name, &names));
    close_found(replaced);
    return error;
}

WASI_FUNCTION(path_rename) {
    struct target from, to;
    enum wasi_errno error = get_target(c, 0, WASI_RIGHT_PATH_RENAME_SOURCE, WASI_EINVAL, &from);
    if (error)
        return error;
    if ((error = get_target(c, 3, WASI_RIGHT_PATH_RENAME_TARGET, WASI_EINVAL, &to)))
        return finish(&from, error);
    return finish(&from, finish(&to, rename_target(c, &from, &to)));
}

// ---- links

// The source as it is: a name, which linkat does not follow if it has no slash after it.
static enum wasi_errno link_name(struct target *from, const struct wasi_place *to) {
    enum wasi_errno error = wasi_path_place(from->directory->fd, &from->path, WASI_EPERM, &from->place);
    if (error)
        return error;
    if (strchr(from->place.name, '/'))
        return finish(from, WASI_ENOTDIR);
    return finish(from, outcome(linkat(from->place.fd, from->place.name, to->fd, to->name, 0)));
}

// What a symbolic link leads to has no name that could be trusted: it is linked by its descriptor, which older kernels let only root do.
static enum wasi_errno link_followed(struct target *from, const struct wasi_place *to) {
    struct stat st;
    int fd;
    enum wasi_errno error = wasi_path_find(from->directory->fd, &from->path, false, &fd);
    if (error)
        return error;
    bool is_link = fstat(fd, &st) == 0 && S_ISLNK(st.st_mode);
    close(fd);
    if (!is_link)
        return link_name(from, to);
    if ((error = wasi_path_find(from->directory->fd, &from->path, true, &fd)))
        return error;
    error = outcome(linkat(fd, "", to->fd, to->name, AT_EMPTY_PATH));
    close(fd);
    return error == WASI_ENOENT ? WASI_ENOTSUP : error;
}

WASI_FUNCTION(path_link) {
    struct target from, to;
    uint32_t lookup = host_u32(c, 1);
    enum wasi_errno error = wasi_want_directory(c, 0, WASI_RIGHT_PATH_LINK_SOURCE, &from.directory);
    if (!error && (lookup & ~(uint32_t)WASI_LOOKUP_FOLLOW))
        error = WASI_EINVAL;
    if (error || (error = wasi_path_get(c, 2, &from.path)))
        return error;
    if ((error = get_target(c, 4, WASI_RIGHT_PATH_LINK_TARGET, WASI_EEXIST, &to)))
        return error;
    if (from.directory->grant != to.directory->grant)
        return finish(&to, WASI_EXDEV);
    return finish(&to, lookup & WASI_LOOKUP_FOLLOW ? link_followed(&from, &to.place) : link_name(&from, &to.place));
}

static enum wasi_errno read_link(int fd, void *to, uint32_t n, uint32_t *ret_n) {
    struct stat st;
    if (fstat(fd, &st))
        return wasi_errno_of(errno);
    if (!S_ISLNK(st.st_mode))
        return WASI_EINVAL;
    ssize_t read = n ? readlinkat(fd, "", to, n) : 0;
    *ret_n = read > 0 ? (uint32_t)read : 0;
    return outcome(read < 0);
}

WASI_FUNCTION(path_readlink) {
    struct wasi_file *f;
    struct wasi_path path;
    int fd;
    uint32_t n = host_u32(c, 4), done = 0;
    enum wasi_errno error = wasi_want_directory(c, 0, WASI_RIGHT_PATH_READLINK, &f);
    if (error || (error = wasi_path_get(c, 1, &path)))
        return error;
    void *to = engine_memory_at(c->memory, host_u32(c, 3), n);
    if (n && !to)
        return WASI_EFAULT;
    if ((error = wasi_path_find(f->fd, &path, false, &fd)))
        return error;
    error = read_link(fd, to, n, &done);
    close(fd);
    return error ? error : host_put_u32(c, host_u32(c, 5), done) ? WASI_SUCCESS : WASI_EFAULT;
}
