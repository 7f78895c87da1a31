// Nameless files in memory: memfd_create, seals, hole punching. The next step for module bytes is module_store.c.
#include "runtime/memory_file.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <unistd.h>

int memory_file_new(const char *name, int *ret_fd, struct err *e) {
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return err_set_sys(e, ERR_RESOURCE_EXHAUSTED, errno, "memory for %s cannot be had", name);
    *ret_fd = fd;
    return 0;
}

int memory_file_seal(int fd, struct err *e) {
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
        return err_set_sys(e, ERR_IO, errno, "a memory file cannot be sealed");
    return 0;
}

int memory_file_of(const char *name, struct span bytes, int *ret_fd, struct err *e) {
    AUTO_CLOSE int fd = -1;
    if (memory_file_new(name, &fd, e) < 0 || file_write_all(fd, bytes, e) < 0 || memory_file_seal(fd, e) < 0)
        return -1;
    *ret_fd = TAKE_FD(fd);
    return 0;
}

int memory_file_map(int fd, uint64_t size_bytes, struct span *ret_bytes, struct err *e) {
    if (size_bytes == 0) {
        *ret_bytes = (struct span){NULL, 0};
        return 0;
    }
    void *p = mmap(NULL, size_bytes, PROT_READ, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED)
        return err_set_sys(e, ERR_IO, errno, "%llu bytes cannot be mapped", (unsigned long long)size_bytes);
    *ret_bytes = span_make(p, size_bytes);
    return 0;
}

void memory_file_unmap(struct span bytes) {
    if (bytes.n > 0)
        munmap((void *)(uintptr_t)bytes.p, bytes.n);
}

int memory_file_copy(int to_fd, int from_fd, uint64_t offset, uint64_t n, struct err *e) {
    off_t from = (off_t)offset;
    while (n > 0) {
        ssize_t copied = sendfile(to_fd, from_fd, &from, n);
        if (copied < 0 && errno == EINTR)
            continue;
        if (copied < 0)
            return err_set_sys(e, ERR_IO, errno, "%llu bytes cannot be copied", (unsigned long long)n);
        if (copied == 0)
            return err_set(e, ERR_IO, "%llu bytes are missing from a file that was being copied",
                           (unsigned long long)n);
        n -= (uint64_t)copied;
    }
    return 0;
}

void memory_file_punch(int fd, uint64_t offset, uint64_t n) {
    // Failing leaves the pages where they are: more memory in use, nothing wrong.
    (void)fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)n);
}
