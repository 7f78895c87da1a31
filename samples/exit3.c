// Fails the polite way: the execution's exit code is 3.
#include <stdio.h>
#include <stdlib.h>

int main(void) {
    puts("leaving with 3");
    fprintf(stderr, "exit3: as asked\n");
    exit(3);
}
