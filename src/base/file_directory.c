// Directories: making them with their parents, emptying and removing them, locking one for a daemon.
//
// Removal works on descriptors and never follows a symbolic link, so nobody who writes into the tree meanwhile can lead
// it elsewhere; it needs two descriptors and no recursion, however deep the tree is.
#include "base/file.h"

#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static int make_one(const char *path, mode_t mode, struct err *e) {
    if (mkdir(path, mode) == 0)
        return 0;
    int reason = errno;
    struct stat st;
    if (stat(path, &st) == 0)
        return S_ISDIR(st.st_mode) ? 0 : err_set_sys(e, ERR_IO, ENOTDIR, "%s", path);
    return err_set_sys(e, ERR_IO, reason, "%s: mkdir", path);
}

int file_make_dirs(const char *path, mode_t mode, struct err *e) {
    AUTO_FREE char *part = mem_strdup(path);
    for (char *slash = strchr(part + (*part == '/'), '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (make_one(part, mode, e) < 0)
            return -1;
        *slash = '/';
    }
    return make_one(part, mode, e);
}

// A tree being removed. What lies deeper than one level is first moved up to the top.
struct removal {
    int top;
    unsigned moved; // numbers the names that moved directories get
};

static int open_directory(int parent, const char *name) {
    return openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static void close_directory(DIR **directory) {
    if (*directory)
        closedir(*directory);
}

static bool is_dot_or_dot_dot(const char *name) {
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

// Moves the directory `name` of `parent` to the top of the tree under a name that is free there.
static int move_up(struct removal *r, int parent, const char *name) {
    char target[32];
    for (;;) {
        snprintf(target, sizeof target, ".removed-%u", r->moved++);
        if (renameat(parent, name, r->top, target) == 0)
            return 0;
        if (errno != ENOTEMPTY && errno != EEXIST && errno != ENOTDIR)
            return -1;
    }
}

// Removes a file, a link or an empty directory: 0; 1 for a directory that has entries; -1 with errno.
static int remove_simple(int parent, const char *name) {
    if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return -1;
    if (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
        return 0;
    return errno == ENOTEMPTY || errno == EEXIST ? 1 : -1;
}

// Calls f for each entry of the directory; stops at the first -1.
static int each_entry(int directory, struct removal *r, int (*f)(struct removal *r, int parent, const char *name)) {
    int copy = open_directory(directory, ".");
    CLEANUP(close_directory) DIR *entries = copy < 0 ? NULL : fdopendir(copy);
    if (!entries) {
        mem_close_fd(&copy);
        return -1;
    }
    errno = 0;
    for (struct dirent *entry; (entry = readdir(entries)); errno = 0)
        if (!is_dot_or_dot_dot(entry->d_name) && f(r, directory, entry->d_name) < 0)
            return -1;
    return errno ? -1 : 0;
}

static int remove_or_move_up(struct removal *r, int parent, const char *name) {
    int status = remove_simple(parent, name);
    return status == 1 ? move_up(r, parent, name) : status;
}

static int remove_top_entry(struct removal *r, int top, const char *name) {
    int status = remove_simple(top, name);
    if (status < 1)
        return status;
    AUTO_CLOSE int fd = open_directory(top, name);
    if (fd < 0 || each_entry(fd, r, remove_or_move_up) < 0)
        return -1;
    return unlinkat(top, name, AT_REMOVEDIR);
}

static int empty_and_remove(const char *path, int top) {
    struct removal r = {.top = top};
    // A scan may or may not see what it moved up itself, so it is repeated until the directory is gone.
    for (;;) {
        if (each_entry(top, &r, remove_top_entry) < 0)
            return -1;
        if (rmdir(path) == 0 || errno == ENOENT)
            return 0;
        if (errno != ENOTEMPTY && errno != EEXIST)
            return -1;
    }
}

int file_remove_tree(const char *path, struct err *e) {
    AUTO_CLOSE int top = open_directory(AT_FDCWD, path);
    int status = 0;
    if (top >= 0)
        status = empty_and_remove(path, top);
    else if (errno == ENOTDIR || errno == ELOOP)
        status = unlink(path);
    else
        status = errno == ENOENT ? 0 : -1;
    return status < 0 ? err_set_sys(e, ERR_IO, errno, "%s: removal", path) : 0;
}

static int lock_is_taken(int fd, const char *directory, struct err *e) {
    char holder[16] = "";
    ssize_t n = pread(fd, holder, sizeof holder - 1, 0);
    struct span pid = span_make(holder, n > 0 ? (size_t)n : 0);
    pid = span_slice(pid, 0, span_find(pid, '\n'));
    return err_set(e, ERR_CONFLICT, "%s: in use by another process (%.*s); give each one a data directory of its own",
                   directory, SPAN_ARGS(pid));
}

int file_lock_dir(const char *directory, int *ret_fd, struct err *e) {
    AUTO_FREE char *path = file_join(directory, "lock");
    AUTO_CLOSE int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return err_set_sys(e, ERR_IO, errno, "%s", path);
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK ? lock_is_taken(fd, directory, e) : err_set_sys(e, ERR_IO, errno, "%s: lock", path);
    // The process id only helps whoever reads the message above; failing to write it is no failure.
    if (ftruncate(fd, 0) == 0)
        (void)!dprintf(fd, "%d\n", (int)getpid());
    *ret_fd = TAKE_FD(fd);
    return 0;
}
