// environ_get: variables arrive with their values; what was not set is not there.
#include "check.h"

int main(void) {
    CHECK(getenv("PLAIN") && strcmp(getenv("PLAIN"), "value") == 0);
    CHECK(getenv("EMPTY") && strcmp(getenv("EMPTY"), "") == 0);
    CHECK(getenv("SIGN") && strcmp(getenv("SIGN"), "a=b=c") == 0);
    CHECK(!getenv("PATH") && !getenv("HOME"));
    return 0;
}
