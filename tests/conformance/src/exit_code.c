// proc_exit: the code comes out as it went in.
#include <stdlib.h>

int main(void) {
    exit(33);
}
