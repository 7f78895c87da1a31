// The file of `spear files get -o`: without a name while it is written, so that even SIGKILL leaves nothing.
//
// Where the file system knows no O_TMPFILE it has a temporary name, which output_file_done removes.
#include "cli/output_file.h"

#include "base/id.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static char *directory_of(const char *path) {
    const char *slash = strrchr(path, '/');
    if (!slash)
        return mem_strdup(".");
    return slash == path ? mem_strdup("/") : span_dup(span_make(path, (size_t)(slash - path)));
}

static char *temporary_beside(const char *path) {
    char id[UUID_TEXT + 1];
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    uuid_new(id);
    return mem_printf("%.*s.%.200s.%.8s", (int)(name - path), path, name, id);
}

// A device or a pipe is written to as it is; it must not be replaced by a file.
static int open_special(const char *path, struct output_file *ret, struct err *e) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set_sys(e, ERR_IO, errno, "%s could not be written", path);
    *ret = (struct output_file){.fd = fd, .special = true, .path = mem_strdup(path)};
    return 0;
}

int output_file_open(const char *given, struct output_file *ret, struct err *e) {
    struct stat info;
    AUTO_FREE char *target = realpath(given, NULL); // behind a symbolic link the file is replaced, not the link
    const char *path = target ? target : given;
    AUTO_FREE char *directory = directory_of(path);
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
        return err_set(e, ERR_INVALID_CONFIGURATION, "%s is a directory; name a file in it", given);
    if (target && !S_ISREG(info.st_mode))
        return open_special(path, ret, e);
    struct output_file f = {.fd = open(directory, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666)};
    if (f.fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL)) {
        f.temporary = temporary_beside(path);
        f.fd = open(f.temporary, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
    }
    if (f.fd < 0) {
        free(f.temporary);
        return err_set_sys(e, ERR_IO, errno, "%s could not be written", path);
    }
    f.path = mem_strdup(path);
    *ret = f;
    return 0;
}

static int give_name(struct output_file *f) {
    char own[64];
    char *temporary = temporary_beside(f->path);
    snprintf(own, sizeof own, "/proc/self/fd/%d", f->fd);
    if (linkat(AT_FDCWD, own, AT_FDCWD, temporary, AT_SYMLINK_FOLLOW) != 0) {
        free(temporary);
        return -1;
    }
    f->temporary = temporary;
    return 0;
}

int output_file_commit(struct output_file *f, struct err *e) {
    if (f->special)
        return 0;
    if (fsync(f->fd) != 0 || (!f->temporary && give_name(f) != 0) || rename(f->temporary, f->path) != 0)
        return err_set_sys(e, ERR_IO, errno, "%s could not be written", f->path);
    free(TAKE(f->temporary));
    return 0;
}

void output_file_done(struct output_file *f) {
    if (f->temporary)
        unlink(f->temporary);
    if (f->fd >= 0)
        close(f->fd);
    free(f->temporary);
    free(f->path);
    *f = (struct output_file){.fd = -1};
}
