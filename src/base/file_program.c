// Where the other programs of SPEAR are, seen from the one that runs.
//
// The order makes a build tree and an installation each find their own parts: beside the executable, in the sibling
// folders of a build tree, in libexec, on PATH.
#include "base/file.h"

#include "base/mem.h"
#include "base/version.h"

#include <sys/stat.h>
#include <unistd.h>

enum { PATH_BYTES = 4096 };

// The folder of a build tree (below src/) that a program is made in.
static const struct {
    const char *program, *folder;
} build_folders[] = {{"sms", "sms"}, {"spearlet", "spearlet"}, {"spear-worker", "worker"}, {"spear", "cli"}};

static bool is_program(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

// The path when a program is there; NULL (and the path freed) when not.
static char *if_program(char *path) {
    if (is_program(path))
        return path;
    free(path);
    return NULL;
}

// The directory of the running executable, or NULL.
static char *own_directory(void) {
    char path[PATH_BYTES];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path);
    if (n <= 0 || (size_t)n == sizeof path)
        return NULL;
    while (n > 1 && path[n - 1] != '/')
        n--;
    return span_dup(span_make(path, (size_t)(n > 1 ? n - 1 : n)));
}

static char *in_build_tree(const char *directory, const char *program) {
    for (size_t i = 0; i < COUNT_OF(build_folders); i++)
        if (strcmp(program, build_folders[i].program) == 0)
            return if_program(mem_printf("%s/../%s/%s", directory, build_folders[i].folder, program));
    return NULL;
}

static char *on_path(const char *program) {
    struct span rest = span_of(getenv("PATH")), part;
    while (span_next(&rest, ':', &part)) {
        if (part.n == 0 || part.p[0] != '/')
            continue; // the working directory is no place to take programs from
        char *found = if_program(mem_printf("%.*s/%s", SPAN_ARGS(part), program));
        if (found)
            return found;
    }
    return NULL;
}

char *file_find_program(const char *program) {
    ASSERT(*program && !strchr(program, '/'));
    AUTO_FREE char *directory = own_directory();
    char *found = directory ? if_program(file_join(directory, program)) : NULL;
    if (!found && directory)
        found = in_build_tree(directory, program);
    if (!found && directory) // an installation that was moved, or made below DESTDIR
        found = if_program(mem_printf("%s/../libexec/spear/%s", directory, program));
    if (!found)
        found = if_program(file_join(SPEAR_LIBEXEC_DIR, program));
    return found ? found : on_path(program);
}
