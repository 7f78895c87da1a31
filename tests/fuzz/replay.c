// Runs a fuzz target over the files of a corpus folder, and over every prefix of each: what CI does with the targets.
#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "fuzz/fuzz.h"

#include <dirent.h>
#include <stdio.h>

enum { INPUT_MAX = 1024 * 1024, PREFIXES_MAX = 4096 };

static void replay(const char *path) {
    struct buf input;
    struct err e;
    buf_init(&input, INPUT_MAX);
    if (file_read(path, &input, &e) != 0) {
        fprintf(stderr, "replay: %s\n", e.text);
        exit(1);
    }
    size_t step = input.n / PREFIXES_MAX + 1;
    for (size_t n = 0; n <= input.n; n += step) {
        // An exact copy, so that a sanitizer sees one byte too far.
        AUTO_FREE void *copy = mem_dup(buf_text(&input), n);
        LLVMFuzzerTestOneInput(copy, n);
    }
    AUTO_FREE void *whole = mem_dup(buf_text(&input), input.n);
    LLVMFuzzerTestOneInput(whole, input.n);
    buf_done(&input);
}

int main(int argc, char **argv) {
    DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
    if (!folder) {
        fprintf(stderr, "usage: %s CORPUS_FOLDER (it must exist)\n", argv[0]);
        return 2;
    }
    size_t count = 0;
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (entry->d_name[0] == '.')
            continue;
        AUTO_FREE char *path = file_join(argv[1], entry->d_name);
        replay(path);
        count++;
    }
    closedir(folder);
    printf("%zu inputs replayed\n", count);
    return count > 0 ? 0 : 1;
}
