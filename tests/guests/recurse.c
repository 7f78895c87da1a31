// Calls itself for ever: exhausts whatever stack the engine has. Its frames are small in the guest's own memory.
#include <stdio.h>

static unsigned down(unsigned above);
static unsigned (*volatile step)(unsigned above) = down;

static unsigned down(unsigned above) {
    return step(above + 1) + above;
}

int main(void) {
    printf("%u\n", step(0));
    return 0;
}
