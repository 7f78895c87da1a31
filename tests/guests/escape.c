// Tries to get out of its directories, again and again, while somebody swaps "a" between a folder and a link that leads out; "a/secret" begins with
// "inside" or, out there, with "outside". argv[1]: how many tries. Prints how many there were and how many got out; exits with 1 if one did.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wasi/api.h>

enum { VOLUME = 3, OTHER = 4, FOLLOW = __WASI_LOOKUPFLAGS_SYMLINK_FOLLOW };
#define RIGHTS                                                                                                         \
    (__WASI_RIGHTS_FD_READ | __WASI_RIGHTS_FD_WRITE | __WASI_RIGHTS_FD_FILESTAT_GET | __WASI_RIGHTS_FD_READDIR |       \
     __WASI_RIGHTS_PATH_OPEN | __WASI_RIGHTS_PATH_CREATE_FILE | __WASI_RIGHTS_PATH_FILESTAT_GET)

static long escapes, opened;

static void escaped(const char *how) {
    if (escapes++ < 10) {
        printf("got out: %s\n", how);
    }
}

static int open_at(__wasi_fd_t folder, const char *path, __wasi_oflags_t flags, __wasi_rights_t rights,
                   __wasi_fd_t *fd) {
    return __wasi_path_open(folder, FOLLOW, path, flags, rights, RIGHTS, 0, fd);
}

// Reads what is there under that name; what begins with "outside" is not ours.
static void try_read(__wasi_fd_t folder, const char *path) {
    char text[16] = {0};
    __wasi_iovec_t to = {(uint8_t *)text, sizeof text - 1};
    __wasi_fd_t fd;
    __wasi_size_t n;
    if (open_at(folder, path, 0, __WASI_RIGHTS_FD_READ, &fd)) {
        return;
    }
    opened++;
    if (__wasi_fd_read(fd, &to, 1, &n) == 0 && strncmp(text, "inside", 6) != 0 && n) {
        escaped(path);
    }
    (void)!__wasi_fd_close(fd);
}

static void try_write(const char *path) {
    __wasi_ciovec_t from = {(const uint8_t *)"made", 4};
    __wasi_fd_t fd;
    __wasi_size_t n;
    if (open_at(VOLUME, path, __WASI_OFLAGS_CREAT, __WASI_RIGHTS_FD_WRITE, &fd) == 0) {
        (void)!__wasi_fd_write(fd, &from, 1, &n);
        (void)!__wasi_fd_close(fd);
        (void)!__wasi_path_unlink_file(VOLUME, path);
    }
}

static void try_stat(void) {
    __wasi_filestat_t st;
    if (__wasi_path_filestat_get(VOLUME, FOLLOW, "a/secret", &st) == 0 && st.size != 6) {
        escaped("path_filestat_get");
    }
    (void)!__wasi_path_filestat_set_times(VOLUME, FOLLOW, "a/secret", 1, 1, __WASI_FSTFLAGS_MTIM);
}

static void try_link(void) {
    if (__wasi_path_link(VOLUME, FOLLOW, "a/secret", VOLUME, "stolen") == 0) {
        try_read(VOLUME, "stolen");
        (void)!__wasi_path_unlink_file(VOLUME, "stolen");
    }
    if (__wasi_path_link(VOLUME, 0, "a/secret", OTHER, "stolen") == 0) {
        escaped("path_link to another volume");
    }
    if (__wasi_path_link(VOLUME, 0, "own", VOLUME, "a/own") == 0) {
        (void)!__wasi_path_unlink_file(VOLUME, "a/own");
    }
}

static void try_rename(void) {
    if (__wasi_path_rename(VOLUME, "a/secret", VOLUME, "taken") == 0) {
        try_read(VOLUME, "taken");
    }
    // Back again, as soon as one of the two is the folder when it is looked at.
    for (int i = 0; i < 100 && __wasi_path_rename(VOLUME, "taken", VOLUME, i % 2 ? "b/secret" : "a/secret") ==
                                   __WASI_ERRNO_NOTCAPABLE;
         i++) {
    }
    if (__wasi_path_rename(VOLUME, "own", OTHER, "own") == 0) {
        escaped("path_rename to another volume");
    }
    if (__wasi_path_rename(VOLUME, "own", VOLUME, "../own") == 0) {
        escaped("path_rename to ..");
    }
}

static void try_folder(void) {
    __wasi_fd_t fd;
    if (open_at(VOLUME, "a", __WASI_OFLAGS_DIRECTORY, RIGHTS, &fd)) {
        return;
    }
    try_read(fd, "secret");
    try_read(fd, "../outside/secret");
    try_read(fd, "../../outside/secret");
    (void)!__wasi_fd_close(fd);
}

static void try_symlinks(void) {
    if (__wasi_path_symlink("/etc/passwd", VOLUME, "link") == 0) {
        escaped("path_symlink to an absolute path");
    }
    if (__wasi_path_symlink("../../outside", VOLUME, "link") == 0) {
        try_read(VOLUME, "link/secret");
        try_write("link/made");
        (void)!__wasi_path_unlink_file(VOLUME, "link");
    }
}

static void try_names(void) {
    (void)!__wasi_path_unlink_file(VOLUME, "a/victim");
    if (__wasi_path_create_directory(VOLUME, "a/folder") == 0) {
        (void)!__wasi_path_remove_directory(VOLUME, "a/folder");
    }
    if (__wasi_path_create_directory(VOLUME, "../folder") == 0) {
        escaped("path_create_directory in ..");
    }
    (void)!__wasi_path_remove_directory(VOLUME, "a/empty");
}

static void attempt(long i) {
    static const char *const paths[] = {"a/secret",
                                        "a/../../outside/secret",
                                        "../outside/secret",
                                        "a/../../../../../../etc/passwd",
                                        "/etc/passwd",
                                        "proc/environ",
                                        "proc/root/etc/passwd",
                                        "proc/fd/0",
                                        "a/./secret",
                                        "b/secret",
                                        "up/outside/secret"};
    switch (i % 10) {
    case 0:
        try_write("a/made");
        break;
    case 1:
        try_stat();
        break;
    case 2:
        try_link();
        break;
    case 3:
        try_rename();
        break;
    case 4:
        try_folder();
        break;
    case 5:
        try_symlinks();
        break;
    case 6:
        try_names();
        break;
    default:
        try_read(VOLUME, paths[i / 10 % (long)(sizeof paths / sizeof paths[0])]);
    }
}

int main(int argc, char **argv) {
    long tries = argc > 1 ? strtol(argv[1], NULL, 10) : 1000;
    for (long i = 0; i < tries; i++) {
        attempt(i);
    }
    printf("%ld tries, %ld opened, %ld got out\n", tries, opened, escapes);
    return escapes != 0;
}
