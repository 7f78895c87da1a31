// The files of a cache on disk: names, ages, room. cache_folder.h says what it promises; what stands in the files is the caches' own.
#include "runtime/cache_folder.h"

#include "base/file.h"
#include "base/id.h"
#include "base/mem.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CACHE_FILES_MAX = 16384 };
static const char temporary_prefix[] = "new-";

struct cached_file {
    char name[SHA256_HEX + 1];
    uint64_t size_bytes;
    struct timespec used_at;
};

struct cache_listing {
    struct cached_file *files;
    size_t count;
    uint64_t total_bytes;
};

static void remove_temporaries(const char *path) {
    DIR *directory = opendir(path);
    for (struct dirent *entry; directory && (entry = readdir(directory));) {
        AUTO_FREE char *file = file_join(path, entry->d_name);
        if (span_starts_with(span_of(entry->d_name), temporary_prefix) && unlink(file) < 0)
            (void)file_remove_tree(file, NULL);
    }
    if (directory)
        closedir(directory);
}

int cache_folder_open(const char *data_dir, const char *name, char **ret_path, struct err *e) {
    AUTO_FREE char *path = data_dir ? file_join(data_dir, name) : NULL;
    if (path && file_make_dirs(path, 0700, e) < 0)
        return -1;
    if (path)
        remove_temporaries(path);
    *ret_path = TAKE(path);
    return 0;
}

char *cache_folder_file(const char *path, const unsigned char sha256[SHA256_BYTES]) {
    char hex[SHA256_HEX + 1];
    sha256_to_hex(sha256, hex);
    return file_join(path, hex);
}

char *cache_folder_temporary(const char *path) {
    char id[UUID_TEXT + 1];
    uuid_new(id);
    return mem_printf("%s/%s%s", path, temporary_prefix, id);
}

void cache_folder_touch(const char *file) {
    (void)utimensat(AT_FDCWD, file, NULL, 0);
}

static int by_age(const void *a, const void *b) {
    const struct timespec *x = &((const struct cached_file *)a)->used_at,
                          *y = &((const struct cached_file *)b)->used_at;
    if (x->tv_sec != y->tv_sec)
        return x->tv_sec < y->tv_sec ? -1 : 1;
    return x->tv_nsec < y->tv_nsec ? -1 : x->tv_nsec > y->tv_nsec;
}

static void list_one(DIR *directory, const char *name, struct cache_listing *l) {
    struct stat info;
    if (strlen(name) != SHA256_HEX || fstatat(dirfd(directory), name, &info, AT_SYMLINK_NOFOLLOW) < 0)
        return;
    if ((l->count & (l->count + 1)) == 0) // grow at 0, 1, 3, 7, …
        l->files = mem_realloc(l->files, (2 * l->count + 2) * sizeof *l->files);
    struct cached_file *f = &l->files[l->count++];
    memcpy(f->name, name, SHA256_HEX + 1);
    f->size_bytes = (uint64_t)info.st_size;
    f->used_at = info.st_mtim;
    l->total_bytes += f->size_bytes;
}

uint64_t cache_folder_make_room(const char *path, uint64_t max_bytes, uint64_t size_bytes) {
    DIR *directory = opendir(path);
    if (!directory)
        return 0;
    struct cache_listing l = {0};
    for (struct dirent *entry; (entry = readdir(directory));)
        list_one(directory, entry->d_name, &l);
    if (l.count > 0)
        qsort(l.files, l.count, sizeof *l.files, by_age);
    for (size_t i = 0; i < l.count && (l.total_bytes + size_bytes > max_bytes || l.count - i >= CACHE_FILES_MAX); i++) {
        (void)unlinkat(dirfd(directory), l.files[i].name, 0);
        l.total_bytes -= l.files[i].size_bytes;
    }
    free(l.files);
    closedir(directory);
    return l.total_bytes;
}
