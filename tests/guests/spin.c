// Never ends and never calls the host: only its process can be ended.
int main(void) {
    for (volatile unsigned i = 0;; i++) {
    }
}
