// A granted directory: read what is there, write, read back, append, rename, remove.
#include "check.h"

#include <sys/stat.h>
#include <unistd.h>

static void expect(const char *path, const char *wanted) {
    char text[64] = "";
    FILE *file = fopen(path, "r");
    CHECK(file);
    size_t n = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    CHECK(n == strlen(wanted) && strcmp(text, wanted) == 0);
}

static void put(const char *path, const char *mode, const char *text) {
    FILE *file = fopen(path, mode);
    CHECK(file);
    CHECK(fputs(text, file) >= 0 && fclose(file) == 0);
}

int main(void) {
    struct stat info;
    expect("fs.dir/greeting", "hello\n");
    expect("fs.dir/inner/deep", "deep\n");
    put("fs.dir/new", "w", "one");
    put("fs.dir/new", "a", " two");
    expect("fs.dir/new", "one two");
    CHECK(stat("fs.dir/new", &info) == 0 && info.st_size == 7 && S_ISREG(info.st_mode));
    CHECK(rename("fs.dir/new", "fs.dir/inner/moved") == 0);
    CHECK(!fopen("fs.dir/new", "r"));
    expect("fs.dir/inner/moved", "one two");
    CHECK(unlink("fs.dir/inner/moved") == 0);
    CHECK(mkdir("fs.dir/made", 0777) == 0 && stat("fs.dir/made", &info) == 0 && S_ISDIR(info.st_mode));
    CHECK(rmdir("fs.dir/made") == 0 && stat("fs.dir/made", &info) != 0);
    return 0;
}
