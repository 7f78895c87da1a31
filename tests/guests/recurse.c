// Calls itself for ever: exhausts whatever stack the engine has. Its frames are small in the guest's own memory.
#include <stdio.h>

static unsigned down(volatile unsigned *above);
static unsigned (*volatile step)(volatile unsigned *above) = down;

static unsigned down(volatile unsigned *above) {
    volatile unsigned here = *above + 1;
    return step(&here) + here;
}

int main(void) {
    volatile unsigned first = 0;
    printf("%u\n", step(&first));
    return 0;
}
