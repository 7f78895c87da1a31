// Resolution of guests' paths. The only file that hands one to the kernel for more than its last component.
#include "worker/wasi_path.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

// A ".." may meet a rename that goes on at the same time: the kernel then asks for another try.
enum { RACES_MAX = 64 };

enum wasi_errno wasi_path_get_text(const struct host_call *c, unsigned at, struct wasi_path *ret) {
    uint32_t n = host_u32(c, at + 1);
    const char *text = engine_memory_at(c->memory, host_u32(c, at), n);
    if (n && !text)
        return WASI_EFAULT;
    if (n == 0)
        return WASI_ENOENT;
    if (n >= sizeof ret->text)
        return WASI_ENAMETOOLONG;
    if (memchr(text, '\0', n))
        return WASI_EINVAL;
    memcpy(ret->text, text, n);
    ret->text[n] = '\0';
    ret->n = n;
    return WASI_SUCCESS;
}

enum wasi_errno wasi_path_get(const struct host_call *c, unsigned at, struct wasi_path *ret) {
    enum wasi_errno error = wasi_path_get_text(c, at, ret);
    return error ? error : ret->text[0] == '/' ? WASI_ENOTCAPABLE : WASI_SUCCESS;
}

enum wasi_errno wasi_path_open_beneath(int directory, const char *path, int flags, unsigned mode, int *ret_fd) {
    struct open_how how = {.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
                           .mode = mode,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    long fd = -1;
    for (int i = 0; i < RACES_MAX; i++) {
        fd = syscall(SYS_openat2, directory, path, &how, sizeof how);
        if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
            break;
    }
    if (fd < 0)
        return errno == EXDEV ? WASI_ENOTCAPABLE : wasi_errno_of(errno);
    *ret_fd = (int)fd;
    return WASI_SUCCESS;
}

enum wasi_errno wasi_path_find(int directory, const struct wasi_path *path, bool follow, int *ret_fd) {
    return wasi_path_open_beneath(directory, path->text, O_PATH | (follow ? 0 : O_NOFOLLOW), 0, ret_fd);
}

// The position of the last component.
static size_t last_component(const struct wasi_path *path) {
    size_t at = path->n;
    while (at > 0 && path->text[at - 1] == '/')
        at--;
    while (at > 0 && path->text[at - 1] != '/')
        at--;
    return at;
}

static bool is_dots(const char *name) {
    size_t n = strcspn(name, "/");
    return (n == 1 && name[0] == '.') || (n == 2 && name[0] == '.' && name[1] == '.');
}

// An error for a path that leads out comes first.
static enum wasi_errno refuse_dots(int directory, const struct wasi_path *path, enum wasi_errno dots) {
    int fd = -1;
    enum wasi_errno error = wasi_path_find(directory, path, true, &fd);
    if (error)
        return error;
    close(fd);
    return dots;
}

enum wasi_errno wasi_path_place(int directory, struct wasi_path *path, enum wasi_errno dots, struct wasi_place *ret) {
    size_t at = last_component(path);
    if (is_dots(path->text + at))
        return refuse_dots(directory, path, dots);
    *ret = (struct wasi_place){.fd = directory, .name = path->text + at};
    if (at == 0)
        return WASI_SUCCESS;
    path->text[at - 1] = '\0';
    ret->owned = true;
    return wasi_path_open_beneath(directory, path->text, O_PATH | O_DIRECTORY, 0, &ret->fd);
}

void wasi_place_done(struct wasi_place *place) {
    if (place->owned)
        close(place->fd);
}

// ---- error numbers

enum wasi_errno wasi_errno_of(int number) {
    static const struct {
        int number;
        enum wasi_errno wasi;
    } known[] = {
        {EPERM, WASI_EPERM},
        {ENOENT, WASI_ENOENT},
        {EINTR, WASI_EINTR},
        {EIO, WASI_EIO},
        {ENXIO, WASI_ENXIO},
        {E2BIG, WASI_E2BIG},
        {EBADF, WASI_EBADF},
        {EAGAIN, WASI_EAGAIN},
        {ENOMEM, WASI_ENOMEM},
        {EACCES, WASI_EACCES},
        {EFAULT, WASI_EFAULT},
        {EBUSY, WASI_EBUSY},
        {EEXIST, WASI_EEXIST},
        {EXDEV, WASI_EXDEV},
        {ENODEV, WASI_ENODEV},
        {ENOTDIR, WASI_ENOTDIR},
        {EISDIR, WASI_EISDIR},
        {EINVAL, WASI_EINVAL},
        {ENFILE, WASI_ENFILE},
        {EMFILE, WASI_EMFILE},
        {ENOTTY, WASI_ENOTTY},
        {ETXTBSY, WASI_ETXTBSY},
        {EFBIG, WASI_EFBIG},
        {ENOSPC, WASI_ENOSPC},
        {ESPIPE, WASI_ESPIPE},
        {EROFS, WASI_EROFS},
        {EMLINK, WASI_EMLINK},
        {EPIPE, WASI_EPIPE},
        {ERANGE, WASI_ERANGE},
        {EDEADLK, WASI_EDEADLK},
        {ENAMETOOLONG, WASI_ENAMETOOLONG},
        {ENOLCK, WASI_ENOLCK},
        {ENOSYS, WASI_ENOSYS},
        {ENOTEMPTY, WASI_ENOTEMPTY},
        {ELOOP, WASI_ELOOP},
        {EOVERFLOW, WASI_EOVERFLOW},
        {EILSEQ, WASI_EILSEQ},
        {ENOTSUP, WASI_ENOTSUP},
        {ESTALE, WASI_ESTALE},
        {EDQUOT, WASI_EDQUOT},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i].number == number)
            return known[i].wasi;
    return WASI_EIO;
}
