// stdout and stderr do not mix.
#include <stdio.h>

int main(void) {
    fputs("out\n", stdout);
    fputs("err\n", stderr);
    return 3;
}
