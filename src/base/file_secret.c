// Reading a secret from a file that nobody else may look into. Writing one is file_write_atomic with mode 0600.
#include "base/file.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SECRET_BYTES_MAX = 4096, FORBIDDEN_MODE = S_IWGRP | S_IRWXO };

static int check_mode(int fd, const char *path, struct err *e) {
    struct stat st;
    if (fstat(fd, &st) < 0)
        return err_set_sys(e, ERR_IO, errno, "%s: fstat", path);
    if (!S_ISREG(st.st_mode))
        return err_set(e, ERR_INVALID_CONFIGURATION, "%s: not a regular file", path);
    if (st.st_mode & FORBIDDEN_MODE)
        return err_set(e, ERR_INVALID_CONFIGURATION,
                       "%s: has mode %04o, so that others can read or change the secret in it; chmod 600 %s", path,
                       (unsigned)(st.st_mode & 07777), path);
    return 0;
}

static struct span without_blank_end(struct span s) {
    while (s.n && strchr(" \t\r\n", s.p[s.n - 1]))
        s.n--;
    return s;
}

static int read_text(int fd, const char *path, size_t max, char **ret_text, struct err *e) {
    char bytes[SECRET_BYTES_MAX + 1];
    ssize_t n = read(fd, bytes, sizeof bytes); // of a regular file: all there is, up to what fits
    if (n < 0)
        return err_set_sys(e, ERR_IO, errno, "%s: read", path);
    struct span text = without_blank_end(span_make(bytes, (size_t)n));
    int status = 0;
    if (text.n == 0)
        status = err_set(e, ERR_INVALID_CONFIGURATION, "%s: is empty", path);
    else if (text.n > max || memchr(text.p, '\0', text.n))
        status = err_set(e, ERR_INVALID_CONFIGURATION, "%s: is no secret of at most %zu bytes", path, max);
    else
        *ret_text = span_dup(text);
    explicit_bzero(bytes, sizeof bytes);
    return status;
}

int file_read_secret(const char *path, size_t max, char **ret_text, struct err *e) {
    ASSERT(max <= SECRET_BYTES_MAX);
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return err_set_sys(e, ERR_INVALID_CONFIGURATION, errno, "%s", path);
    return check_mode(fd, path, e) < 0 ? -1 : read_text(fd, path, max, ret_text, e);
}

void file_secret_free(char *text) {
    if (text)
        explicit_bzero(text, strlen(text));
    free(text);
}
