// Walks a volume by descriptors: no path of it is ever put together, so that nothing that is renamed meanwhile leads elsewhere.
#include "runtime/volume_scan.h"

#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

struct linked_file {
    uint64_t device, inode, bytes;
};

struct scan {
    uint64_t bytes;
    struct linked_file *linked; // files with several names
    size_t linked_count, linked_capacity;
};

static int scan_folder(struct scan *s, int folder_fd, unsigned depth, struct err *e);

static void add_linked(struct scan *s, const struct stat *st) {
    if (s->linked_count == s->linked_capacity) {
        s->linked_capacity = s->linked_capacity ? s->linked_capacity * 2 : 16;
        s->linked = mem_realloc(s->linked, s->linked_capacity * sizeof *s->linked);
    }
    s->linked[s->linked_count++] = (struct linked_file){st->st_dev, st->st_ino, (uint64_t)st->st_size};
}

static int compare(const void *a, const void *b) {
    const struct linked_file *x = a, *y = b;
    if (x->device != y->device)
        return x->device < y->device ? -1 : 1;
    return x->inode < y->inode ? -1 : x->inode > y->inode;
}

static void add_linked_once(struct scan *s) {
    if (s->linked_count)
        qsort(s->linked, s->linked_count, sizeof *s->linked, compare);
    for (size_t i = 0; i < s->linked_count; i++)
        if (i == 0 || compare(&s->linked[i - 1], &s->linked[i]) != 0)
            s->bytes += s->linked[i].bytes;
}

static int scan_below(struct scan *s, int folder_fd, const char *name, unsigned depth, struct err *e) {
    if (depth >= VOLUME_DEPTH_MAX)
        return err_set(e, ERR_INVALID_CONFIGURATION, "its folders are nested more than %d deep", VOLUME_DEPTH_MAX);
    int fd = openat(folder_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR || errno == ELOOP
                   ? 0
                   : err_set_sys(e, ERR_IO, errno, "its folder %.80s cannot be read", name);
    return scan_folder(s, fd, depth + 1, e);
}

static int scan_entry(struct scan *s, int folder_fd, const char *name, unsigned depth, struct err *e) {
    struct stat st;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || fstatat(folder_fd, name, &st, AT_SYMLINK_NOFOLLOW))
        return 0;
    if (S_ISDIR(st.st_mode))
        return scan_below(s, folder_fd, name, depth, e);
    if (S_ISREG(st.st_mode) && st.st_nlink > 1)
        add_linked(s, &st);
    else if (S_ISREG(st.st_mode))
        s->bytes += (uint64_t)st.st_size;
    return 0;
}

// Takes folder_fd.
static int scan_folder(struct scan *s, int folder_fd, unsigned depth, struct err *e) {
    DIR *folder = fdopendir(folder_fd);
    if (!folder) {
        err_set_sys(e, ERR_IO, errno, "a folder of it cannot be read");
        close(folder_fd);
        return -1;
    }
    int failed = 0;
    for (struct dirent *entry; !failed && (entry = readdir(folder));)
        failed = scan_entry(s, folder_fd, entry->d_name, depth, e);
    closedir(folder);
    return failed;
}

int volume_scan(int directory_fd, uint64_t *ret_bytes, struct err *e) {
    struct scan s = {0};
    int fd = openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_set_sys(e, ERR_IO, errno, "it cannot be read");
    int failed = scan_folder(&s, fd, 0, e);
    add_linked_once(&s);
    free(s.linked);
    if (!failed)
        *ret_bytes = s.bytes;
    return failed;
}
