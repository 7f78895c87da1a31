// fd_readdir through readdir(3): every entry once, of the right type.
#include "check.h"

#include <dirent.h>

int main(void) {
    int greetings = 0, inners = 0, others = 0;
    DIR *directory = opendir("fs.dir");
    CHECK(directory);
    for (struct dirent *entry; (entry = readdir(directory));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (strcmp(entry->d_name, "greeting") == 0 && entry->d_type == DT_REG)
            greetings++;
        else if (strcmp(entry->d_name, "inner") == 0 && entry->d_type == DT_DIR)
            inners++;
        else
            others++;
    }
    closedir(directory);
    CHECK(greetings == 1 && inners == 1 && others == 0);
    return 0;
}
