// A payload is gathered before anything is started or sent: its ceiling is known, and a mistake costs nothing.
//
// Next step: run.c and invoke.c, which send it.
#include "cli/payload.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { BLOCK_BYTES = 64 * 1024 };

int payload_read(int fd, const char *name, struct buf *out, struct err *e) {
    AUTO_FREE char *block = mem_alloc(BLOCK_BYTES);
    for (;;) {
        ssize_t n = read(fd, block, BLOCK_BYTES);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set_sys(e, ERR_IO, errno, "%s could not be read", name);
        if (n == 0)
            return 0;
        if (buf_append(out, block, (size_t)n) != 0)
            return err_set(e, ERR_PAYLOAD_TOO_LARGE, "%s has more than %zu bytes", name, out->max);
    }
}

int payload_read_file(const char *path, struct buf *out, struct err *e) {
    if (strcmp(path, "-") == 0)
        return payload_read(STDIN_FILENO, "stdin", out, e);
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set_sys(e, errno == ENOENT ? ERR_FILE_NOT_FOUND : ERR_IO, errno, "%s", path);
    return payload_read(fd, path, out, e);
}
