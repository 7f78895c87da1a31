// Fails the hard way: the execution ends with RuntimeError, and what was written until then is kept.
#include <stdio.h>

int main(void) {
    puts("about to trap");
    fflush(stdout);
    __builtin_trap();
}
