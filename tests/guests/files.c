// Does what its stdin says, one command a line, with the C library's calls, and prints how each went: "ok …" or the name of the error.
//   write PATH TEXT   append PATH TEXT   read PATH   fill PATH BYTES   size PATH   mkdir PATH   rmdir PATH   unlink PATH
//   rename PATH PATH   link PATH PATH   symlink TEXT PATH   ls PATH
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK_BYTES = 1000, LINE_BYTES = 1024, NAMES_MAX = 100 };

static const struct {
    int number;
    const char *name;
} errors[] = {{EACCES, "EACCES"},           {EBADF, "EBADF"},         {EEXIST, "EEXIST"}, {EINVAL, "EINVAL"},
              {EISDIR, "EISDIR"},           {ELOOP, "ELOOP"},         {ENOENT, "ENOENT"}, {ENOSPC, "ENOSPC"},
              {ENOTDIR, "ENOTDIR"},         {ENOTEMPTY, "ENOTEMPTY"}, {EPERM, "EPERM"},   {EROFS, "EROFS"},
              {ENOTCAPABLE, "ENOTCAPABLE"}, {EXDEV, "EXDEV"},         {ENXIO, "ENXIO"}};

static void tell(int failed) {
    const char *name = "another error";
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        if (errors[i].number == errno) {
            name = errors[i].name;
        }
    }
    puts(failed ? name : "ok");
}

static int write_text(const char *path, int flags, const char *text) {
    int fd = open(path, O_WRONLY | O_CREAT | flags, 0644);
    if (fd < 0) {
        return -1;
    }
    ssize_t n = write(fd, text, strlen(text));
    return close(fd) || n != (ssize_t)strlen(text) ? -1 : 0;
}

// As far as it goes; the size is seen by "size".
static int fill(const char *path, long bytes) {
    static char block[BLOCK_BYTES];
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0644);
    int failed = fd < 0;
    for (; !failed && bytes > 0; bytes -= BLOCK_BYTES) {
        failed = write(fd, block, sizeof block) != sizeof block;
    }
    int saved = errno;
    if (fd >= 0) {
        close(fd);
    }
    errno = saved;
    return failed ? -1 : 0;
}

static void read_text(const char *path) {
    char text[LINE_BYTES];
    int fd = open(path, O_RDONLY);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (n < 0) {
        tell(1);
        return;
    }
    text[n] = '\0';
    printf("ok %s\n", text);
    close(fd);
}

static void size_of(const char *path) {
    struct stat st;
    if (stat(path, &st)) {
        tell(1);
    } else {
        printf("ok %lld\n", (long long)st.st_size);
    }
}

static int compare(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list(const char *path) {
    char *names[NAMES_MAX];
    size_t count = 0;
    DIR *folder = opendir(path);
    if (!folder) {
        tell(1);
        return;
    }
    for (struct dirent *entry; count < NAMES_MAX && (entry = readdir(folder));) {
        names[count++] = strdup(entry->d_name);
    }
    closedir(folder);
    qsort(names, count, sizeof names[0], compare);
    printf("ok");
    for (size_t i = 0; i < count; i++) {
        printf(" %s", names[i]);
    }
    puts("");
}

static void run(const char *command, const char *a, const char *b) {
    if (strcmp(command, "write") == 0) {
        tell(write_text(a, O_TRUNC, b));
    } else if (strcmp(command, "append") == 0) {
        tell(write_text(a, O_APPEND, b));
    } else if (strcmp(command, "read") == 0) {
        read_text(a);
    } else if (strcmp(command, "fill") == 0) {
        tell(fill(a, strtol(b, NULL, 10)));
    } else if (strcmp(command, "size") == 0) {
        size_of(a);
    } else if (strcmp(command, "mkdir") == 0) {
        tell(mkdir(a, 0755));
    } else if (strcmp(command, "rmdir") == 0) {
        tell(rmdir(a));
    } else if (strcmp(command, "unlink") == 0) {
        tell(unlink(a));
    } else if (strcmp(command, "rename") == 0) {
        tell(rename(a, b));
    } else if (strcmp(command, "link") == 0) {
        tell(link(a, b));
    } else if (strcmp(command, "symlink") == 0) {
        tell(symlink(a, b));
    } else if (strcmp(command, "ls") == 0) {
        list(a);
    } else {
        printf("unknown command %s\n", command);
    }
}

int main(void) {
    char line[LINE_BYTES], command[16], a[256], b[256];
    while (fgets(line, sizeof line, stdin)) {
        command[0] = a[0] = b[0] = '\0';
        if (sscanf(line, "%15s %255s %255s", command, a, b) > 0) {
            run(command, a, b);
        }
    }
    return 0;
}
