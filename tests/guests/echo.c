// stdin to stdout, byte for byte, in blocks.
#include <unistd.h>

int main(void) {
    static char block[65536];
    ssize_t n;
    while ((n = read(0, block, sizeof block)) > 0) {
        for (ssize_t done = 0; done < n;) {
            ssize_t written = write(1, block + done, (size_t)(n - done));
            if (written <= 0) {
                return 1;
            }
            done += written;
        }
    }
    return n < 0 ? 2 : 0;
}
