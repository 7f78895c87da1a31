// Paths of a guest, resolved by the kernel below a directory descriptor and nowhere else (openat2(2), RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS):
// neither "..", an absolute path nor a symbolic link leaves it, also not while somebody renames things under our hands.
//
// What has no form that takes a descriptor (mkdirat, unlinkat …) is done in the parent directory, opened that way, on a last component
// that is a single name, never followed.
#ifndef SPEAR_WORKER_WASI_PATH_H
#define SPEAR_WORKER_WASI_PATH_H

#include "worker/wasi_table.h"

enum { WASI_PATH_MAX = 4096 }; // with its NUL

struct wasi_path {
    char text[WASI_PATH_MAX];
    size_t n;
};

// The path that the params `at` and `at + 1` point at. EFAULT, ENOENT (empty), ENAMETOOLONG, EINVAL (a NUL in it), ENOTCAPABLE (absolute).
enum wasi_errno wasi_path_get(const struct host_call *c, unsigned at, struct wasi_path *ret);
// As path_get, but absolute paths pass: for the target of a symbolic link, which is text.
enum wasi_errno wasi_path_get_text(const struct host_call *c, unsigned at, struct wasi_path *ret);
// openat2 below `directory`; ENOTCAPABLE for what would leave it. The new descriptor is the caller's.
enum wasi_errno wasi_path_open_beneath(int directory, const char *path, int flags, unsigned mode, int *ret_fd);
// O_PATH of what the path names; its last component is followed if it is a symbolic link and `follow` says so.
enum wasi_errno wasi_path_find(int directory, const struct wasi_path *path, bool follow, int *ret_fd);

// The parent directory and the last component (with slashes after it, if it had some).
struct wasi_place {
    int fd;
    bool owned;
    const char *name; // in the path
};
// Changes the path's text. `dots` is the answer when the last component is "." or "..", which no operation can be done on.
enum wasi_errno wasi_path_place(int directory, struct wasi_path *path, enum wasi_errno dots, struct wasi_place *ret);
void wasi_place_done(struct wasi_place *place);

// The error number of WASI for one of Linux.
enum wasi_errno wasi_errno_of(int number);

#endif
