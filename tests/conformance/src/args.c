// args_get: arguments arrive in order and whole, the empty one and UTF-8 too.
#include "check.h"

int main(int argc, char **argv) {
    CHECK(argc == 5);
    CHECK(strcmp(argv[1], "first") == 0);
    CHECK(strcmp(argv[2], "") == 0);
    CHECK(strcmp(argv[3], "two words") == 0);
    CHECK(strcmp(argv[4], "Z\xc3\xbcrich \"quoted\"") == 0);
    return 0;
}
